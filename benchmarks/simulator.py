"""Speed of the simulator: `python -m benchmarks.simulator [--libraries PYTHON]`.

Compares, in one run and by processor time: the simulator with prepared demand, reading the same
bytes, a plain Python event loop written as the textbooks do, and stockpyl where the interpreter
given by `--libraries` has it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from forecast_platform.replenishment.compiled import Array, compiled, over_skus
from forecast_platform.replenishment.simulation.demand import draw_poisson
from forecast_platform.replenishment.simulation.policy import Policy, Supply, base_stock
from forecast_platform.replenishment.simulation.results import Costs, Estimate
from forecast_platform.replenishment.simulation.simulate import simulate

_STOCKPYL = """
import time
from stockpyl.sim import simulation
from stockpyl.supply_chain_network import single_stage_system
net = single_stage_system(holding_cost=1, stockout_cost=4, demand_type="P", mean=5,
                          policy_type="BS", base_stock_level=30, shipment_lead_time=4)
start = time.process_time()
simulation(net, {days}, rand_seed=1, progress_bar=False)
print(time.process_time() - start)
"""


@compiled
def _read(first: int, last: int, words: Array, out: Array) -> None:
    """Sum of 64-bit words: what it costs to read demand."""
    for sku in range(first, last):
        total = np.uint64(0)
        for word in words[sku]:
            total += word
        out[sku] = total


def python_loop(demand: list[int], level: int, lead_time: int) -> tuple[int, int]:
    """One SKU and path under base-stock and lost sales: unit-days held and units lost."""
    on_hand, pipeline, held, lost = level, [0] * (lead_time + 1), 0, 0
    for day, wanted in enumerate(demand):
        order = level - on_hand - sum(pipeline)
        pipeline[(day + lead_time) % len(pipeline)] += order
        on_hand += pipeline[day % len(pipeline)]
        pipeline[day % len(pipeline)] = 0
        sold = min(on_hand, wanted)
        on_hand -= sold
        held, lost = held + on_hand, lost + wanted - sold
    return held, lost


def _fastest(action: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Lowest seconds of wall clock and of processor over some runs."""
    taken = []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        action()
        taken.append((time.perf_counter() - wall, time.process_time() - cpu))
    return min(wall for wall, _ in taken), min(cpu for _, cpu in taken)


def _row(name: str, sku_days: float, wall: float, cpu: float) -> None:
    rate = sku_days / cpu
    print(f"| {name} | {sku_days:,.0f} | {wall:.3g} | {cpu:.3g} | {rate / 1e6:,.4g} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for name, value in (("skus", 30_000), ("days", 365), ("paths", 100), ("repeats", 3)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--libraries", type=Path, help="Python interpreter that has stockpyl")
    chosen = parser.parse_args()
    skus, days, repeats = chosen.skus, chosen.days, chosen.repeats
    total = float(skus) * days * chosen.paths
    mean = np.random.default_rng(1).uniform(0.5, 12.0, skus)
    print("| what | SKU-days | wall s | processor s | million SKU-days per processor second |")
    print("|---|---|---|---|---|")
    drawn = []
    _row("drawing Poisson demand", total, *_fastest(
        lambda: drawn.append(draw_poisson(mean, days, chosen.paths, seed=1)), 1))  # fmt: skip
    demand = drawn[0]
    level = np.ceil(mean * 6 + 3)
    cases: dict[str, tuple[Policy, Supply]] = {
        "base-stock, daily": (base_stock(level), Supply(4)),
        "base-stock, weekly, packs of 6": (base_stock(level + 5 * mean, 7), Supply(4, pack=6)),
    }
    fastest = {}
    for name, terms in cases.items():
        simulate(demand[:, :2], *terms)
        wall, cpu = _fastest(lambda terms=terms: simulate(demand, *terms), repeats)  # type: ignore[misc]
        fastest[name] = (wall, cpu)
        _row(name, total, wall, cpu)
    words = demand.reshape(skus, -1)[:, : days * chosen.paths // 8 * 8].view(np.uint64)
    sums = np.empty(skus, np.uint64)
    _read(0, 1, words, sums)
    wall, cpu = _fastest(lambda: over_skus(lambda a, b: _read(a, b, words, sums), skus), repeats)
    _row("reading the demand", total, wall, cpu)
    one = demand[0, :, :1]
    loop = [int(units) for units in np.tile(one[:, 0], 100)]
    _, plain = _fastest(lambda: python_loop(loop, int(level[0]), 4), repeats)
    _row("plain Python loop", len(loop), plain, plain)
    _compare(fastest, total, cpu, demand.nbytes, plain / len(loop))
    _check(demand, level)
    _stockpyl(chosen.libraries, fastest["base-stock, daily"][1] / total)


def _compare(
    fastest: dict[str, tuple[float, float]], total: float, read: float, size: int, plain: float
) -> None:
    cores = len(os.sched_getaffinity(0))
    for name, (wall, cpu) in fastest.items():
        print(
            f"{name}: {total / wall / 1e9:.2f} G SKU-days per second of wall clock, "
            f"{total / cpu * cores / 1e9:.2f} on {cores} cores if they were free; "
            f"{size / cpu / 1e9:.2f} GB/s per core, {read / cpu:.1%} of the rate of reading "
            f"({size / read / 1e9:.1f} GB/s); {plain / (cpu / total):,.0f} times the plain loop "
            f"per core, {plain / (wall / total):,.0f} times in all"
        )


def _check(demand: np.ndarray, level: np.ndarray) -> None:
    """The simulator and the plain loop must agree on the first path."""
    found = simulate(demand[:1, :, :1], base_stock(level[:1]), Supply(4))
    held, lost = python_loop([int(units) for units in demand[0, :, 0]], int(level[0]), 4)
    cost: Estimate = found.costs(Costs(holding=1, stockout=4))["total"]
    assert np.isclose(cost.mean[0] * demand.shape[1], held + 4 * lost), "the two loops disagree"


def _stockpyl(python: Path | None, ours: float, days: int = 2_000) -> None:
    if python is None:
        print("stockpyl was not measured: name an interpreter that has it by --libraries.")
        return
    command = [str(python), "-c", _STOCKPYL.format(days=days)]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    if found.returncode:
        print(f"stockpyl was not measured: {found.stderr.strip().splitlines()[-1]}")
        return
    seconds = float(found.stdout.split()[-1])
    _row("stockpyl's loop", days, seconds, seconds)
    print(f"daily base-stock: {seconds / days / ours:,.0f} times stockpyl's loop per core")


if __name__ == "__main__":
    main()
