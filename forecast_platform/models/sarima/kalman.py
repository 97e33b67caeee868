"""Kalman filter of a seasonal ARIMA process with gaps, and its forecasts.

The state is that of `polynomials`, with the differencing taken into the autoregressive lags. A
series is first reduced by the continuation of its first d + s D values, which makes its past zero
and its first state that of the differenced process (so the likelihood is that of the data given
these values: Ansley and Kohn 1985). Days that are not known are forecast, and days after the end of
the data are nothing but unknown days.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from forecast_platform.models.sarima.compiled import compiled
from forecast_platform.models.sarima.polynomials import differenced_polynomial

Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

_CERTAIN = 1e-12


@compiled
def start_of(seen: Flags, order: Ints) -> int:
    """First day after the first d + s D known days in a row, len(seen) if there are none."""
    needed = order[1] + order[6] * order[4]
    row = 0
    for t in range(len(seen)):
        if row == needed:
            return t
        row = row + 1 if seen[t] else 0
    return len(seen)


@compiled
def continued(values: Doubles, start: int, order: Ints, out: Doubles) -> None:
    """Fill `out` (n,) with the values before `start` and, from there on, their continuation with
    all differences zero.
    """  # noqa: D205
    lags = order[1] + order[6] * order[4]
    polynomial = np.zeros(max(lags, 1))
    differenced_polynomial(np.zeros(0), order, polynomial)
    for t in range(start):
        out[t] = values[t]
    for t in range(start, len(out)):
        total = 0.0
        for i in range(lags):
            total += polynomial[i] * out[t - 1 - i]
        out[t] = total


@compiled
def filtered(
    columns: Doubles,
    seen: Flags,
    a: Doubles,
    b: Doubles,
    means: Doubles,
    covariance: Doubles,
    predicted: Doubles,
    variances: Doubles,
) -> None:
    """Predict every day from the days before it.

    Args:
        columns: (c, n) series, each reduced by its continuation.
        seen: (n,) whether the day is known.
        a: (r,) autoregressive lags including differencing.
        b: (r,) moving-average lags.
        means: (c, r + 1) first state of each column, last entry 0; replaced by the last state.
        covariance: (r + 1, r + 1) its covariance in units of sigma^2, last row and column 0;
            replaced by the last.
        predicted: (c, n) filled with the predictions.
        variances: (n,) filled with their variances in units of sigma^2.
    """
    c, n = columns.shape
    r = len(a)
    gain = np.empty(r)
    first = np.empty(r + 1)
    known = False
    for t in range(n):
        variance = covariance[0, 0] + 1.0
        variances[t] = variance
        for k in range(c):
            predicted[k, t] = means[k, 0]
        if seen[t]:
            for i in range(r):
                gain[i] = (covariance[i + 1, 0] + b[i]) / variance
            for k in range(c):
                value = columns[k, t]
                error = value - means[k, 0]
                for i in range(r):
                    means[k, i] = means[k, i + 1] + a[i] * value + gain[i] * error
            if known:
                continue
            trace = 0.0
            for i in range(r):
                row, weight = b[i], gain[i] * variance
                for j in range(r):
                    covariance[i, j] = covariance[i + 1, j + 1] + row * b[j] - weight * gain[j]
                trace += covariance[i, i]
            if trace < _CERTAIN:
                for i in range(r):
                    for j in range(r):
                        covariance[i, j] = 0.0
                known = True
        else:
            known = False
            for k in range(c):
                value = means[k, 0]
                for i in range(r):
                    means[k, i] = means[k, i + 1] + a[i] * value
            for i in range(r + 1):
                first[i] = covariance[0, i]
            for i in range(r):
                for j in range(r):
                    covariance[i, j] = (
                        covariance[i + 1, j + 1]
                        + a[i] * first[j + 1]
                        + a[j] * first[i + 1]
                        + a[i] * a[j] * first[0]
                        + (a[i] + b[i]) * (a[j] + b[j])
                    )


@compiled
def gram_with_gaps(
    columns: Doubles, seen: Flags, a: Doubles, b: Doubles, covariance: Doubles, gram: Doubles
) -> float:
    """Fill `gram` (c, c), lower triangle, with the products of the standardised errors.

    Returns:
        The sum of the logarithms of their variances in units of sigma^2.
    """
    c, n = columns.shape
    predicted, variances = np.empty((c, n)), np.empty(n)
    means = np.zeros((c, len(a) + 1))
    filtered(columns, seen, a, b, means, covariance, predicted, variances)
    for i in range(c):
        for j in range(c):
            gram[i, j] = 0.0
    determinant = 0.0
    for t in range(n):
        if seen[t]:
            determinant += np.log(variances[t])
            for i in range(c):
                for j in range(i + 1):
                    left, right = columns[i, t] - predicted[i, t], columns[j, t] - predicted[j, t]
                    gram[i, j] += left * right / variances[t]
    return determinant
