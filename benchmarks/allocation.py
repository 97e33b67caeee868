"""Speed and gap of the allocation: `python -m benchmarks.allocation [--exact 200,1000]`.

Plans lines with budget, volume, minimum and packs by Lagrangian relaxation, and small cases by
HiGHS as well, both by processor time in one run; then lets the genetic algorithm load trucks.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from forecast_platform.replenishment.optimise import milp
from forecast_platform.replenishment.optimise.genetic import TruckLoads, improve
from forecast_platform.replenishment.optimise.lagrangian import Allocation, allocate
from forecast_platform.replenishment.optimise.problem import Limits, Lines


def case(count: int, suppliers: int = 0, points: int = 32, seed: int = 0) -> tuple[Lines, Limits]:
    """Lines as a shop has them, and limits that bind: 60 % of the money, 56 % of the volume."""
    rng = np.random.default_rng(seed)
    mean, cost = rng.lognormal(2.5, 1.0, count), rng.lognormal(1.5, 0.8, count)
    pack = rng.choice([1.0, 2.0, 4.0, 6.0, 12.0, 24.0], count)
    demand = rng.negative_binomial(4, 4 / (4 + mean[:, None]), (count, points))
    lines = Lines(
        position=np.floor(mean * rng.uniform(-0.1, 1.0, count)),
        demand=np.sort(demand, axis=1),
        underage=cost * rng.uniform(0.2, 1.0, count),
        overage=cost * rng.uniform(0.02, 0.1, count),
        usage=np.stack([cost, rng.lognormal(-1.0, 0.7, count)]),
        order_cost=rng.uniform(0.0, 3.0, count),
        pack=pack,
        minimum=pack * rng.integers(0, 4, count),
        supplier=rng.integers(0, max(1, suppliers), count),
    )
    used = allocate(lines, Limits([np.inf, np.inf], np.zeros(max(1, suppliers)))).used
    least = rng.uniform(0.3, 0.8, suppliers) * used[0] / max(1, suppliers)
    return lines, Limits([used[0] * 0.6, used[1] * 0.56], least)


def _timed(lines: Lines, limits: Limits) -> tuple[Allocation, float]:
    start = time.process_time()
    plan = allocate(lines, limits)
    return plan, time.process_time() - start


def _shares(plan: Allocation, limits: Limits) -> str:
    return ", ".join(f"{share:.2%}" for share in plan.used / np.asarray(limits.most))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--lines", default="1000,10000,100000")
    parser.add_argument("--exact", default="200,1000,5000", help="lines given to HiGHS too")
    parser.add_argument("--seconds", type=float, default=60.0, help="time limit of HiGHS")
    chosen = parser.parse_args()
    case(10)
    print("| lines | suppliers with a minimum | processor s | proven gap | used |")
    print("|---|---|---|---|---|")
    for count in map(int, chosen.lines.split(",")):
        for suppliers in (0, count // 50):
            lines, limits = case(count, suppliers)
            plan, seconds = _timed(lines, limits)
            print(f"| {count:,} | {suppliers} | {seconds:.2f} | {plan.gap:.2e} | "
                  f"{_shares(plan, limits)} |")  # fmt: skip
    print("\n| lines | ours s | HiGHS s | ratio | ours of HiGHS's saving | proven gaps |")
    print("|---|---|---|---|---|---|")
    for count in map(int, chosen.exact.split(",")):
        lines, limits = case(count)
        plan, ours = _timed(lines, limits)
        start = time.process_time()
        exact = milp.solve(lines, limits, seconds=chosen.seconds, gap=1e-4)
        theirs = time.process_time() - start
        gap = (exact.bound - exact.saving) / exact.saving
        print(f"| {count:,} | {ours:.3f} | {theirs:.2f} | {theirs / ours:,.0f} | "
              f"{plan.saving / exact.saving:.6f} | {plan.gap:.1e}, {gap:.1e} |")  # fmt: skip
    _trucks()


def _trucks(count: int = 2_000, groups: int = 20) -> None:
    """Joint truck loads: freight per truck and supplier."""
    lines, limits = case(count)
    volume, most = np.asarray(lines.usage)[1], float(np.asarray(limits.most)[1])
    rule = TruckLoads(np.arange(count) % groups, volume, most / groups / 2.5, 400.0)
    start = time.process_time()
    found = improve(lines, limits, rule)
    print(
        f"\nJoint truck loads, {count:,} lines of {groups} suppliers: net saving "
        f"{found.net:,.0f} by the genetic algorithm in {time.process_time() - start:.1f} s, "
        f"{found.seed_net:,.0f} of its Lagrangian seed ({found.net / found.seed_net - 1:+.1%}), "
        f"{found.linear_net:,.0f} with freight spread evenly "
        f"({found.net / found.linear_net - 1:+.1%}); no plan exceeds {found.bound:,.0f}"
    )


if __name__ == "__main__":
    main()
