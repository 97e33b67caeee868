"""Sample paths from marginal quantiles: a Gaussian copula along the horizon.

Quantiles of single days do not add up over a lead time; paths do. Each day's level is uniform, its
normal score follows an AR(1) process along the horizon, and the level is pushed through the day's
predictive quantile function. Levels are shared by all series of an origin: what is wanted are sums
over days of each series, and shared levels turn those into one matrix product.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


def path_levels(
    n: int, horizon: int, autocorrelation: float, *, seed: int, origin: dt.date
) -> NDArray[np.float64]:
    """(n, horizon) uniform levels, the normal scores of which are AR(1) along the horizon.

    Each column holds the levels (i + 1/2) / n once (Latin hypercube sampling by ranks, Iman and
    Conover 1982), so that even few paths reproduce the marginal quantiles.
    """
    rng = np.random.default_rng([seed, origin.toordinal()])
    shocks = rng.standard_normal((horizon, n)).T  # a longer horizon keeps the earlier days
    scores = np.empty_like(shocks)
    scores[:, 0] = shocks[:, 0]
    for day in range(1, horizon):
        scores[:, day] = (
            autocorrelation * scores[:, day - 1] + np.sqrt(1 - autocorrelation**2) * shocks[:, day]
        )
    ranks = scores.argsort(axis=0, kind="stable").argsort(axis=0, kind="stable")
    return np.asarray((ranks + 0.5) / n)


def level_weights(levels: Sequence[float], at: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., Q + 1) weights of 0 and the Q quantiles that give the quantile function at `at`.

    Linear between levels and from zero demand at level 0 to the lowest quantile; beyond the
    highest an exponential tail through the last two quantiles, so linear in -log(1 - level).
    """
    knots = np.array([0.0, *levels])
    upper = np.clip(np.searchsorted(knots, at), 1, len(levels))
    share = (at - knots[upper - 1]) / (knots[upper] - knots[upper - 1])
    tail = 1 + np.log((1 - knots[-1]) / (1 - at)) / np.log((1 - knots[-2]) / (1 - knots[-1]))
    share = np.where(at > knots[-1], tail, share)
    weights = np.zeros((*at.shape, len(knots)))
    np.put_along_axis(weights, upper[..., None] - 1, (1 - share)[..., None], axis=-1)
    np.put_along_axis(weights, upper[..., None], share[..., None], axis=-1)
    return weights


def sample_paths(
    quantiles: Floats, levels: Sequence[float], at: NDArray[np.float64]
) -> NDArray[np.float32]:
    """(N, n, H) paths from quantiles (N, H, Q) and uniform levels (n, H)."""
    weights = level_weights(levels, at)[..., 1:].transpose(1, 2, 0)  # (H, Q, n)
    drawn = np.matmul(quantiles.astype(np.float64).transpose(1, 0, 2), weights)  # (H, N, n)
    return np.ascontiguousarray(drawn.transpose(1, 2, 0), dtype=np.float32)


def path_sums(
    quantiles: Floats, levels: Sequence[float], at: NDArray[np.float64], days: int
) -> NDArray[np.float64]:
    """(N, n) demand of the first `days` days of each path.

    Equals `sample_paths(...)[:, :, :days].sum(axis=2)` without holding the paths. Days beyond the
    horizon repeat the forecast of its last week; `at` is (n, >= days).
    """
    day = days_of(days, quantiles.shape[1])
    weights = level_weights(levels, at[:, :days])[..., 1:]  # (n, days, Q)
    flat = quantiles[:, day].astype(np.float64).reshape(len(quantiles), -1)
    return np.asarray(flat @ weights.reshape(len(at), -1).T)


def days_of(days: int, horizon: int) -> NDArray[np.intp]:
    """(days,) forecast day that stands for each day: beyond the horizon its last week repeats."""
    day = np.arange(days)
    week = min(7, horizon)
    return np.where(day < horizon, day, horizon - week + (day - horizon) % week)
