"""Costs per unit and the economic order quantity."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

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


def economic_order_quantity(
    order_cost: FloatArray | float, annual_demand: FloatArray | float, holding: FloatArray | float
) -> FloatArray:
    """Economic order quantity Q* = sqrt(2 K D / h).

    Source: Harris (1913); Snyder and Shen, Fundamentals of Supply Chain Theory (2019), eq. 3.4.

    Args:
        order_cost: K, fixed cost of one order, currency.
        annual_demand: D, units per year.
        holding: h, holding cost, currency per unit and year; positive.

    Returns:
        Units per order; NaN where any input is NaN.
    """
    return np.asarray(np.sqrt(2.0 * np.asarray(order_cost) * annual_demand / holding))


def annual_order_cost(
    quantity: FloatArray | float,
    order_cost: FloatArray | float,
    annual_demand: FloatArray | float,
    holding: FloatArray | float,
) -> FloatArray:
    """Ordering and holding cost per year of ordering `quantity` each time: K D / Q + h Q / 2.

    Source: Snyder and Shen (2019), eq. 3.3.

    Returns:
        Currency per year.
    """
    size = np.asarray(quantity, dtype=np.float64)
    return np.asarray(
        np.asarray(order_cost) * annual_demand / size + np.asarray(holding) * size / 2
    )
