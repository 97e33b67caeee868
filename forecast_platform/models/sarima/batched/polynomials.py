"""From free parameters to lag polynomials, and filters of whole batches by them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from forecast_platform.models.sarima.order import Order

_DOUBLINGS = 40
_VANISHED = 1e-12


class Block(NamedTuple):
    """The coefficients of one polynomial.

    Attributes:
        at: Position of the first.
        size: How many.
        lag: Days between two of them.
        moving: Whether they are of a moving average.
    """

    at: int
    size: int
    lag: int
    moving: bool


def blocks(order: Order) -> Iterator[Block]:
    """The polynomials phi, theta, Phi and Theta."""
    at = 0
    sizes = (order.p, order.q, order.seasonal_p, order.seasonal_q)
    for number, size in enumerate(sizes):
        yield Block(at, size, 1 if number < 2 else order.period, number % 2 == 1)
        at += size


def constrained(free: Tensor, order: Order) -> Tensor:
    """(M, K) stationary and invertible coefficients (Monahan 1984, eq. 2)."""
    parts = []
    for block in blocks(order):
        partial = torch.tanh(free[:, block.at : block.at + block.size])
        row = free[:, :0]
        for k in range(block.size):
            last = partial[:, k : k + 1]
            row = torch.cat([row - last * row.flip(1), last], 1)
        parts.append(-row if block.moving else row)
    return torch.cat(parts, 1)


def expanded(coefficients: Tensor, order: Order) -> tuple[Tensor, Tensor]:
    """(M, m) autoregressive and moving-average lags, index 0 for lag 1."""
    out = []
    phi, theta, seasonal_phi, seasonal_theta = (
        coefficients[:, block.at : block.at + block.size] for block in blocks(order)
    )
    for plain, seasonal, sign in ((phi, seasonal_phi, -1.0), (theta, seasonal_theta, 1.0)):
        lags = coefficients.new_zeros(len(coefficients), order.n_state)
        lags[:, : plain.shape[1]] += plain
        for j in range(seasonal.shape[1]):
            weight, at = seasonal[:, j : j + 1], (j + 1) * order.period
            lags[:, at - 1 : at] += weight
            lags[:, at : at + plain.shape[1]] += sign * weight * plain
        out.append(lags)
    return out[0], out[1]


def multiplied(series: Tensor, weights: Tensor, lag: int) -> Tensor:
    """(M, c, n) series times 1 + sum weights_j B^(j lag), earlier days counting as zero."""
    out = series.clone()
    for j in range(weights.shape[1]):
        shift = (j + 1) * lag
        if shift < series.shape[-1]:
            out[..., shift:] += weights[:, j, None, None] * series[..., :-shift]
    return out


def divided(series: Tensor, weights: Tensor, lag: int) -> Tensor:
    """(M, c, n) series divided by f(B^lag), f(z) = 1 + sum weights_j z^j.

    1 / f(z) = f(-z) / g(z^2) with g(z^2) = f(z) f(-z), again and again (Graeffe's doubling): the
    recursion over days becomes log2(n / lag) multiplications of the whole batch.
    """
    size = weights.shape[1]
    alternating = weights.new_tensor([(-1.0) ** (j + 1) for j in range(size)])
    while size and lag < series.shape[-1]:
        series = multiplied(series, alternating * weights, lag)
        one = torch.ones_like(weights[:, :1])
        left = torch.cat([one, weights], 1)
        right = torch.cat([one, alternating * weights], 1)
        doubled = torch.zeros_like(weights)
        for i in range(size + 1):
            for j in range(size + 1):
                if (i + j) % 2 == 0 and i + j > 0:
                    doubled[:, (i + j) // 2 - 1] += left[:, i] * right[:, j]
        weights, lag = doubled, 2 * lag
    return series


def state_covariance(a: Tensor, b: Tensor) -> Tensor:
    """(M, m, m) stationary covariance V of the state for var(e) = 1.

    V = F V F' + g g' by doubling: V <- V + F V F', F <- F F (Anderson and Moore 1979, section 6.7).
    """
    m = a.shape[1]
    step = torch.diag(a.new_ones(m - 1), 1).repeat(len(a), 1, 1)
    step[:, :, 0] += a
    shock = a + b
    out = shock[:, :, None] * shock[:, None, :]
    for _ in range(_DOUBLINGS):
        out = out + step @ out @ step.transpose(1, 2)
        step = step @ step
        if bool((step.abs() < _VANISHED).all()):
            break
    return out


def differenced_polynomial(a: Tensor, order: Order) -> Tensor:
    """(M, r) lags of (1 - sum a_l B^l) (1 - B)^d (1 - B^s)^D, as those of a."""
    polynomial = a.new_zeros(len(a), 1, order.longest_lag + 1)
    polynomial[:, 0, 0] = 1
    polynomial[:, 0, 1 : a.shape[1] + 1] = -a
    minus = -a.new_ones(len(a), 1)
    for lag in [1] * order.d + [order.period] * order.seasonal_d:
        polynomial = multiplied(polynomial, minus, lag)
    return -polynomial[:, 0, 1:]
