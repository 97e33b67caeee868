"""Exact Gaussian likelihood of a series without gaps, by regression on the first state.

With s_1 = 0 the filter e_t = w_t - sum a_l w_{t-l} - sum b_l e_{t-l} gives residuals e(0), and the
true ones are e(0) - X s_1 with X[t, j] = pi_{t-j}, pi the weights of 1 / (theta(B) Theta(B^s)).
As s_1 ~ N(0, sigma^2 V) independently of all later shocks,

    -2 log L = n log(2 pi sigma^2) + log |I + V X'X| + S / sigma^2,
    S = min over s_1 of |e(0) - X s_1|^2 + s_1' V^-1 s_1.

X'X needs only its first row: neighbours on a diagonal differ by one product. This is the
conditional sum of squares and its exact correction in one pass (compare Ljung and Box 1979,
Biometrika 66, eq. 2.6); nothing has to converge, however near a root is to the unit circle.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from forecast_platform.models.sarima.compiled import compiled
from forecast_platform.models.sarima.polynomials import (
    longest_autoregression,
    root_of,
    state_covariance,
)

Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]


@compiled
def without_ar(values: Doubles, a: Doubles, out: Doubles) -> None:
    """Fill `out` (n,) with w_t - sum a_l w_{t-l}, earlier days counting as zero."""
    for t in range(len(values)):
        out[t] = values[t]
    for i in range(min(len(a), len(values))):
        if a[i] != 0.0:
            late = out[i + 1 :]  # a view, as offsets in an index keep a loop from being vectorised
            for t in range(len(late)):
                late[t] -= a[i] * values[t]


@compiled
def without_ma(values: Doubles, theta: Doubles, lag: int) -> None:
    """Divide the series (n,) by 1 + sum theta_j B^(j lag), in place."""
    if len(theta) == 0:
        return
    if len(theta) == 1 and lag == 1:
        last = 0.0
        for t in range(len(values)):
            last = values[t] - theta[0] * last
            values[t] = last
    elif len(theta) == 1:
        late = values[lag:]
        for t in range(len(late)):
            late[t] -= theta[0] * values[t]
    else:
        for t in range(lag, len(values)):
            value = values[t]
            for j in range(min(len(theta), t // lag)):
                value -= theta[j] * values[t - (j + 1) * lag]
            values[t] = value


@compiled
def both_without_ma(x: Doubles, y: Doubles, theta: Doubles) -> None:
    """Divide two series (n,) by 1 + sum theta_j B^j, in place."""
    if len(theta) == 1:
        # A step waits for the one before it, so two recursions take the time of one.
        left, right = 0.0, 0.0
        for t in range(len(x)):
            left = x[t] - theta[0] * left
            right = y[t] - theta[0] * right
            x[t] = left
            y[t] = right
    else:
        without_ma(x, theta, 1)
        without_ma(y, theta, 1)


@compiled
def lagged_product(x: Doubles, y: Doubles, lag: int) -> float:
    """Sum of x_t y_{t-lag}."""
    total = 0.0
    late = x[lag:]
    for t in range(len(late)):
        total += late[t] * y[t]
    return total


@compiled
def gram_without_gaps(
    columns: Doubles, coefficients: Doubles, order: Ints, a: Doubles, b: Doubles, gram: Doubles
) -> float:
    """Fill `gram` with the products of the whitened columns; return log |I + V X'X|.

    Args:
        columns: (c, n) differenced series and regressors.
        coefficients: (phi, theta, Phi, Theta).
        order: (p, d, q, P, D, Q, s).
        a: (m,) their autoregressive lags.
        b: (m,) their moving-average lags.
        gram: (c, c), its lower triangle is filled.

    Returns:
        The log determinant, NaN where the process is not stationary.
    """
    c, n = columns.shape
    m = len(a)
    p, q, sp, sq, s = order[0], order[2], order[3], order[5], order[6]
    root = np.empty((m, m))
    if not state_covariance(a, b, root):
        return np.nan
    root_of(root, m)
    residuals = np.empty((c, n))
    weights = np.zeros(n)
    weights[0] = 1.0
    for k in range(c):
        without_ar(columns[k], a, residuals[k])
    theta, seasonal = coefficients[p : p + q], coefficients[p + q + sp : p + q + sp + sq]
    without_ma(weights[::s], seasonal, 1)
    both_without_ma(residuals[0], weights, theta)
    for k in range(c):
        without_ma(residuals[k], seasonal, s)
        if k > 0:
            without_ma(residuals[k], theta, 1)
    crossed = np.empty((m, m))
    projected = np.empty((m, c))
    for k in range(c):
        for j in range(k + 1):
            gram[k, j] = lagged_product(residuals[k], residuals[j], 0)
    for j in range(m):
        crossed[0, j] = lagged_product(weights, weights, j)
        for k in range(c):
            projected[j, k] = lagged_product(residuals[k], weights, j)
    for i in range(m - 1):
        for j in range(i, m - 1):
            last = weights[n - 1 - i] * weights[n - 1 - j] if j < n else 0.0
            crossed[i + 1, j + 1] = crossed[i, j] - last
    return _reduced(root, crossed, projected, gram)


@compiled
def conditional_gram(
    columns: Doubles, coefficients: Doubles, order: Ints, a: Doubles, gram: Doubles
) -> None:
    """Fill `gram` with the products of residuals, given the first days and no shocks on them.

    The conditional sum of squares (Box, Jenkins, Reinsel and Ljung 2015, section 7.1.2): a third of
    the work of the exact likelihood, biased where a moving-average root is near the unit circle.
    """
    p, q, sp, sq, s = order[0], order[2], order[3], order[5], order[6]
    residuals = np.empty(columns.shape)
    left_out = min(longest_autoregression(order), columns.shape[1])
    for k in range(len(columns)):
        without_ar(columns[k], a, residuals[k])
        for t in range(left_out):
            residuals[k, t] = 0.0
        without_ma(residuals[k], coefficients[p + q + sp : p + q + sp + sq], s)
        without_ma(residuals[k], coefficients[p : p + q], 1)
        for j in range(k + 1):
            gram[k, j] = lagged_product(residuals[k], residuals[j], 0)


@compiled
def _reduced(root: Doubles, crossed: Doubles, projected: Doubles, gram: Doubles) -> float:
    """Take the first state out of `gram`; return the log determinant of I + L'X'X L."""
    m, c = projected.shape
    system = np.empty((m, m))
    product = np.zeros((m, m))
    for i in range(m):
        for j in range(i):
            crossed[i, j] = crossed[j, i]
    for i in range(m):
        for k in range(m):
            weight = crossed[i, k]
            for j in range(k + 1):
                product[i, j] += weight * root[k, j]
    for i in range(m):
        for j in range(i + 1):
            value = 0.0
            for k in range(i, m):
                value += root[k, i] * product[k, j]
            system[i, j] = value
        system[i, i] += 1.0
    right = np.zeros((m, c))
    for k in range(m):
        for i in range(k + 1):
            for j in range(c):
                right[i, j] += root[k, i] * projected[k, j]
    root_of(system, m)
    determinant = 0.0
    for i in range(m):
        determinant += np.log(system[i, i])
        for j in range(c):
            value = right[i, j]
            for k in range(i):
                value -= system[i, k] * right[k, j]
            right[i, j] = value / system[i, i]
    for i in range(c):
        for j in range(i + 1):
            for k in range(m):
                gram[i, j] -= right[k, i] * right[k, j]
    return 2.0 * determinant


@compiled
def profiled(gram: Doubles, slopes: Doubles) -> float:
    """Residual sum of squares of column 0 on the other columns of `gram`; fills `slopes`.

    Collinear regressors get a slope of zero, the first of them the weight of all.
    """
    c = len(slopes)
    root = np.empty((c, c))
    for i in range(c):
        for j in range(i + 1):
            root[i, j] = gram[i + 1, j + 1]
    root_of(root, c)
    left: float = gram[0, 0]
    for i in range(c):
        slopes[i] = 0.0
        if root[i, i] > 0.0:
            value = gram[i + 1, 0]
            for k in range(i):
                value -= root[i, k] * slopes[k]
            slopes[i] = value / root[i, i]
            left -= slopes[i] * slopes[i]
    for i in range(c - 1, -1, -1):
        if root[i, i] > 0.0:
            value = slopes[i]
            for k in range(i + 1, c):
                value -= root[k, i] * slopes[k]
            slopes[i] = value / root[i, i]
    return left
