"""Regressions and trees on M5, store TX_3, department FOODS_3: speed and accuracy.

    python -m benchmarks.trees [--data FOLDER] [--libraries PYTHON] [--origins 8] [--refit 0]

`--libraries` is the interpreter of an environment that has mlforecast; without it only our own
speed is shown. All families are trained at the cutoff of the first origin and, with `--refit N`,
again at every Nth; no day after an origin is seen by its forecast.
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

from benchmarks.m5_panel import HORIZON, M5, Floats, read
from benchmarks.runs import ROOT
from forecast_platform.features.demand import DEMAND_FEATURES
from forecast_platform.features.wide import demand_features
from forecast_platform.forecasting.metrics import coverage
from forecast_platform.models import create
from forecast_platform.models.regression import ahead_of
from forecast_platform.models.trees import ALL, LightGbm

_DATA = Path(os.environ.get("FORECAST_PLATFORM_REAL_DATA", ROOT.parent / "shared" / "data"))
_LIBRARY = Path(__file__).with_name("trees_library.py")
_FEATURES = (
    "demand_lag_0", "demand_lag_1", "demand_lag_7", "demand_mean_7", "demand_mean_14",
    "demand_mean_28", "demand_mean_56", "demand_mean_91", "demand_mean_182", "demand_std_28",
    "weekday_mean_4", "weekday_mean_8",
)  # fmt: skip
"""Those of a direct model that mlforecast has too."""

_FAMILIES = "lightgbm,ridge,random_forest,decision_tree,moving_average,seasonal_naive"
_TRAINING_DAYS = 912
_BANDS = {50: (0.25, 0.75), 80: (0.1, 0.9), 90: (0.05, 0.95)}
_ROUNDS = 5
_BLOCK = 64
"""Series whose features are made at once, as in training."""


def main(words: list[str] | None = None) -> None:
    chosen = _arguments().parse_args(words)
    folder = chosen.data / "m5_tx3_foods3"
    if not folder.is_dir():
        sys.exit(f"There is no {folder}: give the folder of the public data sets as --data.")
    m5 = read(folder)
    for line in features_speed(m5.panel.demand, chosen.libraries):
        print(line, flush=True)
    for line in answers_speed(m5):
        print(line, flush=True)
    if chosen.origins:
        for line in accuracy(m5, chosen.families.split(","), chosen.origins, chosen.refit):
            print(line, flush=True)


def features_speed(demand: Floats, libraries: str) -> Iterator[str]:
    """Rows of features made per second of CPU, ours and mlforecast's."""
    wanted = [feature for feature in DEMAND_FEATURES if feature.name in _FEATURES]
    rows = int((~np.isnan(demand)).sum())
    quickest = float("inf")
    for _ in range(_ROUNDS):
        start = time.process_time()
        for begin in range(0, len(demand), _BLOCK):
            block = demand[begin : begin + _BLOCK]
            demand_features(block, 0, demand.shape[1] - 1, wanted)
        quickest = min(quickest, time.process_time() - start)
    ours = rows / quickest
    yield f"wide features  {rows:,} rows x {len(wanted)}  {ours / 1e6:6.1f} M rows/s"
    if not libraries:
        yield "mlforecast     not measured: name its interpreter with --libraries"
        return
    with tempfile.TemporaryDirectory() as work:
        path = Path(work) / "demand.npy"
        np.save(path, demand)
        done = subprocess.run(
            [libraries, str(_LIBRARY), str(path), str(_ROUNDS)], capture_output=True, text=True
        )
    if done.returncode:
        yield f"mlforecast     not measured: {done.stderr.strip().splitlines()[-1]}"
        return
    seconds, made, columns = done.stdout.split()
    theirs = int(made) / float(seconds)
    yield (
        f"mlforecast     {int(made):,} rows x {columns}  {theirs / 1e6:6.1f} M rows/s   "
        f"ratio {ours / theirs:.1f}"
    )


