"""BFGS on the deviance of many series, each with steps of its own (see `sarima.maximise`)."""

from __future__ import annotations

import torch
from torch import Tensor

from forecast_platform.models.sarima.batched.likelihood import evaluated
from forecast_platform.models.sarima.batched.polynomials import blocks, constrained, divided
from forecast_platform.models.sarima.batched.problem import Problem

BOUND = 6.0
"""Largest free parameter: a partial autocorrelation of 0.99999."""

_STEP = 1e-6
_TRIES = 25
_LONGEST = 1.0
_RIDGE = 1e-3


def deviance(free: Tensor, problem: Problem, rows: Tensor) -> Tensor:
    """(M,) deviance of the parameters (M, K) of the series `rows`."""
    return evaluated(free, problem, rows).deviance


def gradient(free: Tensor, value: Tensor, problem: Problem, rows: Tensor) -> Tensor:
    """(M, K) gradient by differences, all of them in one batch."""
    size = free.shape[1]
    step = torch.where(free < 0, _STEP, -_STEP)  # towards zero, away from the bounds
    moved = free[:, None] + torch.diag_embed(step)
    found = deviance(moved.reshape(-1, size), problem, rows.repeat_interleave(size))
    return (found.reshape(-1, size) - value[:, None]) / step


def inverse_information(free: Tensor, problem: Problem, rows: Tensor) -> Tensor:
    """(M, K, K) inverse Hessian to be expected (formula in `sarima.information`)."""
    size, days = free.shape[1], problem.columns.shape[2]
    coefficients = constrained(free, problem.order)
    responses = free.new_zeros(len(free), size, days)
    for block in blocks(problem.order):
        sign = 1.0 if block.moving else -1.0
        values = coefficients[:, block.at : block.at + block.size]
        impulses = free.new_zeros(len(free), block.size, days)
        for i in range(block.size):
            impulses[:, i, min((i + 1) * block.lag, days - 1)] = 1
        answers = divided(impulses, sign * values, block.lag)
        responses[:, block.at : block.at + block.size] = answers
    within = torch.arange(days, device=free.device) < problem.known[rows][:, None]
    responses *= within[:, None]
    natural = responses @ responses.transpose(1, 2)
    step = _STEP * torch.eye(size, dtype=free.dtype, device=free.device)
    moved = constrained((free[:, None] + step).reshape(-1, size), problem.order)
    jacobian = (moved.reshape(-1, size, size) - coefficients[:, None]) / _STEP  # [i, j] = dj / di
    hessian = 2 * jacobian @ natural @ jacobian.transpose(1, 2)
    ridge = _RIDGE * torch.eye(size, dtype=free.dtype, device=free.device)
    out: Tensor = torch.linalg.inv(hessian + ridge)
    return out


def minimised(
    free: Tensor, problem: Problem, rows: Tensor, iterations: int, tolerance: float
) -> tuple[Tensor, Tensor]:
    """Improve the parameters (M, K) of the series `rows` by BFGS.

    A series stops where a step promises less than `tolerance` of log likelihood.

    Returns:
        The parameters, and the iterations made (M,), `iterations` where it did not converge.
    """
    free, count = free.clone(), torch.full_like(rows, iterations)
    if not free.numel():
        return free, torch.zeros_like(rows)
    value = deviance(free, problem, rows)
    slopes = gradient(free, value, problem, rows)
    inverse = inverse_information(free, problem, rows)
    one = torch.eye(free.shape[1], dtype=free.dtype, device=free.device)
    fresh = torch.ones_like(rows, dtype=torch.bool)
    active = torch.arange(len(rows), device=free.device)
    for iteration in range(iterations):
        x, g = free[active], slopes[active]
        direction = -(inverse[active] @ g[..., None])[..., 0]
        # A parameter held by its bound stays there.
        direction = torch.where((x.abs() >= BOUND) & (direction * x > 0), 0.0, direction)
        promise = (direction * g).sum(1)
        done = -promise * problem.known[rows[active]] * 0.5 < tolerance
        trial, reached, found = _searched(
            x, value[active], direction, promise, problem, rows[active], ~done
        )
        done |= ~found & fresh[active]
        count[active[done]] = iteration
        restart = active[~found & ~done]
        inverse[restart], fresh[restart] = one, True
        moved = found & ~done
        to = active[moved]
        if len(to):
            after = gradient(trial[moved], reached[moved], problem, rows[to])
            inverse[to] = _updated(inverse[to], trial[moved] - free[to], after - slopes[to])
            free[to], value[to], slopes[to], fresh[to] = trial[moved], reached[moved], after, False
        active = active[~done]
        if not len(active):
            break
    return free, count


def _searched(
    free: Tensor,
    value: Tensor,
    direction: Tensor,
    promise: Tensor,
    problem: Problem,
    rows: Tensor,
    wanted: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Step along each direction until the deviance falls; whether it did."""
    length = _LONGEST / direction.abs().amax(1).clamp(min=_LONGEST)
    trial, reached = free.clone(), value.clone()
    found = torch.zeros_like(wanted)
    left = torch.nonzero(wanted & (promise < 0))[:, 0]
    for _ in range(_TRIES):
        if not len(left):
            break
        x = (free[left] + length[left, None] * direction[left]).clamp(-BOUND, BOUND)
        y = deviance(x, problem, rows[left])
        fine = y <= value[left] + 1e-4 * length[left] * promise[left]
        trial[left[fine]], reached[left[fine]], found[left[fine]] = x[fine], y[fine], True
        # The least value of the parabola through both ends and the slope, within bounds.
        slope = length[left] * promise[left]
        shrunk = -slope / (2 * (y - value[left] - slope))
        length[left] *= torch.where(shrunk.isnan(), 0.5, shrunk.clamp(0.1, 0.5))
        left = left[~fine]
    return trial, reached, found


def _updated(inverse: Tensor, change: Tensor, difference: Tensor) -> Tensor:
    """Bring the last step's curvature into the inverse Hessians (M, K, K)."""
    curvature = (change * difference).sum(1)
    enough = curvature > 1e-12 * (change * change).sum(1)
    curvature = torch.where(enough, curvature, 1.0)[:, None, None]
    pushed = (inverse @ difference[..., None])[..., 0]
    push = (difference * pushed).sum(1)[:, None, None]
    cross = pushed[:, :, None] * change[:, None, :]
    both = cross + cross.transpose(1, 2)
    square = change[:, :, None] * change[:, None, :]
    new = inverse + (1 + push / curvature) / curvature * square - both / curvature
    return torch.where(enough[:, None, None], new, inverse)
