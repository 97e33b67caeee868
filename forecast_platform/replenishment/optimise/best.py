"""The best plan that can be had: Lagrangian for all lines, HiGHS besides where they are few."""

from __future__ import annotations

from dataclasses import replace

from forecast_platform.replenishment.optimise import milp
from forecast_platform.replenishment.optimise.lagrangian import (
    Allocation,
    allocate,
    allocation_of,
)
from forecast_platform.replenishment.optimise.problem import Limits, Lines, prepare

_FEW = 40
"""Lines that HiGHS solves in about a second."""
_NODES = 500
"""Where it stops; counted in nodes, not in time, so that a plan comes out the same every time."""
_CLOSE = 1e-9


def best_plan(lines: Lines, limits: Limits) -> Allocation:
    """Choose order quantities that save the most expected cost within the limits.

    Raises:
        ContractError: If there is no line, or arrays do not fit each other.
        ConfigurationError: If a limit is negative or NaN.
    """
    plan = allocate(lines, limits)
    if plan.packs.size > _FEW or plan.gap <= _CLOSE:
        return plan
    problem = prepare(lines, limits)
    exact = milp.solve(lines, limits, nodes=_NODES)
    bound = min(plan.bound, max(exact.bound, plan.saving))
    better = exact.packs is not None and exact.saving > plan.saving
    if exact.packs is None or not better or not problem.is_feasible(exact.packs):
        return replace(plan, bound=bound)
    return allocation_of(problem, exact.packs, plan.prices, bound)
