"""BFGS on the deviance of one series."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from forecast_platform.models.sarima.compiled import compiled
from forecast_platform.models.sarima.information import inverse_information
from forecast_platform.models.sarima.polynomials import constrained
from forecast_platform.models.sarima.problem import Problem, evaluated

Doubles = NDArray[np.float64]

BOUND = 6.0
"""Largest free parameter: a partial autocorrelation of 0.99999."""

_STEP = 1e-6
_TRIES = 25
_LONGEST = 1.0


@compiled
def unit(matrix: Doubles) -> None:
    """Make it the unit matrix."""
    for i in range(len(matrix)):
        for j in range(len(matrix)):
            matrix[i, j] = 1.0 if i == j else 0.0


@compiled
def inner(x: Doubles, y: Doubles) -> float:
    """Inner product."""
    total = 0.0
    for i in range(len(x)):
        total += x[i] * y[i]
    return total


@compiled
def _descend(
    free: Doubles, limit: float, problem: Problem, scratch: Doubles, slopes: Doubles, out: Doubles
) -> float:
    """Deviance at `free`; where it is not above `limit`, its gradient too, by differences."""
    value = evaluated(free, problem, scratch, slopes)[0]
    if value > limit:
        return value
    for i in range(len(free)):
        kept = free[i]
        step = _STEP if kept < 0.0 else -_STEP  # towards zero, away from the bounds
        free[i] = kept + step
        out[i] = (evaluated(free, problem, scratch, slopes)[0] - value) / step
        free[i] = kept
    return value


@compiled
def minimised(free: Doubles, problem: Problem, iterations: int, tolerance: float) -> int:
    """Improve `free` in place by BFGS (Nocedal and Wright 2006, algorithm 6.1).

    Stops where a step promises less than `tolerance` of log likelihood.

    Returns:
        The iterations made, `iterations` if it did not converge.
    """
    size = len(free)
    scratch, slopes = np.empty(size), np.empty(len(problem.columns) - 1)
    inverse = np.empty((size, size))
    gradient, after, direction = np.empty(size), np.empty(size), np.empty(size)
    trial, change, difference = np.empty(size), np.empty(size), np.empty(size)
    value = _descend(free, np.inf, problem, scratch, slopes, gradient)
    constrained(free, problem.order, scratch)
    inverse_information(free, scratch, problem.order, problem.known, inverse)
    fresh = True
    for iteration in range(iterations):
        slope, longest = 0.0, 0.0
        for i in range(size):
            direction[i] = -inner(inverse[i], gradient)
            # A parameter held by its bound stays there.
            if abs(free[i]) >= BOUND and direction[i] * free[i] > 0.0:
                direction[i] = 0.0
            slope += direction[i] * gradient[i]
            longest = max(longest, abs(direction[i]))
        if -slope * problem.known * 0.5 < tolerance:
            return iteration
        length = min(1.0, _LONGEST / max(longest, _LONGEST))
        reached, limit = np.inf, -np.inf
        for _ in range(_TRIES if slope < 0.0 else 0):
            for i in range(size):
                trial[i] = min(max(free[i] + length * direction[i], -BOUND), BOUND)
            limit = value + 1e-4 * length * slope
            reached = _descend(trial, limit, problem, scratch, slopes, after)
            if reached <= limit:
                break
            # The least value of the parabola through both ends and the slope, within bounds.
            curve = reached - value - length * slope
            length *= min(max(-slope * length / (2.0 * curve), 0.1), 0.5)
        if not reached <= limit:
            if fresh:
                return iteration
            unit(inverse)
            fresh = True
            continue
        for i in range(size):
            change[i] = trial[i] - free[i]
            difference[i] = after[i] - gradient[i]
            free[i] = trial[i]
            gradient[i] = after[i]
        value = reached
        _update(inverse, change, difference)
        fresh = False
    return iterations


@compiled
def _update(inverse: Doubles, change: Doubles, difference: Doubles) -> None:
    """Bring the last step's curvature into the inverse Hessian (op. cit., eq. 6.17 and 6.20)."""
    size = len(change)
    curvature = inner(change, difference)
    if not curvature > 1e-12 * inner(change, change):
        return
    pushed = np.empty(size)
    for i in range(size):
        pushed[i] = inner(inverse[i], difference)
    scale = (1.0 + inner(difference, pushed) / curvature) / curvature
    for i in range(size):
        for j in range(size):
            cross = pushed[i] * change[j] + change[i] * pushed[j]
            inverse[i, j] += scale * change[i] * change[j] - cross / curvature
