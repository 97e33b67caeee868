"""The exact Gaussian likelihood of many trials at once (formulas in `sarima.likelihood`)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from forecast_platform.models.sarima.batched.kalman import filtered
from forecast_platform.models.sarima.batched.polynomials import (
    blocks,
    constrained,
    differenced_polynomial,
    divided,
    expanded,
    multiplied,
    state_covariance,
)
from forecast_platform.models.sarima.batched.problem import Problem

IMPOSSIBLE = 1e300
"""Deviance where there is no likelihood."""

_NO_VARIANCE = 1e-13
_TRIALS_AT_ONCE = 4_000_000


class Value(NamedTuple):
    """Likelihood of M trials.

    Attributes:
        deviance: (M,) -2 log L per known day at the best variance and slopes, less log(2 pi) + 1.
        coefficients: (M, K).
        slopes: (M, c - 1) of the regressors.
        variance: (M,) of the shocks.
    """

    deviance: Tensor
    coefficients: Tensor
    slopes: Tensor
    variance: Tensor


def evaluated(free: Tensor, problem: Problem, rows: Tensor) -> Value:
    """Likelihood of the parameters (M, K) for the series `rows` (M,)."""
    per_trial = problem.columns.shape[1] * problem.columns.shape[2]
    step = max(1, _TRIALS_AT_ONCE // per_trial)
    parts = [
        _evaluated(free[at : at + step], problem, rows[at : at + step])
        for at in range(0, len(free), step)
    ]
    return Value(*(torch.cat(part) for part in zip(*parts, strict=True)))


def _evaluated(free: Tensor, problem: Problem, rows: Tensor) -> Value:
    coefficients = constrained(free, problem.order)
    a, b = expanded(coefficients, problem.order)
    columns, seen = problem.columns[rows], problem.seen[rows]
    days = problem.known[rows].to(free.dtype)
    if not problem.whole:
        gram, determinant = _with_gaps(columns, seen, a, b, problem)
    else:
        residuals, weights = _residuals(columns, seen, coefficients, problem)
        gram = residuals @ residuals.transpose(1, 2)
        determinant = torch.zeros_like(days)
        if not problem.conditional:
            gram, determinant = _corrected(gram, residuals, weights, seen, a, b)
    left, slopes = profiled(gram)
    deviance = torch.log(left / days) + determinant / days
    sound = deviance.isfinite() & (deviance.abs() < IMPOSSIBLE)
    return Value(torch.where(sound, deviance, IMPOSSIBLE), coefficients, slopes, left / days)


def _residuals(
    columns: Tensor, seen: Tensor, coefficients: Tensor, problem: Problem
) -> tuple[Tensor, Tensor]:
    """Residuals (M, c, n) of a past of zeros, and the weights (M, n) of 1 / (theta Theta)."""
    parts = [
        (coefficients[:, block.at : block.at + block.size], block)
        for block in blocks(problem.order)
    ]
    for values, block in parts:
        if not block.moving:
            columns = multiplied(columns, -values, block.lag)
    columns[..., : problem.left_out] = 0
    impulse = torch.zeros_like(columns[:, :1])
    impulse[..., 0] = 1
    both = torch.cat([columns, impulse], 1)
    for values, block in parts:
        if block.moving:
            both = divided(both, values, block.lag)
    return both[:, :-1] * seen[:, None], both[:, -1]


def _corrected(
    gram: Tensor, residuals: Tensor, weights: Tensor, seen: Tensor, a: Tensor, b: Tensor
) -> tuple[Tensor, Tensor]:
    """Take the first state out of `gram`; also log |I + V X'X|."""
    m, n = a.shape[1], weights.shape[1]
    shown = weights * seen
    crossed = a.new_zeros(len(a), m, m)
    projected = a.new_zeros(len(a), m, residuals.shape[1])
    for j in range(min(m, n)):
        early = weights[:, : n - j]
        crossed[:, 0, j] = (shown[:, j:] * early).sum(1)
        projected[:, j] = (residuals[..., j:] * early[:, None]).sum(2)
    edge = seen.sum(1, keepdim=True) - 1 - torch.arange(m, device=a.device)
    edges = weights.gather(1, edge.clamp(min=0)) * (edge >= 0)
    for i in range(m - 1):
        crossed[:, i + 1, i + 1 :] = crossed[:, i, i:-1] - edges[:, i : i + 1] * edges[:, i:-1]
    crossed = crossed.triu() + crossed.triu(1).transpose(1, 2)
    root, failed = _root(state_covariance(a, b))
    one = torch.eye(m, dtype=a.dtype, device=a.device)
    system, _ = torch.linalg.cholesky_ex(one + root.transpose(1, 2) @ crossed @ root)
    right = torch.linalg.solve_triangular(system, root.transpose(1, 2) @ projected, upper=False)
    determinant = 2 * torch.log(torch.diagonal(system, dim1=1, dim2=2)).sum(1)
    return gram - right.transpose(1, 2) @ right, determinant.masked_fill(failed, torch.nan)


def _root(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Cholesky factor of positive semidefinite matrices, and where there is none."""
    m = matrix.shape[1]
    scale = torch.diagonal(matrix, dim1=1, dim2=2).amax(1)
    ridge = _NO_VARIANCE * scale[:, None, None] + torch.finfo(matrix.dtype).tiny
    one = torch.eye(m, dtype=matrix.dtype, device=matrix.device)
    root, info = torch.linalg.cholesky_ex(matrix + ridge * one)
    return root, info > 0


def _with_gaps(
    columns: Tensor, seen: Tensor, a: Tensor, b: Tensor, problem: Problem
) -> tuple[Tensor, Tensor]:
    """Products of the standardised errors (M, c, c), and the sum of their log variances."""
    longer = differenced_polynomial(a, problem.order)
    size = longer.shape[1] - a.shape[1]
    shorter = torch.nn.functional.pad(b, (0, size))
    covariance = torch.nn.functional.pad(state_covariance(a, b), (0, size, 0, size))
    predicted, variances = filtered(columns, seen, longer, shorter, covariance)
    errors = (columns - predicted) * (seen / variances.sqrt())[:, None]
    return errors @ errors.transpose(1, 2), (torch.log(variances) * seen).sum(1)


def profiled(gram: Tensor) -> tuple[Tensor, Tensor]:
    """Residual sum of squares (M,) of column 0 on the others of `gram` (M, c, c), and the slopes.

    Collinear regressors share their weight.
    """
    if gram.shape[1] == 1:
        return gram[:, 0, 0], gram[:, 0, 1:]
    scale = torch.diagonal(gram, dim1=1, dim2=2)[:, 1:].sqrt()
    scale = torch.where(scale > 0, scale, 1)
    correlations = gram[:, 1:, 1:] / scale[:, :, None] / scale[:, None, :]
    right = gram[:, 1:, 0] / scale
    inverse = torch.linalg.pinv(correlations, rtol=_NO_VARIANCE, hermitian=True)
    slopes = (inverse @ right[..., None])[..., 0]
    return gram[:, 0, 0] - (slopes * right).sum(1), slopes / scale
