"""From unconstrained parameters to lag polynomials and the covariance of the first state.

The ARMA part of a seasonal model is w_t = sum a_l w_{t-l} + e_t + sum b_l e_{t-l} with
1 - sum a_l B^l = phi(B) Phi(B^s) and 1 + sum b_l B^l = theta(B) Theta(B^s). Its state s_t has
m = max(lags of a, lags of b) components: w_t = s_t[0] + e_t and
s_{t+1}[j] = s_t[j+1] + a_{j+1} w_t + b_{j+1} e_t. Orders are arrays (p, d, q, P, D, Q, s), the
coefficients of a model are (phi, theta, Phi, Theta) in one array.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from forecast_platform.models.sarima.compiled import compiled

Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]

_NO_VARIANCE = 1e-13


@compiled
def longest_autoregression(order: Ints) -> int:
    """Longest lag of phi(B) Phi(B^s)."""
    length: int = order[0] + order[6] * order[3]
    return length


@compiled
def lags_of(order: Ints) -> int:
    """Length m of the state of the differenced process, at least 1."""
    length: int = max(longest_autoregression(order), order[2] + order[6] * order[5], 1)
    return length


@compiled
def longest_lag(order: Ints) -> int:
    """Length of the state when differencing is part of the autoregression."""
    undone = longest_autoregression(order) + order[1] + order[6] * order[4]
    length: int = max(lags_of(order), undone)
    return length


@compiled
def constrained(free: Doubles, order: Ints, out: Doubles) -> None:
    """Fill `out` with stationary and invertible coefficients from free numbers.

    Each block's tanh(free) are partial autocorrelations (Jones 1980; Monahan 1984, eq. 2).
    """
    at = 0
    for block, size in enumerate((order[0], order[2], order[3], order[5])):
        for k in range(size):
            partial = np.tanh(free[at + k])
            for j in range((k + 1) // 2):
                low, high = out[at + j], out[at + k - 1 - j]
                out[at + j] = low - partial * high
                out[at + k - 1 - j] = high - partial * low
            out[at + k] = partial
        if block % 2 == 1:
            for k in range(size):
                out[at + k] = -out[at + k]
        at += size


@compiled
def expanded(coefficients: Doubles, order: Ints, a: Doubles, b: Doubles) -> None:
    """Fill a and b, each (m,) and index 0 for lag 1, with the products of the polynomials."""
    p, q, sp, sq, s = order[0], order[2], order[3], order[5], order[6]
    for i in range(len(a)):
        a[i] = 0.0
        b[i] = 0.0
    for i in range(p):
        a[i] += coefficients[i]
    for i in range(q):
        b[i] += coefficients[p + i]
    for j in range(1, sp + 1):
        seasonal = coefficients[p + q + j - 1]
        a[j * s - 1] += seasonal
        for i in range(p):
            a[j * s + i] -= seasonal * coefficients[i]
    for j in range(1, sq + 1):
        seasonal = coefficients[p + q + sp + j - 1]
        b[j * s - 1] += seasonal
        for i in range(q):
            b[j * s + i] += seasonal * coefficients[p + i]


@compiled
def differenced_polynomial(a: Doubles, order: Ints, out: Doubles) -> None:
    """Fill `out` with the lags of (1 - sum a_l B^l) (1 - B)^d (1 - B^s)^D, as those of a."""
    for i in range(len(out)):
        out[i] = a[i] if i < len(a) else 0.0
    for k in range(order[1] + order[4]):
        lag = 1 if k < order[1] else order[6]
        for i in range(len(out) - 1, lag - 1, -1):
            out[i] -= out[i - lag]
        out[lag - 1] += 1.0


@compiled
def state_covariance(a: Doubles, b: Doubles, out: Doubles) -> bool:
    """Fill `out` (>= m, >= m) with the stationary covariance of the state for var(e) = 1.

    Autocovariances of the autoregression come from its partial autocorrelations by Levinson's
    recursion, down and up again; its moving average is applied to them; the first row of the
    covariance then gives all others. False if the process is not stationary.
    """
    m = len(a)
    steps = np.zeros((m + 1, m))
    for j in range(m):
        steps[m, j] = a[j]
    variance = 1.0
    for k in range(m, 0, -1):
        partial = steps[k, k - 1]
        left = 1.0 - partial * partial
        if not left > 0.0:
            return False
        variance /= left
        for j in range(k - 1):
            steps[k - 1, j] = (steps[k, j] + partial * steps[k, k - 2 - j]) / left
    pure = np.zeros(2 * m + 1)
    pure[0] = variance
    for k in range(1, 2 * m + 1):
        row = min(k, m)
        for j in range(row):
            pure[k] += steps[row, j] * pure[k - 1 - j]
    psi = np.zeros(m + 1)
    psi[0] = 1.0
    for k in range(1, m + 1):
        psi[k] = b[k - 1]
        for j in range(k):
            psi[k] += a[j] * psi[k - 1 - j]
    whole = np.zeros(m + 1)
    for i in range(-1, m):
        left = 1.0 if i < 0 else b[i]
        if left != 0.0:
            for j in range(-1, m):
                right = 1.0 if j < 0 else b[j]
                if right != 0.0:
                    for k in range(m + 1):
                        whole[k] += left * right * pure[abs(k + i - j)]
    first = np.zeros(m + 1)
    for j in range(m):
        for i in range(j, m):
            first[j] += a[i] * whole[i + 1 - j] + b[i] * psi[i + 1 - j]
        out[0, j] = first[j]
        out[j, 0] = first[j]
    for i in range(m - 1, 0, -1):
        for j in range(m - 1, i - 1, -1):
            value = (
                a[i] * first[j + 1]
                + a[j] * first[i + 1]
                + a[i] * a[j] * first[0]
                + (a[i] + b[i]) * (a[j] + b[j])
            )
            if j + 1 < m:
                value += out[i + 1, j + 1]
            out[i, j] = value
            out[j, i] = value
    return True


@compiled
def root_of(matrix: Doubles, m: int) -> None:
    """Replace the lower triangle of (m, m) by its Cholesky factor; directions of no variance
    get a column of zeros.
    """  # noqa: D205
    scale = 0.0
    for i in range(m):
        scale = max(scale, matrix[i, i])
    for j in range(m):
        pivot = matrix[j, j]
        for k in range(j):
            pivot -= matrix[j, k] * matrix[j, k]
        if pivot <= _NO_VARIANCE * scale:
            for i in range(j, m):
                matrix[i, j] = 0.0
            continue
        pivot = np.sqrt(pivot)
        matrix[j, j] = pivot
        for i in range(j + 1, m):
            value = matrix[i, j]
            for k in range(j):
                value -= matrix[i, k] * matrix[j, k]
            matrix[i, j] = value / pivot
