"""Learns a policy for one problem and judges it against the yardsticks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from forecast_platform.errors import ConfigurationError
from forecast_platform.replenishment.exact.lost_sales import LostSales, TablePolicy
from forecast_platform.replenishment.learned import q_learning
from forecast_platform.replenishment.learned.dynamics import Reward, draw
from forecast_platform.replenishment.learned.guard import OPTIMUM, Verdict, judge, rivals
from forecast_platform.replenishment.learned.problems import Problem

if TYPE_CHECKING:
    from forecast_platform.replenishment.learned.network import NetworkPolicy

Q_LEARNING, DQN = "Q-learning", "DQN"
LONGEST_TABLE = 2
"""Review periods of lead time up to which a table is learned, beyond them a network."""
CONFIDENCE = 0.99
"""Of a promotion."""

_PERIODS, _PATHS = 600, 400


@dataclass(frozen=True)
class Study:
    """What came of a problem.

    Attributes:
        problem: The problem.
        priced: Its system with the prices of the reward, which all costs are of.
        method: How the policy was learned.
        policy: The learned policy; none where the problem has no long-run cost.
        curve: Columns periods, cost, gap; see `Curve.frame`.
        cost: Exact cost of the learned policy, currency per review period; NaN without one.
        yardsticks: Exact cost of every rival by name.
        verdict: Comparison on common demand; none without a policy.
        failure: Why there is no policy; empty if there is one.
    """

    problem: Problem
    priced: LostSales
    method: str
    policy: TablePolicy | NetworkPolicy | None
    curve: pl.DataFrame
    cost: float
    yardsticks: Mapping[str, float]
    verdict: Verdict | None
    failure: str = ""

    @property
    def name(self) -> str:
        """Class and lead time."""
        return f"class {self.problem.abc_class}, lead time {self.problem.system.lead_time}"

    @property
    def gap(self) -> float:
        """Cost above the optimum, share of it; NaN where either is unknown."""
        return self.cost / self.yardsticks.get(OPTIMUM, float("nan")) - 1

    @property
    def promoted(self) -> bool:
        """Whether the policy beats every yardstick with confidence."""
        return self.verdict is not None and self.verdict.promoted


def study(problem: Problem, reward: Reward, effort: float, seed: int) -> Study:
    """Learn and judge; the same arguments give the same study.

    Costs are those of `reward.priced`, for learning, yardsticks and verdict alike.

    Args:
        problem: The problem.
        reward: What is rewarded.
        effort: Share of the usual experience.
        seed: Of everything drawn.
    """
    system = reward.priced(problem.system)
    method = Q_LEARNING if system.lead_time <= LONGEST_TABLE else DQN
    nothing = pl.DataFrame(schema={"periods": pl.Int64, "cost": pl.Float64, "gap": pl.Float64})
    failed = partial(Study, problem, system, method, None, nothing, float("nan"), {}, None)
    try:
        against = rivals(system)
        yardsticks = {name: system.evaluate(policy) for name, policy in against.items()}
        policy, curve = _learn(problem, reward, effort, seed, yardsticks.get(OPTIMUM))
        cost = system.evaluate(policy)
    except ConfigurationError as error:
        # Demand that is alike in every period, say, may leave costs that depend on the start.
        return failed(str(error))
    # Other demand than was learned from.
    demand = draw(system.demand, (_PERIODS, _PATHS), np.random.default_rng([seed, 1]))
    verdict = judge(policy, against, system, demand, CONFIDENCE)
    return Study(problem, system, method, policy, curve, cost, yardsticks, verdict)


def _learn(
    problem: Problem, reward: Reward, effort: float, seed: int, optimum: float | None
) -> tuple[TablePolicy | NetworkPolicy, pl.DataFrame]:
    """The policy and its curve."""
    if problem.system.lead_time <= LONGEST_TABLE:
        usual = q_learning.QSettings()
        settings = q_learning.QSettings(periods=int(effort * usual.periods))
        table = q_learning.learn(problem.system, seed, settings, reward, optimum)
        return table.policy, table.curve
    # Imports torch.
    from forecast_platform.replenishment.learned import dqn

    updates = int(effort * dqn.DqnSettings.updates)
    network = dqn.learn(problem.system, seed, dqn.DqnSettings(updates=updates), reward, optimum)
    return network.policy, network.curve
