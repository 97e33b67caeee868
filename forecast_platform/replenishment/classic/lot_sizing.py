"""Lot sizes for known, varying demand: Wagner-Whitin (optimal) and Silver-Meal (heuristic).

An order of a period is there for its demand; what is carried to the next period costs holding.
Rows are items; all items are solved at once.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from forecast_platform.errors import ConfigurationError
from forecast_platform.replenishment.classic.checks import not_negative

FloatArray = NDArray[np.float64]


class LotPlan(NamedTuple):
    """(N, T) units ordered per period and (N,) ordering and holding cost, currency."""

    orders: FloatArray
    cost: FloatArray


def wagner_whitin(demand: ArrayLike, order_cost: ArrayLike, holding: ArrayLike) -> LotPlan:
    """Cheapest plan that meets all demand, by dynamic programming.

    Source: Wagner and Whitin (1958), Dynamic Version of the Economic Lot Size Model, Management
    Science 5(1).

    Args:
        demand: (N, T) or (T,) units per period.
        order_cost: Currency per order: a number, or broadcasting to (N, T).
        holding: Currency per unit carried over the end of a period: a number, or to (N, T).

    Raises:
        ConfigurationError: If a number is negative or NaN, or there is no period.
    """
    units, fixed, held = _inputs(demand, order_cost, holding)
    items, periods = units.shape
    reach = np.cumsum(held, axis=1) - held
    carried = np.zeros_like(units)
    least = np.zeros((items, periods + 1))
    source = np.zeros((items, periods), dtype=np.int64)
    for t in range(periods):
        carried[:, : t + 1] += units[:, t, None] * (reach[:, t, None] - reach[:, : t + 1])
        costs = least[:, : t + 1] + fixed[:, : t + 1] + carried[:, : t + 1]
        source[:, t] = costs.argmin(axis=1)
        least[:, t + 1] = costs.min(axis=1)
        idle = (units[:, t] == 0) & (least[:, t] <= least[:, t + 1])
        source[idle, t] = -1
        least[idle, t + 1] = least[idle, t]
    return LotPlan(_traced(units, source), least[:, -1])


def silver_meal(demand: ArrayLike, order_cost: ArrayLike, holding: ArrayLike) -> LotPlan:
    """Plan that extends each lot while its cost per period covered falls.

    Source: Silver and Meal (1973); Silver, Pyke and Thomas (2017), section 5.6. Arguments, shapes
    and errors are those of `wagner_whitin`.
    """
    units, fixed, held = _inputs(demand, order_cost, holding)
    items, periods = units.shape
    rows = np.arange(items)
    reach = np.cumsum(held, axis=1) - held
    start = np.full(items, -1)
    spent, average = np.zeros(items), np.full(items, np.inf)
    orders, cost = np.zeros_like(units), np.zeros(items)
    for t in range(periods):
        extra = units[:, t] * (reach[:, t] - reach[rows, start])
        longer = (spent + extra) / np.maximum(t - start + 1, 1)
        opens = (units[:, t] > 0) & ((start < 0) | (longer > average))
        start = np.where(opens, t, start)
        open_now = start >= 0
        extra = np.where(opens, fixed[:, t], np.where(open_now, extra, 0.0))
        spent = np.where(opens, 0.0, spent) + extra
        average = np.where(open_now, spent / np.maximum(t - start + 1, 1), np.inf)
        cost += extra
        orders[rows[open_now], start[open_now]] += units[open_now, t]
    return LotPlan(orders, cost)


def _inputs(
    demand: ArrayLike, order_cost: ArrayLike, holding: ArrayLike
) -> tuple[FloatArray, FloatArray, FloatArray]:
    units = np.atleast_2d(not_negative("Demand", demand))
    if units.ndim != 2 or units.shape[1] == 0:
        raise ConfigurationError(f"Demand must be (items, periods); got shape {units.shape}.")
    fixed = np.broadcast_to(not_negative("The order cost", order_cost), units.shape)
    held = np.broadcast_to(not_negative("The holding cost", holding), units.shape)
    return units, fixed, held


def _traced(units: FloatArray, source: NDArray[np.int64]) -> FloatArray:
    """Orders from the period in which each period's demand is best ordered, last to first."""
    orders = np.zeros_like(units)
    current = np.full(units.shape[0], units.shape[1])
    rows = np.arange(units.shape[0])
    for t in range(units.shape[1] - 1, -1, -1):
        starts = (t < current) & (source[rows, t] >= 0)
        current = np.where(starts, source[rows, t], current)
        ordered = units[:, t] > 0
        orders[rows[ordered], current[ordered]] += units[ordered, t]
    return orders
