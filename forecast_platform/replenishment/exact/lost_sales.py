"""Exact average costs of a lost-sales system with a lead time: the yardstick of every policy.

Every period an order is placed, the order of L periods ago is received, then demand comes; what
stock does not cover is lost. Costs are counted on what is left and what is lost. Source: Zipkin
(2008), Old and New Methods for Lost-Sales Inventory Systems, Operations Research 56(5).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from forecast_platform.errors import ConfigurationError
from forecast_platform.replenishment.classic.checks import not_negative, positive, whole
from forecast_platform.replenishment.classic.demand import (
    checked_pmf,
    critical_ratio,
    expected_cost,
    smallest_covering,
    total_pmf,
)
from forecast_platform.replenishment.exact.policies import Policy
from forecast_platform.replenishment.exact.states import (
    States,
    largest_orders,
    states_reached,
    states_within,
)

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_SWEEPS = 10_000
_SWEEPS_BETWEEN = 15
"""Sweeps under fixed orders after each search over orders."""


@dataclass(frozen=True)
class TablePolicy:
    """A policy that names its order for each of its states.

    Attributes:
        states: M states.
        orders: (M,) units.
    """

    states: States
    orders: IntArray

    def __call__(self, states: IntArray) -> IntArray:
        """(K,) orders of (K, L) states.

        Raises:
            ConfigurationError: If a state is not in the table.
        """
        at = self.states.numbers(np.asarray(states, dtype=np.int64))
        if (at < 0).any():
            raise ConfigurationError(
                f"The policy's table has no state {states[at < 0][0].tolist()} (on hand, due next "
                "period, ...): it holds those reached from an empty system."
            )
        return np.asarray(self.orders[at])


@dataclass(frozen=True)
class Solution:
    """An optimal policy and its average cost per period, exact to `gap` currency."""

    cost: float
    gap: float
    policy: TablePolicy


@dataclass(frozen=True)
class LostSales:
    """A lost-sales system under whole-unit demand, independent and alike every period.

    Attributes:
        demand: (M,) probabilities of 0, 1, ... units per period.
        lead_time: L, whole periods, at least 1 (with 0 it is a newsvendor every period).
        holding: h, currency per unit left and period.
        penalty: p, currency per unit of demand lost.
        order_cost: K, currency per order.

    Raises:
        ConfigurationError: If an input is negative, NaN or of the wrong kind, or a cost is zero.
    """

    demand: FloatArray
    lead_time: int
    holding: float
    penalty: float
    order_cost: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "demand", checked_pmf(self.demand))
        whole("The lead time", self.lead_time, smallest=1)
        positive("The holding cost", self.holding)
        positive("The penalty cost", self.penalty)
        not_negative("The order cost", self.order_cost)

    @cached_property
    def limits(self) -> tuple[int, ...]:
        """(L + 1,) stock that covers L + 1, L, ..., 1 periods of demand as a newsvendor would.

        Neither an optimal nor a myopic order lifts what arrives over the last l periods above its
        limit (Zipkin 2008, section 3).
        """
        ratio = float(critical_ratio(self.holding, self.penalty))
        spans = range(self.lead_time + 1, 0, -1)
        return tuple(smallest_covering(total_pmf(self.demand, n), ratio) for n in spans)

    @property
    def standard_base_stock(self) -> int:
        """Level that is best with backorders: covers L + 1 periods with probability p / (p + h)."""
        return self.limits[0]

    def evaluate(self, policy: Policy, tolerance: float = 1e-6) -> float:
        """Average cost per period of `policy`, exact to `tolerance` currency.

        Args:
            policy: Orders, (M,) units, of (M, L) states; never more than in the empty state.
            tolerance: Largest difference of the bounds between which the cost lies.

        Raises:
            ConfigurationError: If the policy's orders make no sense, its states are too many, or
                its long-run cost depends on where it starts.
        """
        from forecast_platform.replenishment.exact import lost_sales_kernels as kernels

        states = states_reached(policy, self.lead_time)
        orders = policy(states.vectors())
        tables = self._tables(int(states.stock.max()))
        cost = tables.cost[states.stock] + self.order_cost * (orders > 0)
        low, high = kernels.evaluate(
            np.zeros(cost.size), cost, states.landing(orders), states.stock, tables.reversed_pmf,
            tables.tail, tolerance, _SWEEPS,
        )  # fmt: skip
        if high - low > tolerance:
            raise ConfigurationError(
                f"The cost of this policy does not settle: between {low:.6g} and {high:.6g} after "
                f"{_SWEEPS} sweeps. Its long-run cost may depend on the state it starts in."
            )
        return 0.5 * (low + high)

    def optimal(self, tolerance: float = 1e-6) -> Solution:
        """Least average cost per period over all policies, by modified policy iteration.

        With an order cost the largest order and position are widened until they bind nowhere.
        """
        if self.order_cost == 0:
            return self._solved(self.limits, tolerance)
        daily = max(float(self.demand @ np.arange(self.demand.size)), 1e-9)
        batch = int(np.ceil(np.sqrt(2 * self.order_cost * daily / self.holding)))
        while True:
            largest = self.limits[-1] + 2 * batch
            highest = self.limits[0] + 2 * batch
            solution = self._solved((highest,) + (largest,) * self.lead_time, tolerance)
            states, orders = solution.policy.states, solution.policy.orders
            position = states.vectors().sum(axis=1) + orders
            if orders.max() < largest and position[orders > 0].max(initial=0) < highest:
                return solution
            batch *= 2

    def myopic(self, periods: int = 1) -> TablePolicy:
        """Order that is cheapest for the first `periods` periods it affects.

        1 is Zipkin's Myopic, 2 his Myopic-2 (2008, section 4).

        Raises:
            ConfigurationError: If there is an order cost, which no order pays back in few periods.
        """
        from forecast_platform.replenishment.exact import lost_sales_kernels as kernels

        whole("The number of periods", periods, smallest=1)
        if self.order_cost > 0:
            raise ConfigurationError("Myopic policies need an order cost of 0.")
        states, tables = states_within(self.limits), self._tables(self.limits[0])
        most = largest_orders(states.vectors(), self.limits)
        values, orders = np.zeros(states.stock.size), np.zeros(states.stock.size, dtype=np.int64)
        for _ in range(periods):
            swept = np.empty_like(values)
            kernels.look_ahead(
                values, swept, orders, most, tables.cost, states.first, states.pipeline,
                states.stock, states.radix, states.high, self.lead_time, tables.pmf,
                tables.reversed_pmf, tables.tail,
            )  # fmt: skip
            values = swept
        return TablePolicy(states, orders)

    def _solved(self, limits: tuple[int, ...], tolerance: float) -> Solution:
        from forecast_platform.replenishment.exact import lost_sales_kernels as kernels

        states, tables = states_within(limits), self._tables(limits[0])
        most, cost = largest_orders(states.vectors(), limits), tables.cost[states.stock]
        values, orders = np.zeros(cost.size), np.zeros(cost.size, dtype=np.int64)
        swept = np.empty_like(values)
        for _ in range(_SWEEPS):
            kernels.improve(
                values, swept, orders, most, cost, self.order_cost, states.first, states.pipeline,
                states.stock, states.radix, states.high, tables.reversed_pmf, tables.tail,
            )  # fmt: skip
            low, high = kernels.settle(values, swept)
            if high - low < tolerance:
                break
            kernels.evaluate(
                values, cost + self.order_cost * (orders > 0), states.landing(orders), states.stock,
                tables.reversed_pmf, tables.tail, tolerance, _SWEEPS_BETWEEN,
            )  # fmt: skip
        return Solution(0.5 * (low + high), high - low, TablePolicy(states, orders))

    def _tables(self, highest: int) -> _Tables:
        pmf = np.zeros(max(highest + 1, self.demand.size))
        pmf[: self.demand.size] = self.demand
        tail = np.append(np.cumsum(pmf[::-1])[::-1], 0.0)
        cost = expected_cost(self.demand, highest, self.holding, self.penalty)
        return _Tables(pmf, pmf[::-1].copy(), tail, cost)


@dataclass(frozen=True)
class _Tables:
    pmf: FloatArray
    reversed_pmf: FloatArray
    tail: FloatArray
    """(M,) probability of at least that many units."""
    cost: FloatArray
