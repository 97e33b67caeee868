"""Costs per unit, and the economic order quantity of `classic.eoq`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from forecast_platform.replenishment.classic.eoq import annual_order_cost, economic_order_quantity

__all__ = ["annual_order_cost", "economic_order_quantity", "unit_costs", "unit_margins"]

FloatArray = NDArray[np.float64]


def unit_costs(
    unit_cost: FloatArray, price: FloatArray, cost_share: float
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Purchase cost per unit, estimated from the price where it is not known.

    Args:
        unit_cost: (N,) currency per unit; NaN or not positive where unknown.
        price: (N,) selling price, currency per unit; NaN or not positive where unknown.
        cost_share: Cost as share of price.

    Returns:
        (N,) costs, NaN where neither is known, and (N,) True where the cost is an estimate.
    """
    known = unit_cost > 0
    estimable = ~known & (price > 0)
    cost = np.where(known, unit_cost, np.where(estimable, price * cost_share, np.nan))
    return cost, estimable


def unit_margins(price: FloatArray, cost: FloatArray, cost_share: float) -> FloatArray:
    """Margin lost with a unit that could not be sold, estimated where price or cost do not tell it.

    Args:
        price: (N,) selling price, currency per unit; NaN where unknown.
        cost: (N,) purchase cost, currency per unit; NaN where unknown.
        cost_share: Cost as share of price, for items whose known price does not exceed their cost.

    Returns:
        (N,) currency per unit, positive; NaN where no cost is known.
    """
    margin = price - cost
    return np.where(margin > 0, margin, cost * (1 / cost_share - 1))
