"""Tabular Q-learning of the average cost of a lost-sales system.

Differential Q-learning (Wan, Naik and Sutton 2021, ICML, equations 1 and 3): nothing is discounted,
the average cost is estimated along the way. The cost of a period is credited to the order that
arrives in it, L periods after it was placed; on average nothing changes, and an order is not blamed
for costs that it could not affect.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import polars as pl

from forecast_platform.errors import ConfigurationError
from forecast_platform.replenishment.exact.lost_sales import LostSales, TablePolicy
from forecast_platform.replenishment.exact.states import States, largest_orders, states_within
from forecast_platform.replenishment.learned import q_learning_kernels as kernels
from forecast_platform.replenishment.learned.curve import Curve
from forecast_platform.replenishment.learned.dynamics import (
    FloatArray,
    Reward,
    order_limits,
)


@dataclass(frozen=True)
class QSettings:
    """How a table is learned.

    Attributes:
        periods: Periods of experience.
        explore: Share of periods with a random order instead of the greedy one.
        slowing: The n-th update of an entry moves it by n^-slowing of its error.
        judgements: How often on the way the greedy policy is judged.
    """

    periods: int = 40_000_000
    explore: float = 0.5
    slowing: float = 0.9
    judgements: int = 10


@dataclass(frozen=True)
class QTable:
    """A learned table.

    Attributes:
        policy: The cheapest greedy policy on the way.
        curve: periods, cost, gap; see `Curve.frame`.
        values: (M, A) relative cost of each order in each state; infinite beyond the limits.
    """

    policy: TablePolicy
    curve: pl.DataFrame
    values: FloatArray


def learn(
    system: LostSales,
    seed: int,
    settings: QSettings | None = None,
    reward: Reward | None = None,
    optimum: float | None = None,
) -> QTable:
    """Learn a policy from drawn demand alone.

    Args:
        system: Demand is drawn from it; its probabilities are used only to judge.
        seed: The same seed gives the same table.
        settings: How.
        reward: What is rewarded; costs of the curve are those of `reward.priced(system)`.
        optimum: Least such cost, for the gap in the curve.

    Raises:
        ConfigurationError: If the system has too many states for a table.
    """
    chosen, priced = settings or QSettings(), (reward or Reward()).priced(system)
    limits = order_limits(priced)
    states = states_within(limits)
    vectors = states.vectors()
    most = largest_orders(vectors, limits)
    values = np.where(np.arange(limits[-1] + 1) <= most[:, None], 0.0, np.inf)
    visits = np.zeros(values.shape, dtype=np.int64)
    curve = Curve(priced.evaluate, optimum)
    average = np.zeros(1)
    memory = np.zeros((system.lead_time + 1, 3), dtype=np.int64)
    cumulative = np.cumsum(priced.demand)[:-1]
    keys = np.random.default_rng(seed).integers(0, 2**63, 3, dtype=np.uint64)
    marks = np.linspace(0, chosen.periods, chosen.judgements + 1).astype(np.int64)
    for begin, end in pairwise(marks):
        kernels.learn(
            begin, end, values, visits, average, memory, most, states.first, states.pipeline,
            states.stock, states.radix, states.high, cumulative, priced.holding, priced.penalty,
            priced.order_cost, chosen.explore, chosen.slowing, keys,
        )  # fmt: skip
        curve.judge(int(end), greedy(states, values))
    if not isinstance(curve.best, TablePolicy):
        raise ConfigurationError(
            f"No policy with a long-run cost was learned in {chosen.periods:,} periods: give it "
            "more of them."
        )
    return QTable(curve.best, curve.frame(), values)


def greedy(states: States, values: FloatArray) -> TablePolicy:
    """Cheapest order of each state by (M, A) values.

    The empty state orders the most of all, as in every optimal policy: a good policy hardly ever
    sees it, so the table says little about it, and an evaluation takes its order for the largest.
    """
    orders = values.argmin(axis=1)
    orders[0] = orders.max()
    return TablePolicy(states, orders)
