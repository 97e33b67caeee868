"""Other modes of the likelihood, for many series at once (see `sarima.estimate`)."""

from __future__ import annotations

import torch
from torch import Tensor

from forecast_platform.models.sarima.batched.likelihood import IMPOSSIBLE
from forecast_platform.models.sarima.batched.maximise import deviance, minimised
from forecast_platform.models.sarima.batched.polynomials import Block, blocks
from forecast_platform.models.sarima.batched.problem import Problem
from forecast_platform.models.sarima.order import RIDGE, ROUGHLY, WORTH


def climbed(
    free: Tensor, problem: Problem, rows: Tensor, iterations: int, tolerance: float, modes: int
) -> Tensor:
    """Rough estimates (M, K), the best of so many modes in each block that can have several."""
    phi, theta, seasonal_phi, seasonal_theta = blocks(problem.order)
    for ar, ma in ((phi, theta), (seasonal_phi, seasonal_theta)):
        if modes and ar.size and ma.size:
            free, _ = minimised(free, problem, rows, iterations, ROUGHLY * tolerance)
            free = _visited(free, problem, rows, (ar, ma), iterations, ROUGHLY * tolerance, modes)
    return free


def _without(free: Tensor, pair: tuple[Block, Block]) -> Tensor:
    out = free.clone()
    for block in pair:
        out[:, block.at : block.at + block.size] = 0
    return out


def _other_modes(
    free: Tensor, problem: Problem, rows: Tensor, pair: tuple[Block, Block]
) -> tuple[Tensor, Tensor, Tensor]:
    """Expected deviance at each point along the ridge, and both parameters there: (M, R) each."""
    ar, ma = pair[0].at, pair[1].at
    ridge = free.new_tensor(RIDGE)
    base = _without(free, pair)
    level = deviance(base, problem, rows)[:, None]
    known = problem.known[rows].to(free.dtype)[:, None]
    step = torch.minimum(1.5 * ((1 - ridge**2) / known).sqrt(), 0.5 * (1 - ridge.abs()))
    sides = []
    for sign in (1.0, -1.0):
        trial = base[:, None].repeat(1, len(ridge), 1)
        trial[:, :, ma] = torch.atanh(ridge)
        trial[:, :, ar] = torch.atanh(ridge + sign * step)
        found = deviance(trial.flatten(0, 1), problem, rows.repeat_interleave(len(ridge)))
        sides.append(found.reshape(step.shape))
    above, below = sides
    slope, curve = 0.5 * (above - below) / step, (above + below - 2 * level) / step**2
    toward = torch.where(above < below, step, -step)
    move = torch.where(curve > 0, -slope / curve, toward)
    move = torch.maximum(move, torch.maximum(-4 * step, -0.9 * (1 + ridge)))
    move = torch.minimum(move, torch.minimum(4 * step, 0.9 * (1 - ridge)))
    expected = level + slope * move + 0.5 * curve * move**2
    return expected, torch.atanh(ridge + move), torch.atanh(ridge).expand_as(move)


def _visited(
    free: Tensor,
    problem: Problem,
    rows: Tensor,
    pair: tuple[Block, Block],
    iterations: int,
    tolerance: float,
    modes: int,
) -> Tensor:
    """Climb the most promising other modes of a block; the best of all."""
    best = deviance(free, problem, rows)
    expected, at_ar, at_ma = _other_modes(free, problem, rows, pair)
    base, free = _without(free, pair), free.clone()
    active = torch.arange(len(rows), device=free.device)
    for _ in range(modes):
        line = expected[active].argmin(1)
        least = expected[active, line]
        worth = (least - best[active]) * problem.known[rows[active]] * 0.5 <= WORTH
        active, line = active[worth], line[worth]
        if not len(active):
            break
        trial = base[active]
        trial[:, pair[0].at] = at_ar[active, line]
        trial[:, pair[1].at] = at_ma[active, line]
        trial, _ = minimised(trial, problem, rows[active], iterations, tolerance)
        found = deviance(trial, problem, rows[active])
        better = found < best[active]
        free[active[better]], best[active[better]] = trial[better], found[better]
        for near in (-1, 0, 1):
            expected[active, (line + near).clamp(0, expected.shape[1] - 1)] = IMPOSSIBLE
    return free
