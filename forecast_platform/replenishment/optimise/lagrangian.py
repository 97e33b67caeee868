"""Allocation to all lines by Lagrangian relaxation, with a proven gap on every plan.

Each shared limit has a price; at given prices every line orders by itself (`value`), and the
prices prove a bound (`dual`). The plan is the one at the lowest prices that keeps the limits,
filled up line by line with what is left. Where suppliers ask for minimum order values and there
are few of them, the gap may be wide; `milp` solves small cases exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from forecast_platform.replenishment.compiled import Array, compiled
from forecast_platform.replenishment.optimise.dual import (
    Point,
    by_supplier,
    dual_at,
    lowest_bound,
)
from forecast_platform.replenishment.optimise.problem import (
    FloatArray,
    IntArray,
    Limits,
    LineReason,
    Lines,
    Problem,
    prepare,
)
from forecast_platform.replenishment.optimise.value import best_packs, values

_HALVINGS = 16
_FILLS = 20
_SHARES = (1.0, 0.5, 0.25, 0.1, *(0.0,) * 8)
"""Of what a supplier spends above its minimum, the most that one line gives up in each round."""


@dataclass(frozen=True)
class Allocation:
    """A plan for N lines.

    Attributes:
        quantity: (N,) units; NaN where the line could not be planned, see `reason`.
        feasible: (N,) False where the line could not be planned or was cut to nothing.
        reason: (N,) `LineReason` values.
        saving: Expected cost that the plan saves against ordering nothing, currency.
        bound: No plan saves more, currency.
        used: (M,) of the shared limits.
        prices: (M,) marginal saving per unit of each limit.
        packs: (n,) packs of the lines that could be planned, in `Problem.kept`'s order.
    """

    quantity: FloatArray
    feasible: NDArray[np.bool_]
    reason: NDArray[np.str_]
    saving: float
    bound: float
    used: FloatArray
    prices: FloatArray
    packs: IntArray

    @property
    def gap(self) -> float:
        """(bound - saving) / saving; 0 where nothing can be saved."""
        if self.bound <= self.saving:
            return 0.0
        return (self.bound - self.saving) / self.saving if self.saving > 0 else np.inf


def allocate(lines: Lines, limits: Limits, start: Allocation | None = None) -> Allocation:
    """Choose order quantities that save the most expected cost within the limits.

    Args:
        lines: N lines.
        limits: What they share.
        start: A plan of the same lines; where it keeps the limits, the result is no worse.

    Returns:
        The plan with its bound.

    Raises:
        ContractError: If there is no line, or arrays do not fit each other.
        ConfigurationError: If a limit is negative or NaN.
    """
    problem = prepare(lines, limits)
    best = lowest_bound(problem)
    candidates = [_kept_within(problem, best)]
    if problem.supplier_minimum.any():
        candidates.append(_without_suppliers(problem, best))
    if start is not None and start.packs.shape == (problem.lines,):
        candidates.append(start.packs)
    plans = [
        _filled(problem, packs, best.prices) for packs in candidates if problem.is_feasible(packs)
    ]
    packs = max(plans, key=lambda plan: float(values(problem, plan).sum()))
    return allocation_of(problem, packs, best.prices, best.bound)


def budget_curve(lines: Lines, limits: Limits, budgets: Sequence[float]) -> list[Allocation]:
    """Plans for several budgets, rising; more budget never saves less.

    Args:
        lines: N lines.
        limits: Their limits; the first is replaced by each budget.
        budgets: Currency, in any order; the plans come in rising order.
    """
    plans: list[Allocation] = []
    for budget in sorted(budgets):
        most = np.array(limits.most, np.float64)
        most[0] = budget
        start = plans[-1] if plans else None
        plans.append(allocate(lines, replace(limits, most=most), start))
    return plans


def _kept_within(problem: Problem, best: Point) -> IntArray:
    """Plan at the lowest multiple of the prices at which it keeps the limits."""
    if problem.is_feasible(best.packs):
        return best.packs
    low, high, packs = 1.0, 1.0, np.zeros(problem.lines, np.int64)
    grown = 1e-6
    for _ in range(_HALVINGS * 2):
        high = 1.0 + grown
        point = dual_at(problem, best.prices * high)
        if problem.is_feasible(point.packs):
            packs = point.packs
            break
        low, grown = high, grown * 4
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        point = dual_at(problem, best.prices * middle)
        if problem.is_feasible(point.packs):
            high, packs = middle, point.packs
        else:
            low = middle
    return packs


def _least_raised(problem: Problem, point: Point) -> IntArray:
    """Plan at some prices; suppliers spend no more on their minimum than they have to."""
    plan = _trimmed(problem, point.raised, point.prices)
    price = point.prices @ problem.usage * problem.pack * plan
    worth = by_supplier(problem, values(problem, plan) - price)
    return np.where((worth > 0)[problem.supplier], plan, 0)


def _without_suppliers(problem: Problem, best: Point) -> IntArray:
    """Plan at the best prices less the suppliers that save least for their price, until it fits.

    Where suppliers ask for a minimum, higher prices may not lead to a plan that fits.
    """
    plan = _least_raised(problem, best)
    price = by_supplier(problem, best.prices @ problem.usage * problem.pack * plan)
    ratio = by_supplier(problem, values(problem, plan)) / np.maximum(price, 1e-12)
    for supplier in np.argsort(ratio, kind="stable"):
        if problem.is_feasible(plan):
            break
        plan[problem.supplier == supplier] = 0
    return plan


@compiled
def _take_in_order(
    order: Array, step: Array, need: Array, left: Array, gain: Array, packs: Array
) -> int:
    """Add the steps that still fit, best first; returns how many."""
    taken = 0
    for i in order:
        if gain[i] <= 0.0:
            break
        fits = True
        for m in range(left.size):
            fits = fits and need[m, i] <= left[m]
        if fits:
            packs[i] += step[i]
            taken += 1
            for m in range(left.size):
                left[m] -= need[m, i]
    return taken


@compiled
def _drop_in_order(
    order: Array, supplier: Array, step: Array, cost: Array, room: Array, packs: Array
) -> None:
    """Take away the steps that a supplier can spare, best first."""
    for i in order:
        if cost[i] <= room[supplier[i]]:
            packs[i] -= step[i]
            room[supplier[i]] -= cost[i]


def _trimmed(problem: Problem, packs: IntArray, prices: FloatArray) -> IntArray:
    """Take away packs not worth their price by which a supplier's orders exceed its minimum."""
    plan, price = packs.copy(), prices @ problem.usage
    asks = (problem.supplier_minimum > 0)[problem.supplier] & (problem.usage[0] > 0)
    pack_cost = np.where(asks, problem.usage[0] * problem.pack, 1.0)
    for share in _SHARES:
        room = problem.spent_by_supplier(plan) - problem.supplier_minimum
        most = np.maximum(room[problem.supplier] * share / pack_cost, 1.0)
        step = np.where(
            plan > problem.fewest, np.minimum(plan - problem.fewest, most.astype(np.int64)), plan
        )
        gain = values(problem, plan - step) - values(problem, plan) + price * step * problem.pack
        can = asks & (plan > 0) & (gain > 1e-12) & (step * pack_cost <= room[problem.supplier])
        order = np.flatnonzero(can)
        order = order[np.argsort(-(gain / (step * pack_cost + 1e-12))[order], kind="stable")]
        _drop_in_order(order, problem.supplier, step, step * pack_cost, room, plan)
    return plan


