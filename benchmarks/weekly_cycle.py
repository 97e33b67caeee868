"""A week's work of a large shop, without the orchestrator: where time and memory go.

    python -m benchmarks.weekly_cycle [--series 30000] [--days 730] [--families NAMES] [--paths 200]

Series of M5's store TX_3, department FOODS_3, are drawn with replacement, each copy's units drawn
anew around them, and given the platform's covariates. Every family is trained on all of them, then
forecasts 28 days ahead; the forecasts are averaged, and sample paths drawn from them.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from benchmarks.m5_panel import HORIZON, read
from benchmarks.runs import ROOT
from forecast_platform.features.panels import PAST_COVARIATES
from forecast_platform.forecasting.ensemble import combine
from forecast_platform.models import Forecast, Forecaster, create
from forecast_platform.panel import Panel

_DATA = Path(os.environ.get("FORECAST_PLATFORM_REAL_DATA", ROOT.parent / "shared" / "data"))
_FAMILIES = "seasonal_naive,theta,arima,lightgbm,lstm"
_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")

T = TypeVar("T")


@dataclass(frozen=True)
class Step:
    """What one step took: seconds on the clock and of the processor, and peak memory in GB."""

    name: str
    seconds: float
    cpu: float
    peak_gb: float

    def __str__(self) -> str:
        return f"{self.name:28s} {self.seconds:8.1f} {self.cpu:8.1f} {self.peak_gb:8.2f}"


class Steps:
    """Steps done so far, each told as it ends."""

    def __init__(self) -> None:
        self.done: list[Step] = []
        print(f"{'':28s} {'clock s':>8s} {'cpu s':>8s} {'peak GB':>8s}")

    def time(self, name: str, work: Callable[[], T]) -> T:
        """Do the work and note what it took."""
        restart_peak()
        clock, cpu = time.perf_counter(), time.process_time()
        result = work()
        step = Step(name, time.perf_counter() - clock, time.process_time() - cpu, peak_gb())
        self.done.append(step)
        print(step, flush=True)
        return result

    def total(self) -> Step:
        """All steps as one."""
        return Step(
            "all",
            sum(step.seconds for step in self.done),
            sum(step.cpu for step in self.done),
            max(step.peak_gb for step in self.done),
        )


def restart_peak() -> None:
    """Forget the highest resident memory so far, where the system can (Linux)."""
    if _RESET.exists():
        _RESET.write_text("5")


def peak_gb() -> float:
    """Highest resident memory since `restart_peak`, or of the process where that is not known."""
    if _STATUS.exists():
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1e6
    unit = 1e9 if sys.platform == "darwin" else 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def large_panel(small: Panel, series: int, days: int, seed: int = 0) -> Panel:
    """A panel of any number of series, drawn from those of a small one.

    Units of each copy are Poisson around the original's, so no two series are the same.
    """
    rng = np.random.default_rng(seed)
    drawn = small.last(days).select(np.sort(rng.integers(small.n_series, size=series)))
    demand = np.empty_like(drawn.demand)
    for row, original in enumerate(drawn.demand):
        demand[row] = np.where(np.isnan(original), np.nan, rng.poisson(np.nan_to_num(original)))
    blank = np.zeros_like(demand)
    numbers = np.arange(series)
    return replace(
        drawn,
        items=np.array([f"item{number:06d}" for number in numbers], dtype=object),
        locations=np.array([f"shop{number % 10}" for number in numbers], dtype=object),
        demand=demand,
        past={name: drawn.past.get(name, blank) for name in PAST_COVARIATES},
    )


def cycle(panel: Panel, families: list[str], workers: int, paths: int) -> Steps:
    """Train, forecast, combine, draw paths."""
    steps = Steps()
    models: dict[str, Forecaster] = {}
    for family in families:
        models[family] = create(family, workers=workers)
        fit = models[family].fit
        steps.time(f"{family}: training", partial(fit, panel, seed=1))
    forecasts: dict[str, Forecast] = {}
    for family, model in models.items():
        forecasts[family] = steps.time(f"{family}: {HORIZON} days ahead", model.predict)
    weights = dict.fromkeys(forecasts, 1 / len(forecasts))
    joint = steps.time("their average", lambda: combine(forecasts, weights))
    drawn = steps.time(f"{paths} sample paths", lambda: joint.paths(0, paths, seed=1))
    if drawn.shape != (panel.n_series, paths, HORIZON) or not np.isfinite(drawn).all():
        sys.exit(f"The paths are not what was asked for: {drawn.shape}.")
    answered = sum(reason is None for reason in joint.fallback_reason[0])
    print(f"{answered} of {panel.n_series} series answered by every family itself")
    return steps


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("--data", type=Path, default=_DATA, help="folder of the public data sets")
    add("--series", type=int, default=30_000)
    add("--days", type=int, default=730)
    add("--families", default=_FAMILIES, help="families, joined by commas")
    add("--paths", type=int, default=200)
    add("--workers", type=int, default=2, help="threads of a family")
    chosen = parser.parse_args(words)
    folder = chosen.data / "m5_tx3_foods3"
    if not folder.is_dir():
        sys.exit(f"There is no {folder}: give the folder of the public data sets as --data.")
    panel = large_panel(read(folder).panel, chosen.series, chosen.days)
    print(f"{panel.n_series} series x {panel.n_days} days, {peak_gb():.2f} GB with the panel")
    print(cycle(panel, chosen.families.split(","), chosen.workers, chosen.paths).total())


if __name__ == "__main__":
    main()
