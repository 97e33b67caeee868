"""Exact average costs of goods with a shelf life and lost sales, for small cases.

Events of a period: order, receive (an order of L periods ago; at once where L is 0), demand, then
units at the end of their life expire. Source: Nahmias (2011), Perishable Inventory Systems.
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
    smallest_covering,
    total_pmf,
)
from forecast_platform.replenishment.classic.perishable import withdrawn
from forecast_platform.replenishment.exact.policies import Policy

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_MOST = 20_000_000
_SWEEPS = 3_000
_DAMPING = 0.95
"""Share of a sweep taken over; below one, a periodic chain converges too."""


@dataclass(frozen=True)
class Perishables:
    """One perishable item under whole-unit demand, independent and alike every period.

    A state is (units with 1, ..., m - 1 periods of life left, units due in 0, ..., L - 1 periods).

    Attributes:
        demand: (M,) probabilities of 0, 1, ... units per period.
        shelf_life: m, periods a unit can be sold, at least 1.
        lead_time: L, periods, at least 0.
        holding: h, currency per unit carried to the next period.
        penalty: p, currency per unit of demand lost.
        expiry: w, currency per unit expired.
        newest_first: Whether customers take the newest unit (LIFO) instead of the oldest (FIFO).

    Raises:
        ConfigurationError: If a number makes no sense or the case has too many states.
    """

    demand: FloatArray
    shelf_life: int
    lead_time: int
    holding: float
    penalty: float
    expiry: float
    newest_first: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "demand", checked_pmf(self.demand))
        whole("The shelf life", self.shelf_life, smallest=1)
        whole("The lead time", self.lead_time)
        positive("The holding cost", self.holding)
        positive("The penalty cost", self.penalty)
        not_negative("The expiry cost", self.expiry)
        size = (self.largest_order + 1) ** (self.shelf_life + self.lead_time)
        if size * self.demand.size > _MOST:
            raise ConfigurationError(
                f"This case has {size:,} states and orders, too many to solve exactly: shorten the "
                "shelf life or the lead time, or count in larger units."
            )

    @cached_property
    def largest_order(self) -> int:
        """Units that cover L + 1 periods of demand as a newsvendor would."""
        ratio = float(critical_ratio(self.holding, self.penalty))
        return smallest_covering(total_pmf(self.demand, self.lead_time + 1), ratio)

    def optimal(self, tolerance: float = 1e-6) -> tuple[float, IntArray]:
        """Least average cost per period and the order of each row of `states`.

        Raises:
            ConfigurationError: If the cost does not settle.
        """
        return self._iterated(None, tolerance)

    def evaluate(self, policy: Policy, tolerance: float = 1e-6) -> float:
        """Average cost per period of `policy`, whose orders are cut at the largest order.

        Raises:
            ConfigurationError: If the cost does not settle.
        """
        orders = np.clip(policy(self.states), 0, self.largest_order)
        return self._iterated(orders, tolerance)[0]

    @cached_property
    def states(self) -> IntArray:
        """(K, m - 1 + L) all states, in order of their number."""
        return self._rows(self.shelf_life - 1 + self.lead_time)

    def _rows(self, width: int) -> IntArray:
        """All rows of `width` numbers from 0 to the largest order."""
        size = self.largest_order + 1
        weights = size ** np.arange(width - 1, -1, -1, dtype=np.int64)
        return np.asarray(np.arange(size**width)[:, None] // weights % size)

    @cached_property
    def _played(self) -> tuple[FloatArray, NDArray[np.int32]]:
        """Cost of every state and order, and the number of the state after every demand."""
        size, life = self.largest_order + 1, self.shelf_life
        full = self._rows(life + self.lead_time)
        shelf, due = full[:, :life].astype(np.float64), full[:, life:]
        weights = size ** np.arange(life + self.lead_time - 2, -1, -1, dtype=np.int64)
        cost = np.zeros(full.shape[0])
        after = np.empty((full.shape[0], self.demand.size), dtype=np.int32)
        total = shelf.sum(axis=1)
        for demand, chance in enumerate(self.demand.tolist()):
            left = withdrawn(shelf, np.full(total.size, float(demand)), self.newest_first)
            cost += chance * (
                self.holding * left[:, 1:].sum(axis=1)
                + self.expiry * left[:, 0]
                + self.penalty * np.maximum(demand - total, 0)
            )
            after[:, demand] = np.column_stack([left[:, 1:].astype(np.int64), due]) @ weights
        return cost, after

    def _iterated(self, orders: IntArray | None, tolerance: float) -> tuple[float, IntArray]:
        cost, after = self._played
        size, rows = self.largest_order + 1, np.arange(self.states.shape[0])
        if orders is not None:
            chosen = rows * size + orders
            cost, after = cost[chosen], after[chosen]
        values = np.zeros(rows.size)
        for _ in range(_SWEEPS):
            found = cost + values[after] @ self.demand
            if orders is None:
                found = found.reshape(rows.size, size)
                best, swept = found.argmin(axis=1), found.min(axis=1)
            else:
                best, swept = orders, found
            change = swept - values
            low, high = float(change.min()), float(change.max())
            if high - low < tolerance:
                return 0.5 * (low + high), best
            values += _DAMPING * change
            values -= values[0]
        raise ConfigurationError(
            f"The cost does not settle: between {low:.6g} and {high:.6g} after {_SWEEPS} sweeps. "
            "It may depend on the state the policy starts in."
        )
