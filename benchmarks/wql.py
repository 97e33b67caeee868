"""Weighted quantile loss on M5 against statsforecast's automatic models.

    python -m benchmarks.wql --libraries PYTHON [--series 100] [--origins 2] [--methods NAMES]

Store TX_3, department FOODS_3. Our families are fitted on all its series up to the first of eight
origins and again up to the first of those judged, and calibrated by what the origins before taught;
the libraries estimate a random sample of the series anew at each origin judged, and all are judged
on that sample, at the same quantile levels. Normal intervals of the libraries are cut off at zero,
as ours are. With `--kept FOLDER`, what was said is kept there and not asked again.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.m5_panel import HORIZON, M5, Floats, read
from benchmarks.runs import ROOT
from forecast_platform.contracts import QUANTILES
from forecast_platform.forecasting.backtest import judge, rolling_origins
from forecast_platform.forecasting.calibrated import learned
from forecast_platform.forecasting.compare import compare
from forecast_platform.forecasting.ensemble import combined
from forecast_platform.forecasting.kept import kept_origins
from forecast_platform.forecasting.metrics import series_pinball, wql
from forecast_platform.forecasting.truth import truths
from forecast_platform.models import create
from forecast_platform.panel import Panel

_DATA = Path(os.environ.get("FORECAST_PLATFORM_REAL_DATA", ROOT.parent / "shared" / "data"))
_LIBRARY = Path(__file__).with_name("wql_library.py")
_FAMILIES = "theta,arima,lightgbm,lstm"
_METHODS = "AutoARIMA,AutoETS"
_ENSEMBLE = "ensemble"
_DAYS, _LEARNT_ON = 730, 6
_AT_ONCE = 50
"""Series that the libraries answer in one process."""

Said = Mapping[str, Floats]
"""By model the quantiles (O, n, H, Q) of the sample."""


def main(words: list[str] | None = None) -> None:
    chosen = _arguments().parse_args(words)
    folder = chosen.data / "m5_tx3_foods3"
    if not folder.is_dir():
        sys.exit(f"There is no {folder}: give the folder of the public data sets as --data.")
    m5 = read(folder).last(_DAYS + (chosen.origins + _LEARNT_ON) * HORIZON)
    with tempfile.TemporaryDirectory() as work:
        kept = chosen.kept or Path(work)
        said, actual, names = study(m5, chosen, kept)
    for line in report(said, actual, names):
        print(line)


def study(
    m5: M5, chosen: argparse.Namespace, kept: Path
) -> tuple[dict[str, Floats], Floats, NDArray[np.object_]]:
    """What every model said of the sample, what came (O, n, H), and the items' names."""
    panel = m5.panel
    origins = rolling_origins(panel.last_day, chosen.origins + _LEARNT_ON, step=HORIZON)
    judged = origins[_LEARNT_ON:]
    rows = sample(panel.until(judged[0]), chosen.series)
    said = dict(_ours(m5, chosen.families.split(","), origins, kept, rows))
    if chosen.libraries:
        for method in chosen.methods.split(","):
            ask = partial(_library, chosen.libraries, method, panel, rows, kept=kept)
            said[method] = np.stack([ask(day=day) for day in judged])
    columns = [panel.column_of(day) for day in judged]
    actual = np.stack([panel.demand[rows, at + 1 : at + 1 + HORIZON] for at in columns])
    return said, actual, panel.items[rows]


def sample(panel: Panel, count: int) -> NDArray[np.intp]:
    """Rows of a random sample of the series that sold something in the last year."""
    sold = np.flatnonzero(np.nansum(panel.demand[:, -365:], axis=1) > 0)
    drawn = np.random.default_rng(0).choice(sold, min(count, len(sold)), replace=False)
    return np.sort(drawn)


