"""Economic order quantities for constant demand: plain, with backorders, discounts, production.

Arguments are numbers or arrays that broadcast over N items; demand and costs share one time unit,
named a year here. Source: Snyder and Shen, Fundamentals of Supply Chain Theory (2019), chapter 3.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from forecast_platform.errors import ConfigurationError
from forecast_platform.replenishment.classic.checks import not_negative, positive

FloatArray = NDArray[np.float64]


class BackorderedLots(NamedTuple):
    """Order quantity (units), share of demand backordered and cost per year."""

    quantity: FloatArray
    backordered: FloatArray
    cost: FloatArray


class Lots(NamedTuple):
    """Order quantity (units) and cost per year, currency."""

    quantity: FloatArray
    cost: FloatArray


def economic_order_quantity(
    order_cost: ArrayLike, annual_demand: ArrayLike, holding: ArrayLike
) -> FloatArray:
    """Economic order quantity Q* = sqrt(2 K D / h).

    Source: Harris (1913); Snyder and Shen (2019), eq. 3.4.

    Args:
        order_cost: K, fixed cost of one order, currency.
        annual_demand: D, units per year.
        holding: h, holding cost, currency per unit and year.

    Returns:
        Units per order; NaN where any input is NaN, infinite where only holding costs nothing.

    Raises:
        ConfigurationError: If a number is negative or infinite.
    """
    fixed, demand, held = _economics(order_cost, annual_demand, holding)
    with np.errstate(divide="ignore", invalid="ignore"):
        quantity = np.sqrt(2.0 * fixed * demand / held)
    return np.where(fixed * demand == 0, 0.0, quantity)


def annual_order_cost(
    quantity: ArrayLike, order_cost: ArrayLike, annual_demand: ArrayLike, holding: ArrayLike
) -> FloatArray:
    """Ordering and holding cost per year of ordering `quantity` each time: K D / Q + h Q / 2.

    Source: Snyder and Shen (2019), eq. 3.3.

    Returns:
        Currency per year.

    Raises:
        ConfigurationError: If a cost or the demand is negative, or a quantity is not positive.
    """
    fixed, demand, held = _economics(order_cost, annual_demand, holding)
    size = positive("The order quantity", quantity)
    return np.asarray(fixed * demand / size + held * size / 2)


def with_backorders(
    order_cost: ArrayLike, annual_demand: ArrayLike, holding: ArrayLike, penalty: ArrayLike
) -> BackorderedLots:
    """Economic order quantity where demand waits at `penalty` per unit and year.

    Source: Snyder and Shen (2019), eqs. 3.27 to 3.29.

    Raises:
        ConfigurationError: If a cost is zero or negative, or a number is negative or NaN.
    """
    fixed = not_negative("The order cost", order_cost)
    demand = not_negative("Demand", annual_demand)
    held, waited = positive("The holding cost", holding), positive("The penalty cost", penalty)
    share = held / (held + waited)
    return BackorderedLots(
        np.sqrt(2 * fixed * demand * (held + waited) / (held * waited)),
        share + np.zeros_like(fixed * demand),
        np.sqrt(2 * fixed * demand * held * (1 - share)),
    )


def economic_production_quantity(
    order_cost: ArrayLike, annual_demand: ArrayLike, holding: ArrayLike, production: ArrayLike
) -> Lots:
    """Lot that is received at a rate instead of at once: sqrt(2 K D / (h (1 - D / P))).

    Source: Taft (1918); Snyder and Shen (2019), section 3.4.

    Args:
        order_cost: K, currency per lot.
        annual_demand: D, units per year.
        holding: h, currency per unit and year.
        production: P, units received per year while a lot is made; above D.

    Raises:
        ConfigurationError: If production does not exceed demand, or a number makes no sense.
    """
    fixed = not_negative("The order cost", order_cost)
    demand = not_negative("Demand", annual_demand)
    held, rate = positive("The holding cost", holding), positive("The production rate", production)
    if (rate <= demand).any():
        raise ConfigurationError("The production rate must exceed demand, or stock never builds.")
    effective = held * (1 - demand / rate)
    return Lots(np.sqrt(2 * fixed * demand / effective), np.sqrt(2 * fixed * demand * effective))


def all_units_discount(
    order_cost: ArrayLike,
    annual_demand: ArrayLike,
    holding_rate: ArrayLike,
    breakpoints: ArrayLike,
    unit_costs: ArrayLike,
) -> Lots:
    """Best quantity where the price of the tier reached holds for every unit of the order.

    Source: Snyder and Shen (2019), section 3.2.1.

    Args:
        order_cost: (N,) or number: K, currency per order.
        annual_demand: (N,) or number: D, units per year.
        holding_rate: (N,) or number: i, holding cost per currency of stock and year.
        breakpoints: (B,) or (N, B) smallest quantity of each tier, rising from 0.
        unit_costs: (B,) or (N, B) price per unit of each tier, falling.

    Returns:
        Quantity and cost per year, purchases included, (N,).

    Raises:
        ConfigurationError: If tiers do not rise or prices not fall, or a number makes no sense.
    """
    fixed, demand, rate, start, price = _tiers(
        order_cost, annual_demand, holding_rate, breakpoints, unit_costs
    )
    end = np.concatenate([start[..., 1:], np.full_like(start[..., :1], np.inf)], axis=-1)
    best = np.sqrt(2 * fixed * demand / (rate * price))
    quantity = np.maximum(best, start)
    setup = np.divide(fixed * demand, quantity, out=np.zeros_like(best), where=quantity > 0)
    cost = price * demand + setup + rate * price * quantity / 2
    return _cheapest(quantity, np.where(quantity < end, cost, np.inf))


def incremental_discount(
    order_cost: ArrayLike,
    annual_demand: ArrayLike,
    holding_rate: ArrayLike,
    breakpoints: ArrayLike,
    unit_costs: ArrayLike,
) -> Lots:
    """Best quantity where each tier's price holds only for the units within the tier.

    Source: Snyder and Shen (2019), section 3.2.2. Arguments, result and errors are those of
    `all_units_discount`.
    """
    fixed, demand, rate, start, price = _tiers(
        order_cost, annual_demand, holding_rate, breakpoints, unit_costs
    )
    end = np.concatenate([start[..., 1:], np.full_like(start[..., :1], np.inf)], axis=-1)
    falls = np.concatenate([np.zeros_like(price[..., :1]), -np.diff(price, axis=-1)], axis=-1)
    lump = np.cumsum(falls * start, axis=-1)
    quantity = np.sqrt(2 * (fixed + lump) * demand / (rate * price))
    cost = price * demand + rate * lump / 2 + np.sqrt(2 * (fixed + lump) * demand * rate * price)
    within = (quantity >= start) & (quantity < end)
    return _cheapest(quantity, np.where(within, cost, np.inf))


def _economics(
    order_cost: ArrayLike, demand: ArrayLike, holding: ArrayLike
) -> tuple[FloatArray, FloatArray, FloatArray]:
    return (
        not_negative("The order cost", order_cost, may_be_missing=True),
        not_negative("Demand", demand, may_be_missing=True),
        not_negative("The holding cost", holding, may_be_missing=True),
    )


def _tiers(
    order_cost: ArrayLike,
    demand: ArrayLike,
    holding_rate: ArrayLike,
    breakpoints: ArrayLike,
    unit_costs: ArrayLike,
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
    """All arguments checked, and broadcast to (..., B)."""
    start = not_negative("A breakpoint", breakpoints)
    price = positive("A unit cost", unit_costs)
    rising = (np.diff(start, axis=-1) > 0).all() and (start[..., 0] == 0).all()
    if start.shape[-1] != price.shape[-1] or not rising or (np.diff(price, axis=-1) > 0).any():
        raise ConfigurationError(
            "Discounts need as many unit costs as breakpoints, breakpoints that rise from 0 and "
            f"unit costs that do not; got {start.tolist()} and {price.tolist()}."
        )
    fixed = not_negative("The order cost", order_cost)[..., None]
    yearly = not_negative("Demand", demand)[..., None]
    rate = positive("The holding rate", holding_rate)[..., None]
    shape = np.broadcast_shapes(fixed.shape, yearly.shape, rate.shape, start.shape, price.shape)
    return (
        np.broadcast_to(fixed, shape),
        np.broadcast_to(yearly, shape),
        np.broadcast_to(rate, shape),
        np.broadcast_to(start, shape),
        np.broadcast_to(price, shape),
    )


def _cheapest(quantity: FloatArray, cost: FloatArray) -> Lots:
    best = cost.argmin(axis=-1, keepdims=True)
    return Lots(
        np.take_along_axis(quantity, best, axis=-1)[..., 0],
        np.take_along_axis(cost, best, axis=-1)[..., 0],
    )