def answers_speed(m5: M5) -> Iterator[str]:
    """Processor time of LightGBM's trees, ours and its own, on the rows of one origin."""
    known = m5.panel.until(m5.panel.days[m5.origins(1)[0]].item()).last(_TRAINING_DAYS)
    model = LightGbm()
    model.fit(known, seed=1)
    boosted = model._boosters[ALL]["direct"]
    everyone = np.arange(known.n_series)
    rows = ahead_of(model._inputs(known, "direct"), known.n_days - 1, everyone, HORIZON).values

    def theirs(values: Floats) -> Floats:
        return np.asarray(boosted.booster.predict(values, raw_score=True, num_threads=1))

    for values in (rows, rows[::HORIZON].copy()):
        if not np.array_equal(boosted.raw(values), theirs(values)):
            raise SystemExit("The trees' answers differ from LightGBM's.")
        took = {boosted.raw: float("inf"), theirs: float("inf")}
        for _ in range(_ROUNDS):
            for way in took:
                start = time.process_time()
                way(values)
                took[way] = min(took[way], time.process_time() - start)
        own, their = (1e3 * seconds for seconds in took.values())
        yield (
            f"trees' answers {len(values):,} rows x {boosted.booster.num_trees()} trees  "
            f"{own:.1f} ms, LightGBM {their:.1f} ms   ratio {their / own:.1f}, the same bits"
        )


def accuracy(m5: M5, families: Sequence[str], count: int, refit: int) -> Iterator[str]:
    """WRMSSE of each family by origin, against the mean of the last 28 days."""
    origins = m5.origins(count)
    yield "WRMSSE by origin d_" + " ".join(str(origin + 1) for origin in origins)
    naive = [m5.wrmsse(at, _mean_28(m5.panel.demand, at)) for at in origins]
    yield _line("mean of 28 days", naive, naive, "")
    for family in families:
        start, fits = time.process_time(), 0
        scores: list[float] = []
        inside: dict[int, list[float]] = {nominal: [] for nominal in _BANDS}
        model = create(family)
        for number, at in enumerate(origins):
            known = m5.panel.until(m5.panel.days[at].item()).last(_TRAINING_DAYS)
            if number == 0 or (refit and number % refit == 0):
                model.fit(known, seed=1)
                fits += 1
            forecast = model.predict(known)
            scores.append(m5.wrmsse(at, forecast.mean[0]))
            actual = m5.panel.demand[:, at + 1 : at + 1 + HORIZON]
            for nominal, (low, high) in _BANDS.items():
                band = (forecast.quantiles[0, ..., forecast.levels.index(e)] for e in (low, high))
                inside[nominal].append(100 * coverage(actual, *band))
        cpu = time.process_time() - start
        shown = ", ".join(f"{nominal}: {np.mean(share):.0f}" for nominal, share in inside.items())
        yield _line(family, scores, naive, f"{fits} fits, {cpu:.0f} s CPU; coverage {shown}")


def _mean_28(demand: Floats, origin: int) -> Floats:
    window = demand[:, origin - 27 : origin + 1]
    known = ~np.isnan(window)
    mean = np.where(known, window, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    return np.repeat(mean[:, None], HORIZON, axis=1)


def _line(name: str, scores: Sequence[float], naive: Sequence[float], note: str) -> str:
    by_origin = " ".join(f"{score:.4f}" for score in scores)
    change = 100 * (np.mean(scores) / np.mean(naive) - 1)
    return f"{name:16s} {by_origin}  mean {np.mean(scores):.4f} ({change:+.1f} %)  {note}"


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("--data", type=Path, default=_DATA, help="folder of the public data sets")
    add("--libraries", default="", help="interpreter of an environment with mlforecast")
    add("--families", default=_FAMILIES, help="families, joined by commas")
    add("--origins", type=int, default=8, help="rolling origins; 0 for the speed alone")
    add("--refit", type=int, default=0, help="train again at every Nth origin; 0 for never")
    return parser


if __name__ == "__main__":
    main()
