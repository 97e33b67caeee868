"""Expected information about the free parameters, the metric the maximiser starts with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from forecast_platform.models.sarima.compiled import compiled
from forecast_platform.models.sarima.polynomials import constrained, root_of

Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]

_STEP = 1e-6
_RIDGE = 1e-3


@compiled
def inverse_information(
    free: Doubles, coefficients: Doubles, order: Ints, days: int, out: Doubles
) -> None:
    """Fill `out` (K, K) with the inverse Hessian of the deviance to be expected at `free`.

    The derivative of a shock by phi_i, theta_i, Phi_i or Theta_i is the shock i (or i s) days
    earlier, filtered by the inverse of that polynomial (Box, Jenkins, Reinsel and Ljung 2015,
    section 7.2.6). A ridge keeps the steps finite where parameters cannot be told apart.
    """
    size = len(free)
    responses = np.zeros((size, days))
    at = 0
    for block, count in enumerate((order[0], order[2], order[3], order[5])):
        lag = 1 if block < 2 else order[6]
        sign = 1.0 if block % 2 == 0 else -1.0
        for i in range(count):
            line = responses[at + i]
            begin = (i + 1) * lag
            if i > 0:
                for t in range(begin, days):
                    line[t] = responses[at, t - i * lag]
                continue
            for t in range(begin, days, lag):
                value = 1.0 if t == begin else 0.0
                for j in range(min(count, (t - begin) // lag)):
                    value += sign * coefficients[at + j] * line[t - (j + 1) * lag]
                line[t] = value
        at += count
    natural, jacobian = np.empty((size, size)), np.empty((size, size))
    for i in range(size):
        for j in range(i + 1):
            total = 0.0
            left, right = responses[i], responses[j]
            for t in range(days):
                total += left[t] * right[t]
            natural[i, j] = total
            natural[j, i] = total
    moved = np.empty(size)
    for i in range(size):
        kept = free[i]
        free[i] = kept + _STEP
        constrained(free, order, moved)
        free[i] = kept
        for j in range(size):
            jacobian[j, i] = (moved[j] - coefficients[j]) / _STEP
    half = np.zeros((size, size))
    for i in range(size):
        for j in range(size):
            for k in range(size):
                half[i, j] += natural[i, k] * jacobian[k, j]
    root = np.zeros((size, size))
    for i in range(size):
        for j in range(size):
            for k in range(size):
                root[i, j] += 2.0 * jacobian[k, i] * half[k, j]
        root[i, i] += _RIDGE
    root_of(root, size)
    for column in range(size):
        for i in range(size):
            value = 1.0 if i == column else 0.0
            for k in range(i):
                value -= root[i, k] * moved[k]
            moved[i] = value / root[i, i]
        for i in range(size - 1, -1, -1):
            value = moved[i]
            for k in range(i + 1, size):
                value -= root[k, i] * moved[k]
            moved[i] = value / root[i, i]
        for i in range(size):
            out[i, column] = moved[i]
