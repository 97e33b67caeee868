"""One-day predictions and forecasts with fixed parameters: the daily update."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from forecast_platform.models.sarima.compiled import compiled
from forecast_platform.models.sarima.kalman import continued, filtered, start_of
from forecast_platform.models.sarima.polynomials import (
    differenced_polynomial,
    expanded,
    lags_of,
    longest_lag,
    state_covariance,
)
from forecast_platform.models.sarima.problem import LARGEST

Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]


@compiled
def predicted(
    values: Doubles,
    regressors: Doubles,
    order: Ints,
    coefficients: Doubles,
    slopes: Doubles,
    means: Doubles,
    variances: Doubles,
) -> None:
    """Predict every day from the days before it, and the days after the last one from all.

    Args:
        values: (N, T), NaN where unknown.
        regressors: (N, k, T + H), or (1, k, T + H) where all series share them.
        order: (p, d, q, P, D, Q, s).
        coefficients: (N, K) of (phi, theta, Phi, Theta).
        slopes: (N, k) of the regressors.
        means: (N, T + H) filled with the predictions, NaN before there are d + s D known days.
        variances: (N, T + H) filled with their variances in units of sigma^2.
    """
    total = means.shape[1]
    m, r = lags_of(order), longest_lag(order)
    a, b, longer, shorter = np.empty(m), np.empty(m), np.empty(r), np.zeros(r)
    series, base = np.empty(total), np.empty(total)
    seen = np.empty(total, np.bool_)
    for row in range(len(values)):
        shared = regressors[row if len(regressors) > 1 else 0]
        for t in range(total):
            series[t] = values[row, t] if t < values.shape[1] else np.nan
            for k in range(len(shared)):
                series[t] -= slopes[row, k] * shared[k, t]
            seen[t] = abs(series[t]) < LARGEST
            means[row, t] = np.nan
            variances[row, t] = np.nan
        first = 0
        while first < total and not seen[first]:
            first += 1
        start = first + start_of(seen[first:], order)
        if first == total or start == total:
            continue
        expanded(coefficients[row], order, a, b)
        covariance = np.zeros((r + 1, r + 1))
        if not state_covariance(a, b, covariance):
            continue
        differenced_polynomial(a, order, longer)
        for i in range(m):
            shorter[i] = b[i]
        continued(series[first:], start - first, order, base[first:])
        column = np.empty((1, total - start))
        for t in range(start, total):
            column[0, t - start] = series[t] - base[t]
        state, found = np.zeros((1, r + 1)), np.empty((1, total - start))
        filtered(
            column, seen[start:], longer, shorter, state, covariance, found, variances[row, start:]
        )
        for t in range(start, total):
            means[row, t] = found[0, t - start] + base[t]
            for k in range(len(shared)):
                means[row, t] += slopes[row, k] * shared[k, t]


@compiled
def impulse_weights(order: Ints, coefficients: Doubles, out: Doubles) -> None:
    """Fill `out` (N, H) with psi_0 .. psi_{H-1}: what a shock adds so many days later.

    Box, Jenkins, Reinsel and Ljung (2015), section 5.1.1.
    """
    m, r = lags_of(order), longest_lag(order)
    a, b, longer = np.empty(m), np.empty(m), np.empty(r)
    for row in range(len(out)):
        expanded(coefficients[row], order, a, b)
        differenced_polynomial(a, order, longer)
        for h in range(out.shape[1]):
            value = 1.0 if h == 0 else (b[h - 1] if h <= m else 0.0)
            for i in range(min(h, r)):
                value += longer[i] * out[row, h - 1 - i]
            out[row, h] = value
