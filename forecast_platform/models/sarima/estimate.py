"""Maximum likelihood estimates of one order for many series."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from forecast_platform.models.sarima.compiled import compiled
from forecast_platform.models.sarima.maximise import minimised
from forecast_platform.models.sarima.order import RIDGE, ROUGHLY, WORTH
from forecast_platform.models.sarima.problem import IMPOSSIBLE, Problem, evaluated, problem_of

Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]


@compiled
def other_modes(
    free: Doubles, problem: Problem, first: int, second: int, width: int, starts: Doubles
) -> None:
    """Look for modes where an autoregressive and a moving-average root nearly cancel.

    Where they cancel, at any r, the likelihood is that of the model without them: a ridge. Small
    steps off the ridge, one standard deviation sqrt((1 - r^2) / n) and a half to both sides, say by
    a parabola how far the likelihood rises there and where.

    Args:
        free: (K,) estimates.
        problem: The series.
        first: Position of the first autoregressive parameter of the block.
        second: Position of its first moving-average parameter.
        width: Number of moving-average parameters of the block, which ends with them.
        starts: (R, 3) filled with the expected deviance and both parameters, a line for each r.
    """
    size = len(free)
    trial, scratch, slopes = np.empty(size), np.empty(size), np.empty(len(problem.columns) - 1)
    for i in range(size):
        trial[i] = 0.0 if first <= i < second + width else free[i]
    level = evaluated(trial, problem, scratch, slopes)[0]
    for line in range(len(starts)):
        r = RIDGE[line]
        step = min(1.5 * np.sqrt((1.0 - r * r) / problem.known), 0.5 * (1.0 - abs(r)))
        trial[second] = np.arctanh(r)
        trial[first] = np.arctanh(r + step)
        above = evaluated(trial, problem, scratch, slopes)[0]
        trial[first] = np.arctanh(r - step)
        below = evaluated(trial, problem, scratch, slopes)[0]
        slope, curve = 0.5 * (above - below) / step, (above + below - 2.0 * level) / (step * step)
        move = -slope / curve if curve > 0.0 else (step if above < below else -step)
        move = min(max(move, -4.0 * step, -0.9 * (1.0 + r)), 4.0 * step, 0.9 * (1.0 - r))
        starts[line, 0] = level + slope * move + 0.5 * curve * move * move
        starts[line, 1] = np.arctanh(r + move)
        starts[line, 2] = np.arctanh(r)


@compiled
def _visited(
    free: Doubles,
    best: float,
    problem: Problem,
    block: int,
    iterations: int,
    tolerance: float,
    modes: int,
) -> None:
    """Climb the most promising other modes of a block; `free` becomes the best of all."""
    size, order = len(free), problem.order
    first = 0 if block == 0 else order[0] + order[2]
    second = first + (order[0] if block == 0 else order[3])
    width = order[2] if block == 0 else order[5]
    starts = np.empty((len(RIDGE), 3))
    trial, scratch, slopes = np.empty(size), np.empty(size), np.empty(len(problem.columns) - 1)
    other_modes(free, problem, first, second, width, starts)
    origin = free.copy()
    for _ in range(modes):
        line = int(np.argmin(starts[:, 0]))
        if (starts[line, 0] - best) * problem.known * 0.5 > WORTH:
            break
        for i in range(size):
            trial[i] = 0.0 if first <= i < second + width else origin[i]
        trial[first], trial[second] = starts[line, 1], starts[line, 2]
        minimised(trial, problem, iterations, tolerance)
        found = evaluated(trial, problem, scratch, slopes)[0]
        if found < best:
            best = found
            for i in range(size):
                free[i] = trial[i]
        for i in range(max(line - 1, 0), min(line + 2, len(starts))):
            starts[i, 0] = IMPOSSIBLE


@compiled
def estimated(
    values: Doubles,
    regressors: Doubles,
    order: Ints,
    starts: Doubles,
    iterations: int,
    tolerance: float,
    modes: int,
    conditional: bool,
    free: Doubles,
    coefficients: Doubles,
    slopes: Doubles,
    figures: Doubles,
) -> None:
    """Estimate one order for every series.

    Args:
        values: (N, T), NaN where unknown.
        regressors: (N, k, T), or (1, k, T) where all series share them.
        order: (p, d, q, P, D, Q, s).
        starts: (S, K) free parameters to start from; the best of them is improved.
        iterations: Iterations at most.
        tolerance: Log likelihood that is not worth another step.
        modes: Other modes to climb in each block, 0 to search none.
        conditional: Whether to minimise the conditional sum of squares instead.
        free: (N, K) filled with the free parameters.
        coefficients: (N, K) filled with (phi, theta, Phi, Theta).
        slopes: (N, k) filled with the slopes of the regressors.
        figures: (N, 4) filled with sigma^2, log likelihood, known days of the differenced series,
            and iterations; sigma^2 is NaN where nothing can be estimated.
    """
    size = starts.shape[1]
    for row in range(len(values)):
        shared = regressors[row if len(regressors) > 1 else 0]
        problem = problem_of(values[row], shared, order, conditional)
        figures[row] = np.nan
        figures[row, 2] = problem.known
        if problem.known <= size + len(shared) + 1:
            continue
        best = IMPOSSIBLE
        for start in range(len(starts)):
            found = evaluated(starts[start], problem, coefficients[row], slopes[row])[0]
            if found < best:
                best = found
                for i in range(size):
                    free[row, i] = starts[start, i]
        if best == IMPOSSIBLE:
            continue
        # Other modes are looked for roughly; the best of all is polished.
        for block in range(2):
            if modes and order[3 * block] > 0 and order[3 * block + 2] > 0:
                minimised(free[row], problem, iterations, ROUGHLY * tolerance)
                best = evaluated(free[row], problem, coefficients[row], slopes[row])[0]
                _visited(free[row], best, problem, block, iterations, ROUGHLY * tolerance, modes)
        figures[row, 3] = minimised(free[row], problem, iterations, tolerance)
        best, figures[row, 0] = evaluated(free[row], problem, coefficients[row], slopes[row])
        figures[row, 1] = -0.5 * problem.known * (best + np.log(2.0 * np.pi) + 1.0)
