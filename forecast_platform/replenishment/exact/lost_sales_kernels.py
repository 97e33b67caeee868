"""Compiled sweeps over the states of a lost-sales system. Imported only when one is solved."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_REORDERED_SUMS = {"reassoc", "contract"}
_DAMPING = 0.95
"""Share of a sweep taken over; below one, a periodic chain converges too."""


@njit(cache=True, fastmath=_REORDERED_SUMS, inline="always")
def expected(
    values: FloatArray, landing: int, stock: int, reversed_pmf: FloatArray, tail: FloatArray
) -> float:
    """E[values of the state that follows]: `stock` less demand, at least 0, after `landing`."""
    total = 0.0
    offset = reversed_pmf.size - 1 - stock
    for left in range(1, stock + 1):
        total += reversed_pmf[offset + left] * values[landing + left]
    return float(total + tail[stock] * values[landing])


@njit(cache=True)
def settle(values: FloatArray, swept: FloatArray) -> tuple[float, float]:
    """Take a sweep over into `values`, relative to state 0; bounds of the average cost."""
    low, high = np.inf, -np.inf
    for i in range(values.size):
        change = swept[i] - values[i]
        low, high = min(low, change), max(high, change)
        values[i] += _DAMPING * change
    base = values[0]
    for i in range(values.size):
        values[i] -= base
    return low, high


@njit(cache=True)
def evaluate(
    values: FloatArray,
    cost: FloatArray,
    landing: IntArray,
    stock: IntArray,
    reversed_pmf: FloatArray,
    tail: FloatArray,
    tolerance: float,
    sweeps: int,
) -> tuple[float, float]:
    """Sweep under fixed orders until the bounds of the average cost meet, or `sweeps` are done."""
    swept = np.empty_like(values)
    low, high = -np.inf, np.inf
    for _ in range(sweeps):
        for i in range(values.size):
            swept[i] = cost[i] + expected(values, landing[i], stock[i], reversed_pmf, tail)
        low, high = settle(values, swept)
        if high - low < tolerance:
            break
    return low, high


@njit(cache=True, inline="always")
def landing_of(pipeline: int, order: int, first: IntArray, radix: int, high: int) -> int:
    """Number of the state after `order` if all stock on hand is sold."""
    if high == 0:
        return int(first[0] + order)
    return int(first[pipeline % high * radix + order] + pipeline // high)


@njit(cache=True)
def improve(
    values: FloatArray,
    swept: FloatArray,
    orders: IntArray,
    most: IntArray,
    cost: FloatArray,
    order_cost: float,
    first: IntArray,
    pipeline: IntArray,
    stock: IntArray,
    radix: int,
    high: int,
    reversed_pmf: FloatArray,
    tail: FloatArray,
) -> None:
    """Least cost and its order in every state, against `values` a period later."""
    for i in range(values.size):
        best = np.inf
        for order in range(most[i] + 1):
            after = landing_of(pipeline[i], order, first, radix, high)
            value = expected(values, after, stock[i], reversed_pmf, tail)
            if order > 0:
                value += order_cost
            if value < best:
                best, orders[i] = value, order
        swept[i] = cost[i] + best


@njit(cache=True)
def arriving_stock(
    stock: int,
    pipeline: int,
    radix: int,
    high: int,
    lead_time: int,
    pmf: FloatArray,
    tail: FloatArray,
    chance: FloatArray,
    spare: FloatArray,
) -> int:
    """Distribution in `chance` of the stock left when this period's order arrives; its top."""
    top, weight = stock, high
    chance[:top] = 0.0
    chance[top] = 1.0
    for period in range(1, lead_time + 1):
        due = 0
        if period < lead_time:
            due = pipeline // weight % radix
            weight //= radix
        spare[: top + due + 1] = 0.0
        for y in range(top + 1):
            if chance[y] > 0.0:
                for left in range(1, y + 1):
                    spare[left + due] += chance[y] * pmf[y - left]
                spare[due] += chance[y] * tail[y]
        top += due
        chance[: top + 1] = spare[: top + 1]
    return top


@njit(cache=True)
def look_ahead(
    values: FloatArray,
    swept: FloatArray,
    orders: IntArray,
    most: IntArray,
    cost_of_stock: FloatArray,
    first: IntArray,
    pipeline: IntArray,
    stock: IntArray,
    radix: int,
    high: int,
    lead_time: int,
    pmf: FloatArray,
    reversed_pmf: FloatArray,
    tail: FloatArray,
) -> None:
    """Least cost of the period in which the order arrives plus `values` a period later."""
    chance, spare = np.zeros(cost_of_stock.size), np.zeros(cost_of_stock.size)
    for i in range(values.size):
        top = arriving_stock(
            stock[i], pipeline[i], radix, high, lead_time, pmf, tail, chance, spare
        )
        best = np.inf
        for order in range(most[i] + 1):
            value = 0.0
            for y in range(top + 1):
                value += chance[y] * cost_of_stock[y + order]
            after = landing_of(pipeline[i], order, first, radix, high)
            value += expected(values, after, stock[i], reversed_pmf, tail)
            if value < best:
                best, orders[i] = value, order
        swept[i] = best
