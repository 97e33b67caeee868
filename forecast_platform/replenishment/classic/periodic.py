"""Periodic review with backorders: (s,S), (R,S), (R,s,S) and base-stock levels, exact.

Every R periods an order is placed, received L periods later; then demand comes. An order placed in
period t bears on the costs of periods t + L to t + L + R - 1, so stock is set against the demand
over L + 1 to L + R periods. Source of the search: Zheng and Federgruen (1991), Finding Optimal
(s,S) Policies Is About As Simple As Evaluating a Single Policy, Operations Research 39(4).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from forecast_platform.errors import ConfigurationError
from forecast_platform.replenishment.classic.checks import not_negative, positive, whole
from forecast_platform.replenishment.classic.demand import checked_pmf, expected_cost, total_pmf

FloatArray = NDArray[np.float64]


class OrderUpTo(NamedTuple):
    """Reorder point s, order-up-to level S (units) and expected cost per period.

    At a review with the position at or below s, an order lifts it to S. With s = S - 1 it is a
    base-stock policy: every review orders what was demanded.
    """

    reorder: int
    upto: int
    cost: float


class PeriodicReview:
    """Exact costs of order-up-to policies for one item under stationary whole-unit demand.

    Args:
        demand: (M,) probabilities of 0, 1, ... units per period.
        lead_time: L, whole periods; 0 receives an order before the demand of its period.
        holding: h, currency per unit left and period.
        penalty: p, currency per unit waiting and period.
        order_cost: K, currency per order.
        review: R, periods between reviews.

    Raises:
        ConfigurationError: If a number makes no sense or there is never any demand.
    """

    def __init__(
        self,
        demand: ArrayLike,
        lead_time: int,
        holding: float,
        penalty: float,
        order_cost: float = 0.0,
        review: int = 1,
    ) -> None:
        pmf = checked_pmf(demand)
        if pmf[0] == 1.0:
            raise ConfigurationError("Demand is always 0: there is nothing to replenish.")
        lead_time = whole("The lead time", lead_time)
        self.review = whole("The review period", review, smallest=1)
        positive("The holding cost", holding)
        positive("The penalty cost", penalty)
        self.order_cost = float(not_negative("The order cost", order_cost))
        self._holding, self._penalty = self.review * holding, self.review * penalty
        spans = range(lead_time + 1, lead_time + self.review + 1)
        totals = [total_pmf(pmf, span) for span in spans]
        self._of_review = total_pmf(pmf, self.review)
        self._mean = float(np.mean([table @ np.arange(table.size) for table in totals]))
        highest = totals[-1].size
        self._table = np.sum([expected_cost(t, highest, holding, penalty) for t in totals], axis=0)
        self._renewals = np.array([1.0 / (1.0 - self._of_review[0])])

    def base_stock(self) -> OrderUpTo:
        """Best (R,S) policy: every review orders up to S. With R = 1, the base-stock policy."""
        level = int(self._table.argmin())
        return OrderUpTo(level - 1, level, self.cost(level - 1, level))

    def best(self) -> OrderUpTo:
        """Best (R,s,S) policy, which is best of all policies where R is 1."""
        level = int(self._table.argmin())
        low, upto = level - 1, level
        while self._per_review(low, upto) > self._cost_at(low):
            low -= 1
        least = self._per_review(low, upto)
        trial = level + 1
        while self._cost_at(trial) <= least:
            if self._per_review(low, trial) < least:
                upto = trial
                while self._per_review(low, upto) <= self._cost_at(low + 1):
                    low += 1
                least = self._per_review(low, upto)
            trial += 1
        return OrderUpTo(low, upto, least / self.review)

    def cost(self, reorder: int, upto: int) -> float:
        """Expected cost per period of any (R,s,S) policy.

        Raises:
            ConfigurationError: If S is not above s.
        """
        if upto <= reorder:
            raise ConfigurationError(
                f"The order-up-to level must be above the reorder point; got S = {upto} and "
                f"s = {reorder}."
            )
        return self._per_review(reorder, upto) / self.review

    def _cost_at(self, position: int) -> float:
        """Cost until the next review is felt, by position after ordering, any whole number."""
        if position < 0:
            return self._penalty * (self._mean - position)
        if position >= self._table.size:
            return self._holding * (position - self._mean)
        return float(self._table[position])

    def _per_review(self, reorder: int, upto: int) -> float:
        """Renewal-reward cost of (s,S): K and the costs between two orders, over their reviews."""
        span = upto - reorder
        self._renew(span)
        visits = self._renewals[:span]
        costs = np.array([self._cost_at(upto - j) for j in range(span)])
        return float((self.order_cost + visits @ costs) / visits.sum())

    def _renew(self, span: int) -> None:
        """Extend the expected reviews spent j units below S, j = 0 .. span - 1."""
        pmf, known = self._of_review, self._renewals
        if known.size >= span:
            return
        grown = np.zeros(max(span, 2 * known.size))
        grown[: known.size] = known
        for j in range(known.size, grown.size):
            reach = min(j, pmf.size - 1)
            arrived = pmf[1 : reach + 1] @ grown[j - reach : j][::-1]
            grown[j] = arrived / (1.0 - pmf[0])
        self._renewals = grown
