"""Two Ray nodes of one core against one process of one core: ARIMA estimates of many series.

    python -m benchmarks.cluster [--series 5000] [--days 730] [--pairs 5]

Each pair is one run on either side, one after the other, so that both meet the same load. Both
sides are warm: kernels loaded, nodes started, the cluster connected. On a machine that others use
the clock says little; what the work takes of processors then bounds what it can be. What the nodes
take while they wait, as in the runs of one process, is taken off.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from benchmarks.m5_panel import read
from benchmarks.runs import ROOT
from benchmarks.weekly_cycle import large_panel
from forecast_platform.models import create
from forecast_platform.models.arima import Arima
from forecast_platform.panel import Panel

_DATA = Path(os.environ.get("FORECAST_PLATFORM_REAL_DATA", ROOT.parent / "shared" / "data"))


@dataclass(frozen=True)
class Spent:
    """Seconds on the clock, of this process's processor and of the nodes' processors."""

    clock: float
    here: float
    there: float


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("--data", type=Path, default=_DATA, help="folder of the public data sets")
    for name, value in (("series", 5000), ("days", 730), ("pairs", 5), ("nodes", 2)):
        add(f"--{name}", type=int, default=value)
    chosen = parser.parse_args(words)
    folder = chosen.data / "m5_tx3_foods3"
    if not folder.is_dir():
        sys.exit(f"There is no {folder}: give the folder of the public data sets as --data.")
    panel = large_panel(read(folder).panel, chosen.series, chosen.days)
    from ray.cluster_utils import Cluster

    cluster = Cluster()
    for node in range(chosen.nodes):
        start(cluster, {} if node else {"include_dashboard": False})
    compare(panel, cluster.address, chosen.pairs)


def start(cluster: Any, more: dict[str, Any]) -> None:
    """Start a node of one core; Ray gives it 30 s, which on a busy machine it may miss."""
    for attempt in range(5):
        try:
            cluster.add_node(num_cpus=1, **more)
            return
        except Exception:
            if attempt == 4:
                raise


def compare(panel: Panel, address: str, pairs: int) -> None:
    """Print every pair, then medians."""
    here, there = (create("arima", ray_address=where) for where in (None, address))
    assert isinstance(here, Arima)
    assert isinstance(there, Arima)
    for model in (here, there):
        estimated(model, panel.select(np.arange(400)))
    print(f"{'':12} {'clock s':>8} {'here, s':>8} {'nodes, s':>8}")
    runs = []
    for _ in range(pairs):
        pair = estimated(here, panel), estimated(there, panel)
        for name, spent in zip(("one process", "cluster"), pair, strict=True):
            print(f"{name:12} {spent.clock:8.2f} {spent.here:8.2f} {spent.there:8.2f}", flush=True)
        runs.append(pair)
    same = here._parameters.coefficients.tobytes() == there._parameters.coefficients.tobytes()
    ratios = [alone.clock / spread.clock for alone, spread in runs]
    waiting = sum(a.there for a, _ in runs) / sum(a.clock for a, _ in runs)
    alone, driver, nodes = (
        statistics.median(values)
        for values in zip(
            *((a.here, b.here, b.there - waiting * b.clock) for a, b in runs), strict=True
        )
    )
    print(f"same bytes: {same}")
    print(f"clock: {statistics.median(ratios):.2f} x, {min(ratios):.2f} to {max(ratios):.2f}")
    print(f"processors: {alone:.2f} s alone; {nodes:.2f} s on nodes and {driver:.2f} s here")
    apart, beside = nodes / 2 + driver, (nodes + driver) / 2
    print(f"by processors, on two idle cores: {alone / apart:.2f} to {alone / beside:.2f} x")


def estimated(model: Arima, panel: Panel) -> Spent:
    """Estimate once."""
    nodes, processor, clock = of_nodes(), time.process_time(), time.perf_counter()
    model._estimate(panel, 1, None)
    return Spent(time.perf_counter() - clock, time.process_time() - processor, of_nodes() - nodes)


def of_nodes() -> float:
    """Processor seconds of all processes started here."""
    total = 0.0
    for process in psutil.Process().children(recursive=True):
        try:
            used = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += used.user + used.system
    return total


if __name__ == "__main__":
    main()
