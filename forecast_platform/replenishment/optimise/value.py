"""Expected cost of a line and its best order at given prices of the shared limits.

With equally likely demands d_1 <= ... <= d_B and stock x after ordering, the expected cost is
o E(x - D)+ + u E(D - x)+ = (o + u) G(x) + u (E D - x), where G(x) = E(x - D)+ is linear between
demands. It is convex, so that the best whole number of packs lies next to the newsvendor quantity
at the critical ratio (u - price) / (o + u) (Arrow, Harris and Marschak 1951, Econometrica 19(3)).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from forecast_platform.replenishment.compiled import Array, compiled, over_skus
from forecast_platform.replenishment.optimise.problem import FloatArray, IntArray, Problem


@compiled
def _cost(stock: float, demand: Array, sums: Array, underage: float, overage: float) -> float:
    """Expected cost of a line with `stock` units, currency."""
    points = demand.size
    below = np.searchsorted(demand, stock)
    left = (below * stock - sums[below]) / points
    return float((overage + underage) * left + underage * (sums[points] / points - stock))


@compiled
def _best(
    first: int,
    last: int,
    position: Array,
    demand: Array,
    sums: Array,
    underage: Array,
    overage: Array,
    order_cost: Array,
    pack: Array,
    fewest: Array,
    most: Array,
    price: Array,
    packs: Array,
    value: Array,
) -> None:
    """Best packs of lines `first` to `last` - 1 at a price per unit, and what they save."""
    points = demand.shape[1]
    for i in range(first, last):
        packs[i], value[i] = 0, 0.0
        ratio = (underage[i] - price[i]) / (overage[i] + underage[i])
        if ratio <= 0.0 or most[i] < fewest[i]:
            continue
        rank = math.ceil(min(ratio, 2.0) * points - 1e-9)
        if rank > points:
            wanted = float(most[i])
        else:
            wanted = math.floor((demand[i, max(rank, 1) - 1] - position[i]) / pack[i] + 1e-9)
        u, o = underage[i], overage[i]
        before = _cost(position[i], demand[i], sums[i], u, o)
        most_net = 0.0
        for extra in range(2):
            count = min(max(wanted + extra, float(fewest[i])), float(most[i]))
            units = count * pack[i]
            saved = before - _cost(position[i] + units, demand[i], sums[i], u, o) - order_cost[i]
            if saved - price[i] * units > most_net:
                most_net = saved - price[i] * units
                packs[i], value[i] = int(count), saved


@compiled
def _values(
    first: int,
    last: int,
    position: Array,
    demand: Array,
    sums: Array,
    underage: Array,
    overage: Array,
    order_cost: Array,
    pack: Array,
    packs: Array,
    value: Array,
) -> None:
    """What given packs of lines `first` to `last` - 1 save."""
    for i in range(first, last):
        value[i] = 0.0
        if packs[i] > 0:
            after = position[i] + packs[i] * pack[i]
            value[i] = _cost(position[i], demand[i], sums[i], underage[i], overage[i])
            value[i] -= _cost(after, demand[i], sums[i], underage[i], overage[i]) + order_cost[i]


def best_packs(
    problem: Problem, price: FloatArray, underage: FloatArray | None = None
) -> tuple[IntArray, FloatArray]:
    """Best order of every line by itself at given prices.

    Args:
        problem: n lines.
        price: (n,) currency per unit for the limits it uses; below zero where more is wished.
        underage: (n,) instead of the problem's.

    Returns:
        (n,) packs and (n,) expected cost they save, without the price.
    """
    packs, value = np.empty(problem.lines, np.int64), np.empty(problem.lines)
    short = problem.underage if underage is None else underage
    over_skus(
        lambda first, last: _best(
            first, last, problem.position, problem.demand, problem.sums, short, problem.overage,
            problem.order_cost, problem.pack, problem.fewest, problem.most_packs, price, packs,
            value,
        ),
        problem.lines,
    )  # fmt: skip
    return packs, value


def values(problem: Problem, packs: IntArray) -> FloatArray:
    """(n,) expected cost that given packs (n,) save, currency."""
    value = np.empty(problem.lines)
    over_skus(
        lambda first, last: _values(
            first, last, problem.position, problem.demand, problem.sums, problem.underage,
            problem.overage, problem.order_cost, problem.pack, packs, value,
        ),
        problem.lines,
    )  # fmt: skip
    return value


def expected_left(problem: Problem, packs: IntArray) -> tuple[FloatArray, FloatArray]:
    """(n,) units expected to be left and (n,) to be short after ordering `packs` (n,)."""
    stock = (problem.position + packs * problem.pack)[:, None]
    left: NDArray[np.float64] = np.maximum(stock - problem.demand, 0.0).mean(axis=1)
    short: NDArray[np.float64] = np.maximum(problem.demand - stock, 0.0).mean(axis=1)
    return left, short
