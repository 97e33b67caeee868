"""Smoothing families on M5, store TX_3, department FOODS_3: speed and accuracy.

    python -m benchmarks.smoothing [--data FOLDER] [--libraries PYTHON] [--series 60] [--origins 8]

`--libraries` is the interpreter of an environment that has statsforecast; without it only our own
speed is shown. Ours is the time of fit and forecast together, quantiles included; the library's is
that of its mean forecast alone. For accuracy, families are estimated once, at the first origin.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.m5_panel import HORIZON, M5, Floats, read
from benchmarks.runs import ROOT
from forecast_platform.forecasting.metrics import INTERVALS, coverage, pinball
from forecast_platform.models import create
from forecast_platform.panel import Panel

_DATA = Path(os.environ.get("FORECAST_PLATFORM_REAL_DATA", ROOT.parent / "shared" / "data"))
_LIBRARY = Path(__file__).with_name("smoothing_library.py")
_FAMILIES = (
    "moving_average", "ses", "ets", "theta", "croston", "sba", "tsb", "adida", "imapa",
    "weekday_mean", "seasonal_naive",
)  # fmt: skip
_DAYS = 730
_ROUNDS = 3


def main(words: list[str] | None = None) -> None:
    chosen = _arguments().parse_args(words)
    folder = chosen.data / "m5_tx3_foods3"
    if not folder.is_dir():
        sys.exit(f"There is no {folder}: give the folder of the public data sets as --data.")
    m5 = read(folder)
    for line in speed(m5, chosen.libraries, chosen.series):
        print(line, flush=True)
    if chosen.origins:
        for line in accuracy(m5, chosen.families.split(","), chosen.origins):
            print(line, flush=True)


def speed(m5: M5, libraries: str, count: int) -> Iterator[str]:
    """CPU milliseconds per series of 730 days, ours and statsforecast's, and both errors."""
    origin = m5.origins(1)[0]
    panel = m5.panel.until(m5.panel.days[origin].item()).last(_DAYS)
    complete = np.flatnonzero(~np.isnan(panel.demand).any(axis=1))
    rows = complete[:: max(len(complete) // count, 1)][:count]
    panel = panel.select(rows)
    actual = m5.panel.demand[rows, origin + 1 : origin + 1 + HORIZON]
    theirs, seconds, reason = _library(libraries, panel.demand)
    yield f"CPU ms per series, {len(rows)} series x {_DAYS} days, fit + {HORIZON} days ahead; RMSE"
    for family in _FAMILIES[1:-2]:
        took, mean = _ours(family, panel)
        line = f"{family:15s} {1e3 * took / len(rows):8.3f} ms  rmse {_rmse(actual, mean):.4f}"
        if family in seconds:
            other = seconds[family]
            line += (
                f"   statsforecast {1e3 * other / len(rows):8.3f} ms  "
                f"rmse {_rmse(actual, theirs[family]):.4f}  ratio {other / took:.1f}"
            )
        yield line
    if reason:
        yield f"statsforecast  not measured: {reason}"


def accuracy(m5: M5, families: Sequence[str], count: int) -> Iterator[str]:
    """Dollar-weighted item-store WRMSSE by origin, weighted quantile loss and coverage."""
    origins = m5.origins(count)
    days = [m5.panel.days[origin].item() for origin in origins]
    actual = np.stack([m5.panel.demand[:, at + 1 : at + 1 + HORIZON] for at in origins])
    yield "WRMSSE by origin d_" + " ".join(str(origin + 1) for origin in origins)
    for family in families:
        start = time.process_time()
        model = create(family)
        model.fit(m5.panel.until(days[0]), seed=1)
        forecast = model.predict(m5.panel, days)
        cpu = time.process_time() - start
        scores = [m5.wrmsse(at, mean) for at, mean in zip(origins, forecast.mean, strict=True)]
        at = {level: forecast.quantiles[..., i] for i, level in enumerate(forecast.levels)}
        inside = ", ".join(
            f"{nominal}: {100 * coverage(actual, at[low], at[high]):.1f}"
            for nominal, (low, high) in INTERVALS.items()
            if low in at and high in at
        )
        loss = 2 * pinball(actual, forecast.quantiles, forecast.levels) / np.nanmean(actual)
        yield (
            f"{family:15s} {' '.join(f'{score:.4f}' for score in scores)}  "
            f"mean {np.mean(scores):.4f}  quantile loss {loss:.4f}  coverage {inside}  "
            f"{cpu:.1f} s CPU"
        )


def _ours(family: str, panel: Panel) -> tuple[float, NDArray[np.float32]]:
    quickest = float("inf")
    for _ in range(_ROUNDS + 1):  # the first compiles
        start = time.process_time()
        model = create(family)
        model.fit(panel, seed=1)
        mean = model.predict().mean[0]
        quickest = min(quickest, time.process_time() - start)
    return quickest, mean


def _library(
    libraries: str, demand: Floats
) -> tuple[dict[str, Floats], dict[str, float], str | None]:
    """Forecasts and seconds by method, and why there are none."""
    if not libraries:
        return {}, {}, "name its interpreter with --libraries"
    with tempfile.TemporaryDirectory() as work:
        path, out = Path(work) / "demand.npy", Path(work) / "means.npz"
        np.save(path, demand.astype(np.float64))
        done = subprocess.run(
            [libraries, str(_LIBRARY), str(path), str(_ROUNDS), str(out)],
            capture_output=True,
            text=True,
        )
        if done.returncode:
            return {}, {}, done.stderr.strip().splitlines()[-1]
        with np.load(out) as arrays:
            means = dict(arrays)
    lines = (line.split() for line in done.stdout.splitlines())
    return means, {name: float(seconds) for name, seconds in lines}, None


def _rmse(actual: Floats, mean: Floats) -> float:
    return float(np.sqrt(np.square(actual - mean).mean()))


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("--data", type=Path, default=_DATA, help="folder of the public data sets")
    add("--libraries", default="", help="interpreter of an environment with statsforecast")
    add("--series", type=int, default=60, help="series to time")
    add("--families", default=",".join(_FAMILIES), help="families to score, joined by commas")
    add("--origins", type=int, default=8, help="rolling origins; 0 for the speed alone")
    return parser


if __name__ == "__main__":
    main()
