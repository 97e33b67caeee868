"""Sharing out what a warehouse has among stores, and moving stock between stores before buying."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from forecast_platform.errors import ConfigurationError
from forecast_platform.replenishment.classic.checks import not_negative, positive

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def allocate(
    available: ArrayLike,
    position: ArrayLike,
    demand: ArrayLike,
    holding: ArrayLike,
    penalty: ArrayLike,
) -> IntArray:
    """Units to send from a warehouse to each store, at least expected cost of the stores.

    Each unit goes where it saves most, p - (p + h) P(demand <= stock there), until none is left or
    none saves anything; as savings fall with every unit, no other split is cheaper. Source:
    Federgruen and Zipkin (1984), Management Science 30(1); Fox (1966), Management Science 13(3).

    Args:
        available: (N,) whole units at the warehouse, per item.
        position: (N, S) whole units at and on the way to each store, at least zero.
        demand: (N, S, M) probabilities of 0, 1, ... units until the next shipment arrives.
        holding: h, currency per unit left: a number or to (N, S).
        penalty: p, currency per unit short: a number or to (N, S).

    Returns:
        (N, S) whole units.

    Raises:
        ConfigurationError: If shapes do not match, or a number is negative, NaN or fractional.
    """
    there = _whole("The stock position", position)
    stock = _whole("Available stock", available)
    table = not_negative("A demand probability", demand)
    if table.ndim != 3 or table.shape[:2] != there.shape or stock.shape != there.shape[:1]:
        raise ConfigurationError(
            "Allocation needs available (N,), position (N, S) and demand (N, S, M); got "
            f"{stock.shape}, {there.shape} and {table.shape}."
        )
    over = np.broadcast_to(positive("The holding cost", holding), there.shape)[..., None]
    under = np.broadcast_to(positive("The penalty cost", penalty), there.shape)[..., None]
    saved = under - (under + over) * np.cumsum(table, axis=2)
    saved[np.arange(table.shape[2]) < there[..., None]] = -np.inf
    items, stores, units = saved.shape
    # Unit by unit, store by store: among equal savings the shortest store comes first.
    flat = saved.transpose(0, 2, 1).reshape(items, units * stores)
    order = np.argsort(-flat, axis=1, kind="stable")
    ranked = np.take_along_axis(flat, order, axis=1)
    sent = (ranked > 0) & (np.arange(units * stores) < stock[:, None])
    quantities = np.zeros((items, stores), dtype=np.int64)
    rows = np.broadcast_to(np.arange(items)[:, None], order.shape)
    np.add.at(quantities, (rows[sent], order[sent] % stores), 1)
    return quantities


def transfers(
    surplus: ArrayLike, need: ArrayLike, unit_cost: ArrayLike, worth: float
) -> FloatArray:
    """Stock to move between locations before anything is bought, cheapest ways first.

    A heuristic for the transportation problem: every way that costs less than `worth` is used, in
    the order of its cost, for as much as one side has and the other needs.

    Args:
        surplus: (N, S) units each location can spare, per item.
        need: (N, S) units each location lacks.
        unit_cost: (S, S) currency to move a unit from row to column.
        worth: Currency a unit moved saves, such as its purchase cost or the margin at risk.

    Returns:
        (N, S, S) units from row to column; nothing from a location to itself.

    Raises:
        ConfigurationError: If shapes do not match, or a number is negative or NaN.
    """
    spare = not_negative("Surplus stock", surplus).copy()
    lack = not_negative("Stock needed", need).copy()
    cost = not_negative("The cost of a transfer", unit_cost)
    limit = float(not_negative("The worth of a transfer", worth))
    if spare.ndim != 2 or lack.shape != spare.shape or cost.shape != (spare.shape[1],) * 2:
        raise ConfigurationError(
            "Transfers need surplus and need (N, S) and unit costs (S, S); got "
            f"{spare.shape}, {lack.shape} and {cost.shape}."
        )
    moved = np.zeros((*spare.shape, spare.shape[1]))
    for way in np.argsort(cost, axis=None, kind="stable").tolist():
        source, target = divmod(way, cost.shape[0])
        if source == target or cost[source, target] >= limit:
            continue
        units = np.minimum(spare[:, source], lack[:, target])
        moved[:, source, target] = units
        spare[:, source] -= units
        lack[:, target] -= units
    return moved


def _whole(name: str, value: ArrayLike) -> IntArray:
    numbers = not_negative(name, value)
    if (numbers != np.round(numbers)).any():
        raise ConfigurationError(f"{name} must be in whole units.")
    return numbers.astype(np.int64)
