"""Ordering goods with a shelf life."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecast_platform.errors import ConfigurationError
from forecast_platform.replenishment.classic.checks import not_negative, whole

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class WithdrawalAndAging:
    """Order up to `level`, and on top what is expected to expire before the order arrives.

    Demand at its mean is taken from the ages on the shelf over the periods until an order placed
    now has served one; what then outlives its life is the estimate. Source: Broekmeulen and van
    Donselaar (2009), A heuristic to manage perishable inventory with batch ordering, positive
    lead-times, and time-varying demand, Computers and Operations Research 36(11) (EWA).

    Attributes:
        level: S, units.
        shelf_life: m, periods a unit can be sold, its first included.
        lead_time: L, periods.
        mean: Mean demand per period, units.
        newest_first: Whether customers take the newest unit (LIFO) instead of the oldest (FIFO).

    Raises:
        ConfigurationError: If a number makes no sense.
    """

    level: int
    shelf_life: int
    lead_time: int
    mean: float
    newest_first: bool = False

    def __post_init__(self) -> None:
        whole("The level", self.level)
        whole("The shelf life", self.shelf_life, smallest=1)
        whole("The lead time", self.lead_time)
        not_negative("Mean demand", self.mean)

    def __call__(self, states: IntArray) -> IntArray:
        """Orders of (K, m - 1 + L) states: units by life left, then by when they are due.

        Raises:
            ConfigurationError: If the states are of another shelf life or lead time.
        """
        width = self.shelf_life - 1 + self.lead_time
        if states.ndim != 2 or states.shape[1] != width:
            raise ConfigurationError(f"States must be (K, {width}); got {states.shape}.")
        wanted = self.level - states.sum(axis=1) + self._expiring(states)
        return np.asarray(np.maximum(np.ceil(wanted - 1e-9), 0), dtype=np.int64)

    def _expiring(self, states: IntArray) -> FloatArray:
        """(K,) units expected to expire before this period's order arrives."""
        ahead = states.astype(np.float64)
        expired = np.zeros(states.shape[0])
        for _ in range(self.lead_time):
            shelf = withdrawn(
                ahead[:, : self.shelf_life], np.full(expired.size, self.mean), self.newest_first
            )
            expired += shelf[:, 0]
            ahead = np.column_stack([shelf[:, 1:], ahead[:, self.shelf_life :]])
        return expired


def withdrawn(shelf: FloatArray, demand: FloatArray, newest_first: bool) -> FloatArray:
    """(K, m) units left on (K, m) shelves, oldest first, after (K,) units of demand."""
    ages = shelf[:, ::-1] if newest_first else shelf
    before = np.cumsum(ages, axis=1) - ages
    left = ages - np.clip(demand[:, None] - before, 0, ages)
    return left[:, ::-1] if newest_first else left
