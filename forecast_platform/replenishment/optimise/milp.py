"""The allocation problem as a mixed-integer programme, solved by HiGHS.

Exact for small cases, and a yardstick for `lagrangian`. Expected cost is linear between demands,
so that every line has a binary (orders or not), a whole number of packs and one continuous
variable per segment; segments fill in order by themselves since each saves less than the one
before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from forecast_platform.errors import PlatformError
from forecast_platform.replenishment.optimise.problem import (
    FloatArray,
    IntArray,
    Limits,
    Lines,
    Problem,
    prepare,
)
from forecast_platform.replenishment.optimise.value import values


@dataclass(frozen=True)
class MilpPlan:
    """What HiGHS found.

    Attributes:
        packs: (n,) packs of the lines that could be planned; None where no plan was found.
        saving: Expected cost saved, currency; NaN without a plan.
        bound: No plan saves more, currency.
    """

    packs: IntArray | None
    saving: float
    bound: float


def solve(
    lines: Lines,
    limits: Limits,
    *,
    seconds: float = np.inf,
    nodes: int | None = None,
    gap: float = 0.0,
    relaxed: bool = False,
) -> MilpPlan:
    """Solve by HiGHS.

    Args:
        lines: N lines.
        limits: What they share.
        seconds: Time limit; what is found in it depends on the machine.
        nodes: Limit of branch-and-bound nodes.
        gap: Relative gap at which to stop.
        relaxed: Drop whole numbers: only a bound, of the linear programme.

    Returns:
        The best plan found in time and its bound.

    Raises:
        ContractError: If there is no line, or arrays do not fit each other.
        ConfigurationError: If a limit is negative or NaN.
        PlatformError: If HiGHS gives neither a plan nor a bound.
    """
    from scipy.optimize import Bounds, LinearConstraint, milp

    problem = prepare(lines, limits)
    if problem.lines == 0:
        return MilpPlan(np.zeros(0, np.int64), 0.0, 0.0)
    gain, widths = _segments(problem)
    n, suppliers = problem.lines, problem.supplier_minimum.size
    matrix, low, high = _rows(problem, widths.shape[1])
    found = milp(
        c=np.concatenate([problem.order_cost, np.zeros(n + suppliers), -gain.ravel()]),
        integrality=np.repeat([0 if relaxed else 1, 0], [2 * n + suppliers, gain.size]),
        bounds=Bounds(
            0.0,
            np.concatenate(
                [np.ones(n), problem.most_packs, np.ones(suppliers), widths.ravel()]
            ).astype(np.float64),
        ),
        constraints=LinearConstraint(matrix, low, high),
        options={"time_limit": seconds, "node_limit": nodes, "mip_rel_gap": gap},
    )
    bound = found.get("mip_dual_bound")
    if bound is None or relaxed:
        bound = found.fun
    if bound is None:
        raise PlatformError(
            f"HiGHS gave neither a plan nor a bound ({found.message}): give it more seconds or "
            "fewer lines."
        )
    if found.x is None or relaxed:
        return MilpPlan(None, np.nan, -float(bound))
    packs = np.round(found.x[n : 2 * n]).astype(np.int64)
    return MilpPlan(packs, float(values(problem, packs).sum()), -float(bound))


def _segments(problem: Problem) -> tuple[FloatArray, FloatArray]:
    """(n, B + 1) saving per unit, falling, and units of the segments from the position up."""
    points = problem.demand.shape[1]
    share = np.arange(points + 1) / points
    total = problem.underage + problem.overage
    gain = problem.underage[:, None] - total[:, None] * share
    ends = np.maximum(problem.demand, problem.position[:, None])
    top = problem.position + problem.most_packs * problem.pack
    ends = np.column_stack([problem.position, ends, np.maximum(top, ends[:, -1])])
    return gain, np.diff(ends, axis=1)


def _rows(problem: Problem, segments: int) -> tuple[Any, FloatArray, FloatArray]:
    """Constraint rows over the columns (orders, packs, supplier orders, segments)."""
    from scipy import sparse

    n, suppliers = problem.lines, problem.supplier_minimum.size
    one, none = sparse.identity(n, format="csr"), sparse.csr_matrix((n, suppliers))
    units = sparse.diags(problem.pack)
    filled = sparse.kron(one, np.ones((1, segments)), format="csr")
    empty = sparse.csr_matrix((n, n * segments))
    of_supplier = sparse.csr_matrix(
        (np.ones(n), (problem.supplier, np.arange(n))), shape=(suppliers, n)
    )
    bounded = np.isfinite(problem.limits)
    spent = of_supplier @ sparse.diags(problem.usage[0] * problem.pack)
    minimum = sparse.diags(problem.supplier_minimum)
    used = sparse.csr_matrix(problem.usage[bounded] * problem.pack)
    blocks = [
        [None, units, none, -filled],
        [sparse.diags(problem.fewest.astype(float)), -one, none, empty],
        [-sparse.diags(problem.most_packs.astype(float)), one, none, empty],
        [one, sparse.csr_matrix((n, n)), -of_supplier.T, empty],
        [None, -spent, minimum, None],
    ]
    low = [np.zeros(n), *[np.full(n, -np.inf)] * 3, np.full(suppliers, -np.inf)]
    high = [np.zeros(n)] * 4 + [np.zeros(suppliers)]
    if bounded.any():
        blocks.append([None, used, None, None])
        low.append(np.full(int(bounded.sum()), -np.inf))
        high.append(problem.limits[bounded])
    matrix = sparse.bmat(blocks, format="csr")
    return matrix, np.concatenate(low), np.concatenate(high)
