"""One series and one order: what the likelihood needs, and its value."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from forecast_platform.models.sarima.compiled import compiled
from forecast_platform.models.sarima.kalman import continued, gram_with_gaps, start_of
from forecast_platform.models.sarima.likelihood import conditional_gram, gram_without_gaps, profiled
from forecast_platform.models.sarima.polynomials import (
    constrained,
    differenced_polynomial,
    expanded,
    lags_of,
    longest_autoregression,
    longest_lag,
    state_covariance,
)

Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

LARGEST = 1e150
"""What is not below is unknown. Not isfinite: under reassociation it takes a NaN sum for finite."""
IMPOSSIBLE = 1e300
"""Deviance where there is no likelihood."""


class Problem(NamedTuple):
    """One series, as its likelihood needs it.

    Attributes:
        columns: (c, n) series and regressors: differenced, or with gaps reduced for the filter.
        seen: (n,) whether the day is known.
        known: Number of known days that count.
        order: (p, d, q, P, D, Q, s).
        conditional: Whether the sum of squares conditional on the first p + s P days is meant.
    """

    columns: Doubles
    seen: Flags
    known: int
    order: Ints
    conditional: bool


@compiled
def problem_of(values: Doubles, regressors: Doubles, order: Ints, conditional: bool) -> Problem:
    """Reduce a series (n,) with regressors (k, n) to the form the likelihood needs.

    Days before the first and after the last known one are left out; a day without a value of some
    regressor counts as unknown. With gaps the likelihood is always exact.
    """
    n = len(values)
    c = len(regressors) + 1
    seen = np.empty(n, np.bool_)
    first, last, known = n, 0, 0
    for t in range(n):
        total = values[t]
        for k in range(c - 1):
            total += regressors[k, t]
        seen[t] = abs(total) < LARGEST
        if seen[t]:
            first, last, known = min(first, t), t + 1, known + 1
    gaps = known < last - first
    seen = seen[first:last]
    start = start_of(seen, order)
    size = max(last - first - start, 0)
    columns = np.empty((c, size))
    line = np.empty(max(last - first, 0))
    base = np.empty(len(line))
    for k in range(c):
        for t in range(len(line)):
            line[t] = values[first + t] if k == 0 else regressors[k - 1, first + t]
        if gaps:
            continued(line, start, order, base)
            for t in range(size):
                columns[k, t] = line[start + t] - base[start + t] if seen[start + t] else 0.0
        else:
            for i in range(order[1] + order[4]):
                lag = 1 if i < order[1] else order[6]
                for t in range(len(line) - 1, lag - 1, -1):
                    line[t] -= line[t - lag]
            for t in range(size):
                columns[k, t] = line[start + t]
    seen = seen[start:]
    known = 0
    for t in range(size):
        known += seen[t]
    conditional = conditional and known == size
    if conditional:
        known = max(known - longest_autoregression(order), 0)
    return Problem(columns, seen, known, order, conditional)


@compiled
def deviance(free: Doubles, problem: Problem) -> float:
    """-2 log L per known day at the best variance and slopes, less log(2 pi) + 1."""
    return evaluated(free, problem, np.empty(len(free)), np.empty(len(problem.columns) - 1))[0]


@compiled
def evaluated(
    free: Doubles, problem: Problem, coefficients: Doubles, slopes: Doubles
) -> tuple[float, float]:
    """Deviance and variance; fills the coefficients and the slopes (c - 1,) of regressors."""
    columns, seen, known, order, conditional = problem
    m = lags_of(order)
    a, b = np.empty(m), np.empty(m)
    gram = np.empty((len(columns), len(columns)))
    constrained(free, order, coefficients)
    expanded(coefficients, order, a, b)
    if conditional:
        conditional_gram(columns, coefficients, order, a, gram)
        determinant = 0.0
    elif known == len(seen):
        determinant = gram_without_gaps(columns, coefficients, order, a, b, gram)
    else:
        r = longest_lag(order)
        covariance = np.zeros((r + 1, r + 1))
        if not state_covariance(a, b, covariance):
            return IMPOSSIBLE, np.nan
        longer, shorter = np.empty(r), np.zeros(r)
        differenced_polynomial(a, order, longer)
        for i in range(m):
            shorter[i] = b[i]
        determinant = gram_with_gaps(columns, seen, longer, shorter, covariance, gram)
    left = profiled(gram, slopes)
    value = np.log(left / known) + determinant / known
    return (value if abs(value) < LARGEST else IMPOSSIBLE), left / known
