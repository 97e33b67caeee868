"""Learned policies on Zipkin's cases: `python -m benchmarks.learned [--penalties 4,9,19,39]`.

Poisson demand of mean 5, h = 1 (Zipkin 2008, Operations Research 56(5)). Every cost is exact; gaps
are above the optimum of dynamic programming; seconds are processor seconds. The guard judges the
DQN on drawn demand with the optimum among its rivals, so that "yes" is an error of the test, which
at 99 % confidence may come once in 100 cases. Policies are the best by exact cost of ten on the
way.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from forecast_platform.replenishment.classic.demand import poisson_pmf
from forecast_platform.replenishment.exact.best import best_capped_base_stock
from forecast_platform.replenishment.exact.lost_sales import LostSales
from forecast_platform.replenishment.learned import dqn, q_learning
from forecast_platform.replenishment.learned.dynamics import draw
from forecast_platform.replenishment.learned.guard import judge, rivals


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def _q_learning(system: LostSales, seed: int) -> tuple[str, str]:
    if system.lead_time > 2:
        return "-", "-"
    start = time.process_time()
    policy = q_learning.learn(system, seed).policy
    seconds = time.process_time() - start
    return f"{system.evaluate(policy) / system.optimal().cost - 1:.3%}", f"{seconds:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--penalties", type=_numbers, default=[4, 9, 19, 39])
    parser.add_argument("--lead-times", type=_numbers, default=[1, 2, 3, 4])
    parser.add_argument("--updates", type=int, default=dqn.DqnSettings.updates)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    # The compiled loops are built before the clock starts.
    q_learning.learn(
        LostSales(poisson_pmf(5.0), 1, 1.0, 4.0), 0, q_learning.QSettings(periods=1000)
    )
    print(
        "| p | L | optimum | Myopic-2 | capped base-stock | Q-learning | s | DQN | s | promoted |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for penalty in chosen.penalties:
        for lead_time in chosen.lead_times:
            system = LostSales(poisson_pmf(5.0), lead_time, 1.0, float(penalty))
            optimum = system.optimal().cost
            myopic = system.evaluate(system.myopic(periods=2)) / optimum - 1
            capped = best_capped_base_stock(system)[1] / optimum - 1
            table, table_seconds = _q_learning(system, chosen.seed)
            start = time.process_time()
            settings = dqn.DqnSettings(updates=chosen.updates)
            learned = dqn.learn(system, chosen.seed, settings).policy
            seconds = time.process_time() - start
            gap = system.evaluate(learned) / optimum - 1
            demand = draw(system.demand, (600, 200), np.random.default_rng(chosen.seed))
            verdict = judge(learned, rivals(system), system, demand)
            print(f"| {penalty} | {lead_time} | {optimum:.4f} | {myopic:.3%} | {capped:.3%} | "
                  f"{table} | {table_seconds} | {gap:.3%} | {seconds:.0f} | "
                  f"{'yes' if verdict.promoted else 'no'} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