def report(said: Said, actual: Floats, names: NDArray[np.object_]) -> Iterator[str]:
    """Loss of each model, and of ours against the libraries' with 90 % intervals.

    The intervals come from resampling origins and items at the same time.
    """
    losses = {
        name: np.stack(
            [series_pinball(*pair, QUANTILES) for pair in zip(actual, quantiles, strict=True)]
        )
        for name, quantiles in said.items()
    }
    cells = f"{actual.shape[1]} series x {len(actual)} origins x {HORIZON} days"
    yield f"weighted quantile loss, {cells}, {len(QUANTILES)} levels"
    for name, quantiles in said.items():
        each = " ".join(
            f"{wql(came, part, QUANTILES):.4f}"
            for came, part in zip(actual, quantiles, strict=True)
        )
        pooled = wql(actual.reshape(-1, HORIZON), quantiles.reshape(-1, HORIZON, len(QUANTILES)),
                     QUANTILES)  # fmt: skip
        yield f"{name:20s} {pooled:.4f}   by origin {each}"
    libraries = [name for name in said if name in _METHODS]
    for name in (name for name in said if name not in libraries):
        for library in libraries:
            found = compare(losses[name], losses[library], blocks=names)
            level = np.nanmean(losses[library])
            yield (
                f"{name:20s} against {library:10s} {100 * found.relative:+6.1f} %  "
                f"({100 * found.low / level:+.1f} to {100 * found.high / level:+.1f}), better in "
                f"{100 * found.resampled:.1f} % of resamples"
            )


def _ours(
    m5: M5, families: Sequence[str], origins: Sequence[dt.date], kept: Path, rows: NDArray[np.intp]
) -> Iterator[tuple[str, Floats]]:
    """Calibrated quantiles of the origins judged, by family and of the ensemble."""
    known = truths(m5.panel, origins, HORIZON, m5.prices)
    earlier, judged = origins[:_LEARNT_ON], origins[_LEARNT_ON:]
    folders = {family: kept / family for family in families}
    for family, folder in folders.items():
        if not folder.is_dir() or kept_origins(folder) != sorted(origins):
            judge({family: partial(create, family)}, m5.panel, origins, prices=m5.prices,
                  refit_every=_LEARNT_ON, keep=kept)  # fmt: skip
    groups = {family: {family: folder} for family, folder in folders.items()}
    if len(folders) > 1:
        groups[_ENSEMBLE] = folders
    for name, members in groups.items():
        weights, calibration = learned(members, known, earlier)
        forecasts = [calibration.apply(one) for one in combined(members, weights, judged)]
        yield name, np.concatenate([one.quantiles[:, rows] for one in forecasts])


def _library(
    python: str, method: str, panel: Panel, rows: NDArray[np.intp], day: dt.date, kept: Path
) -> Floats:
    """A library method's quantiles (n, H, Q) of one origin, >= 0.

    It is asked and kept some series at a time, since a hundred may take several minutes.
    """
    known, parts = panel.until(day).last(_DAYS).demand[rows], []
    for at in range(0, len(rows), _AT_ONCE):
        out = kept / f"{method}-{len(rows)}-{day}-{at}.npz"
        if not out.exists():
            _ask(python, method, known[at : at + _AT_ONCE], out)
        with np.load(out) as arrays:
            parts.append(np.maximum(arrays[method], 0))
    return np.concatenate(parts)


def _ask(python: str, method: str, demand: Floats, out: Path) -> None:
    """Have the other interpreter write a method's quantiles of (n, T) demand."""
    out.parent.mkdir(parents=True, exist_ok=True)
    task = out.with_suffix(".task.npz")
    np.savez(task, demand=demand, levels=np.array(QUANTILES), horizon=HORIZON)
    done = subprocess.run(
        [python, str(_LIBRARY), str(task), str(out), method], capture_output=True, text=True
    )
    task.unlink()
    if done.returncode:
        sys.exit(f"{python} gave no forecasts: {done.stderr.strip().splitlines()[-1]}")
    print(f"{out.stem}: {done.stdout.strip()}", flush=True)


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("--data", type=Path, default=_DATA, help="folder of the public data sets")
    add("--libraries", default="", help="interpreter of an environment with statsforecast")
    add("--methods", default=_METHODS, help="library methods, joined by commas")
    add("--families", default=_FAMILIES, help="families and members, joined by commas")
    add("--series", type=int, default=100, help="series in the sample")
    add("--origins", type=int, default=2, help="origins judged")
    add("--kept", type=Path, help="folder in which forecasts are kept between runs")
    return parser


if __name__ == "__main__":
    main()