def _filled(problem: Problem, packs: IntArray, prices: FloatArray) -> IntArray:
    """Spend what is left: next pack, or first order, of the lines that save most per price."""
    plan = packs.copy()
    price = prices @ problem.usage
    bare = problem.supplier_minimum == 0
    for _ in range(_FILLS):
        left = problem.limits * (1 + 1e-12) - problem.used(plan)
        step = np.where(plan == 0, problem.fewest, 1)
        open_supplier = bare | (problem.spent_by_supplier(plan) > 0)
        can = (plan + step <= problem.most_packs) & open_supplier[problem.supplier]
        units = step * problem.pack
        need = problem.usage * units
        gain = np.where(can, values(problem, plan + step) - values(problem, plan), 0.0)
        gain = np.where((need <= left[:, None]).all(axis=0), gain, 0.0)
        score = gain / np.maximum(price * units, 1e-12)
        order = np.flatnonzero(gain > 1e-12)
        order = order[np.argsort(-score[order], kind="stable")]
        if not order.size or not _take_in_order(order, step, need, left, gain, plan):
            break
    return plan


def allocation_of(
    problem: Problem, packs: IntArray, prices: FloatArray, bound: float
) -> Allocation:
    """A plan of packs (n,) with the prices (M,) and the bound that go with it."""
    count = problem.reasons.size
    quantity, reason = np.full(count, np.nan), problem.reasons.astype(object)
    quantity[problem.kept] = packs * problem.pack
    no_room = problem.reasons == LineReason.LIMIT_IS_ZERO
    quantity[no_room] = 0.0
    wished, _ = best_packs(problem, np.zeros(problem.lines))
    reason[problem.kept] = np.where(
        packs > 0,
        np.where(packs < wished, LineReason.CUT_BY_LIMITS, LineReason.ORDERED),
        np.where(wished > 0, LineReason.CUT_BY_LIMITS, LineReason.NO_GAIN),
    )
    feasible = problem.reasons == ""
    feasible[problem.kept] = (packs > 0) | (wished == 0)
    saving = float(values(problem, packs).sum())
    return Allocation(
        quantity=quantity,
        feasible=feasible,
        reason=reason.astype(np.str_),
        saving=saving,
        bound=max(bound, saving),
        used=problem.used(packs),
        prices=prices,
        packs=packs,
    )
