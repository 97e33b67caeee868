"""What the families call when series are estimated on a device."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from forecast_platform.models.sarima.batched.kalman import filtered
from forecast_platform.models.sarima.batched.likelihood import IMPOSSIBLE, evaluated
from forecast_platform.models.sarima.batched.maximise import minimised
from forecast_platform.models.sarima.batched.modes import climbed
from forecast_platform.models.sarima.batched.polynomials import (
    differenced_polynomial,
    expanded,
    state_covariance,
)
from forecast_platform.models.sarima.batched.problem import Problem, problems, reduced, shifted
from forecast_platform.models.sarima.order import (
    ITERATIONS,
    MODES,
    TOLERANCE,
    Estimates,
    Method,
    Order,
    with_mean,
)

Doubles = NDArray[np.float64]


def estimate(
    values: Doubles,
    order: Order,
    regressors: Doubles | None = None,
    *,
    iterations: int = ITERATIONS,
    tolerance: float = TOLERANCE,
    modes: int = MODES,
    method: Method = "ml",
    device: str = "cpu",
) -> Estimates:
    """As `sarima.model.estimate`, all series together on a torch device."""
    values, regressors = with_mean(values, order, regressors)
    n, k, size = len(values), regressors.shape[1], order.n_coefficients
    coefficients, slopes = np.zeros((n, size)), np.zeros((n, k))
    figures = np.full((n, 4), np.nan)
    figures[:, 2] = 0
    for rows, problem in problems(values, regressors, order, device, conditional=method == "css"):
        days = problem.known
        figures[rows, 2] = days.cpu().numpy()
        enough = torch.nonzero(days > size + k + 1)[:, 0]
        if not len(enough):
            continue
        start = _best_start(order, problem, enough)
        free = climbed(start, problem, enough, iterations, tolerance, modes)
        free, count = minimised(free, problem, enough, iterations, tolerance)
        found = evaluated(free, problem, enough)
        sound = (found.deviance < IMPOSSIBLE).cpu().numpy()
        some = rows[enough.cpu().numpy()][sound]
        coefficients[some] = found.coefficients.cpu().numpy()[sound]
        slopes[some] = found.slopes.cpu().numpy()[sound]
        likelihood = -0.5 * days[enough] * (found.deviance + np.log(2 * np.pi) + 1)
        figures[some, 0] = found.variance.cpu().numpy()[sound]
        figures[some, 1] = likelihood.cpu().numpy()[sound]
        figures[some, 3] = count.cpu().numpy()[sound]
    return Estimates(coefficients, slopes, *figures.T)


def _best_start(order: Order, problem: Problem, rows: torch.Tensor) -> torch.Tensor:
    starts = torch.from_numpy(order.starts).to(problem.columns)
    trials = starts.repeat(len(rows), 1)
    found = evaluated(trials, problem, rows.repeat_interleave(len(starts))).deviance
    return starts[found.reshape(len(rows), len(starts)).argmin(1)]


def predict(
    values: Doubles,
    order: Order,
    coefficients: Doubles,
    slopes: Doubles,
    horizon: int,
    regressors: Doubles | None = None,
    *,
    device: str = "cpu",
) -> tuple[Doubles, Doubles]:
    """As `sarima.model.predict`, all series together on a torch device."""
    values, regressors = with_mean(values, order, regressors, horizon)
    part = np.einsum("nk,nkt->nt", slopes, np.broadcast_to(
        regressors, (len(values), *regressors.shape[1:])
    ))  # fmt: skip
    line = np.pad(values, ((0, 0), (0, horizon)), constant_values=np.nan) - part
    seen = np.isfinite(line)
    first = seen.argmax(axis=1)
    part_columns, part_seen = shifted(line[:, None], first), shifted(seen, first)
    columns, flags, base, start = reduced(part_columns, part_seen, order)
    a, b = expanded(torch.from_numpy(coefficients).to(device), order)
    longer = differenced_polynomial(a, order)
    size = longer.shape[1] - a.shape[1]
    shorter = torch.nn.functional.pad(b, (0, size))
    covariance = torch.nn.functional.pad(state_covariance(a, b), (0, size, 0, size))
    found, variances = filtered(
        torch.from_numpy(columns).to(device), torch.from_numpy(flags).to(device), longer, shorter,
        covariance,
    )  # fmt: skip
    begin = first + start
    means = _moved_back(found[:, 0].cpu().numpy(), begin) + _moved_back(base[:, 0], first) + part
    spread = _moved_back(variances.cpu().numpy(), begin)
    lost = ~seen.any(axis=1) | np.isnan(coefficients).any(axis=1)
    means[lost], spread[lost] = np.nan, np.nan
    return means, spread


def _moved_back(rows: Doubles, by: NDArray[np.intp]) -> Doubles:
    """(N, T) values moved so many days later, NaN before."""
    at = np.arange(rows.shape[1]) - by[:, None]
    return np.where(at >= 0, np.take_along_axis(rows, np.maximum(at, 0), axis=1), np.nan)
