"""The dual of the allocation problem: prices of the shared limits, and the bound they prove.

Whatever the prices, the dual function is an upper bound on what any plan can save. It is convex;
its lowest point is found by cutting planes (Kelley 1960, Journal of SIAM 8(4)). A supplier with a
minimum order value has a price of its own, which raises its orders to the minimum; or it orders
nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecast_platform.replenishment.optimise.problem import FloatArray, IntArray, Problem
from forecast_platform.replenishment.optimise.value import best_packs

_CUTS = 60
_CLOSE = 1e-7
_HALVINGS = 12


@dataclass(frozen=True)
class Point:
    """The dual function at some prices, and the plan that goes with it.

    Attributes:
        prices: (M,) of the limits.
        bound: No plan saves more, currency.
        packs: (n,) of the plan.
        used: (M,) usage of the plan.
        raised: (n,) packs where every supplier whose minimum can be reached orders, also those
            whose orders then are not worth their prices.
    """

    prices: FloatArray
    bound: float
    packs: IntArray
    used: FloatArray
    raised: IntArray


def lowest_bound(problem: Problem) -> Point:
    """Prices with (nearly) the lowest bound, by cutting planes.

    Every bound is at least the worth of the limits at their prices, so that no best price is
    above the bound without prices over the limit: scaled by that, prices lie between 0 and 1.
    """
    bounded = np.isfinite(problem.limits) & (problem.limits > 0)
    best = dual_at(problem, np.zeros(problem.limits.size))
    if problem.lines == 0 or bool((best.used[bounded] <= problem.limits[bounded]).all()):
        return best
    scale = problem.limits[bounded] / best.bound
    points = [best]
    for _ in range(_CUTS):
        scaled, floor = _cutting_plane(points, bounded, scale)
        prices = np.zeros(problem.limits.size)
        prices[bounded] = scaled / scale
        points.append(dual_at(problem, prices))
        best = min(points, key=lambda point: point.bound)
        if best.bound - floor <= _CLOSE * max(best.bound, 1e-12):
            break
    return best


def _cutting_plane(
    points: Sequence[Point], bounded: NDArray[np.bool_], scale: FloatArray
) -> tuple[FloatArray, float]:
    """Lowest point of the cuts so far: scaled prices and the height there."""
    from scipy.optimize import linprog

    unit = points[0].bound
    limits = scale * unit
    slopes = np.array([(limits - point.used[bounded]) / limits for point in points])
    at = np.array([point.prices[bounded] * scale for point in points])
    heights = np.array([point.bound for point in points]) / unit
    found = linprog(
        c=[*np.zeros(scale.size), 1.0],
        A_ub=np.column_stack([slopes, -np.ones(len(points))]),
        b_ub=(slopes * at).sum(axis=1) - heights,
        bounds=[*((0.0, 1.0) for _ in scale), (None, None)],
    )
    return np.asarray(found.x[:-1]), float(found.x[-1] * unit)


def dual_at(problem: Problem, prices: FloatArray) -> Point:
    """The dual function at prices of the limits, minimised over suppliers' own prices."""
    price = prices @ problem.usage
    packs, value = best_packs(problem, price)
    net = by_supplier(problem, value - price * packs * problem.pack)
    raised = packs
    if problem.supplier_minimum.any():
        packs, raised, net = _with_minimum(problem, price, packs, net)
    finite = np.isfinite(problem.limits)
    bound = float(net.sum() + (prices[finite] * problem.limits[finite]).sum())
    return Point(prices, bound, packs, problem.used(packs), raised)


def _with_minimum(
    problem: Problem, price: FloatArray, packs: IntArray, net: FloatArray
) -> tuple[IntArray, IntArray, FloatArray]:
    """Plan, plan of all suppliers and bound per supplier, where suppliers ask for a minimum.

    For every supplier price m >= 0 on its purchases, max(0, net at price - m * cost less
    m * minimum) bounds what the supplier can add; m is found by halving, for all at once.
    """
    cost, minimum, of = problem.usage[0], problem.supplier_minimum, problem.supplier
    short = problem.spent_by_supplier(packs) < minimum
    with np.errstate(divide="ignore", invalid="ignore"):
        most = np.where(cost > 0, (problem.overage + price) / cost, 0.0)
    low, high = np.zeros(minimum.size), np.zeros(minimum.size)
    np.maximum.at(high, of, most * (1 + 1e-6) + 1e-9)
    high = np.where(short, high, 0.0)
    raised, bound = packs, net
    reached = ~short
    worth = net.copy()
    for step in range(_HALVINGS + 1):
        tried = high if step == 0 else (low + high) / 2
        lowered = price - tried[of] * cost
        plan, value = best_packs(problem, lowered)
        units = plan * problem.pack
        spent = problem.spent_by_supplier(plan)
        here = by_supplier(problem, value - lowered * units) - tried * minimum
        bound = np.where(short, np.minimum(bound, here), bound)
        enough = spent >= minimum
        use = short & enough
        raised = np.where(use[of], plan, raised)
        worth = np.where(use, by_supplier(problem, value - price * units), worth)
        reached |= use
        high = np.where(use, tried, high)
        low = np.where(short & ~enough, tried, low)
        if not short.any():
            break
    orders = reached & (worth > 0)
    # Where no price reaches the minimum, the supplier can only order nothing.
    return (
        np.where(orders[of], raised, 0),
        np.where(reached[of], raised, 0),
        np.where(reached, np.maximum(bound, 0.0), 0.0),
    )


def by_supplier(problem: Problem, amounts: FloatArray) -> FloatArray:
    """(J,) sums of amounts (n,) per supplier."""
    sums = np.bincount(problem.supplier, amounts, minlength=problem.supplier_minimum.size)
    return np.asarray(sums, np.float64)
