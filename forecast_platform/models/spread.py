"""Predictive distributions around a mean of daily demand, and the variance that goes with it.

Counts follow a negative binomial with the mean and variance given, or a Poisson where the variance
is not above the mean. Amounts (kg, metres) follow the Tweedie distribution of power 1.5, a Poisson
number of exponential amounts: it has a share of days with nothing and has no smallest step
(Jorgensen 1987, "Exponential dispersion models").

Quantiles of counts are made continuous by spreading each count k over [k - 1/2, k + 1/2]; zero
stays zero, and one fills [0, 3/2] along 1.5 sqrt(f), f the share of its probability already passed.
So the quantile function Q has no jumps, Q(F(k)) = k + 1/2 for k >= 1, Q = 0 up to F(0), and its
integral is the mean: sums of sample paths over a lead time are not biased.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Doubles = NDArray[np.float64]

PRIOR_DAYS = 28.0
"""Days of errors that the pooled mean-variance relation is worth."""

OUTLIER = 10.0
"""An error counts for at most so many pooled standard deviations."""

_LARGE = 500.0
"""Above this mean a count is no different from an amount measured in mean / 500."""

_NEARLY_NORMAL = 0.2
_NOTHING = 1e-9
_GRID = np.geomspace(1e-3, 200, 600)


@dataclass
class Spread:
    """Variance of demand around its forecast: dispersion * mean ** exponent, per series.

    The power law is Taylor's (1961), "Aggregation, variance and the mean".

    Attributes:
        dispersion: (N,) of each series, shrunk to the pooled value.
        pooled: Dispersion of a typical series.
        exponent: 1 as for a Poisson, 2 as for errors in proportion.
    """

    dispersion: Doubles
    pooled: float = 1.0
    exponent: float = 1.0

    def variance(self, mean: Floats, rows: NDArray[np.intp]) -> Doubles:
        """Variance of one-day-ahead errors, units squared.

        Args:
            mean: (..., N, H) forecasts, units.
            rows: (N,) row of each series in `dispersion`, -1 where it has none.
        """
        own = np.full(len(rows), self.pooled)
        own[rows >= 0] = self.dispersion[rows[rows >= 0]]
        return np.asarray(own[:, None] * np.maximum(mean, 0).astype(np.float64) ** self.exponent)


def fit_spread(mean: Floats, actual: Floats, prior_days: float = PRIOR_DAYS) -> Spread:
    """Estimate the mean-variance relation from forecasts and what came.

    With m the forecasts of a series, e its errors, M the mean of m and n the days known:

        exponent b     slope of log mean(e^2) over log M through the upper and lower third of the
                       series (resistant line, Tukey 1977), within [1, 2]
        pooled a       median over series of sum(e^2) / sum(m^b)
        dispersion     (k a M^b + sum(min(e^2, 100 a max(m, M)^b))) / (k M^b + sum(m^b))

    k = `prior_days`. Squares are capped so that one mad day does not open the interval for ever.

    Args:
        mean: (N, K) forecasts of K days, one or several ahead, made before the day; units.
        actual: (N, K) demand that came. Pairs with a NaN count nowhere.
        prior_days: k.
    """
    days, total, squares = _sums(mean, actual)
    usable = (days >= prior_days) & (total > 0) & (squares > 0)
    average = total / np.maximum(days, 1)
    exponent = _slope(np.log(average[usable]), np.log(squares[usable] / days[usable]))
    power, _ = _powers(mean, actual, average, exponent, np.inf)
    pooled = float(np.median(squares[usable] / power[usable])) if usable.any() else 1.0
    cap = OUTLIER**2 * pooled
    power, capped = _powers(mean, actual, average, exponent, cap)
    prior = prior_days * average**exponent
    weight = prior + power
    own = (pooled * prior + capped) / np.where(weight > 0, weight, 1)
    return Spread(np.where(weight > 0, own, pooled), pooled, exponent)


def quantiles_around(
    mean: Floats,
    variance: Floats,
    levels: Sequence[float],
    *,
    counts: NDArray[np.bool_] | bool = True,
) -> NDArray[np.float32]:
    """Quantiles of demand with that mean and variance, never negative.

    Args:
        mean: (..., H) expected units per day; zero or less gives zeros.
        variance: (..., H) or broadcastable to it, units squared.
        levels: Q levels between 0 and 1, rising.
        counts: Whether demand comes in whole units; a bool per series, broadcastable to
            `mean.shape[:-1]`.

    Returns:
        (..., H, Q) float32; NaN where mean or variance is.
    """
    shape = mean.shape
    flat_mean: Doubles = np.asarray(mean, dtype=np.float64).reshape(-1)
    flat_variance: Doubles = np.broadcast_to(variance, shape).astype(np.float64).reshape(-1)
    whole = np.broadcast_to(np.asarray(counts)[..., None], shape).reshape(-1)
    at = np.array(levels, dtype=np.float64)
    scores = _normal_scores(tuple(levels))
    out = np.zeros((flat_mean.size, len(at)), dtype=np.float32)
    _count_quantiles(flat_mean, flat_variance, whole, at, scores, out)
    if not whole.all():
        other = ~whole
        out[other] = _amount_quantiles(flat_mean[other], flat_variance[other], tuple(levels))
    return out.reshape(*shape, len(at))


@njit(cache=True)
def _count_quantiles(
    mean: Doubles,
    variance: Doubles,
    whole: NDArray[np.bool_],
    levels: Doubles,
    scores: Doubles,
    out: NDArray[np.float32],
) -> None:
    for cell in range(mean.size):
        mu, spread = mean[cell], variance[cell]
        if not whole[cell] or mu <= _NOTHING:
            continue
        if np.isnan(mu) or np.isnan(spread):
            out[cell] = np.nan
            continue
        spread = max(spread, mu)
        if mu > _LARGE and spread < (_NEARLY_NORMAL * mu) ** 2:
            deviation = np.sqrt(spread)
            skewness = (2 * spread - mu) / (mu * deviation)
            for at in range(levels.size):
                score = scores[at] + skewness * (scores[at] ** 2 - 1) / 6
                out[cell, at] = max(mu + deviation * score, 0.0)
            continue
        unit = max(mu / _LARGE, 1.0)
        mu, spread = mu / unit, spread / unit**2
        excess = max(spread - mu, 0.0)
        # P(k + 1) = P(k) (c + d k) / (k + 1), Panjer's (a, b, 0) form of both distributions.
        d = excess / spread
        c = mu * mu / spread
        mass = np.exp(-mu if d < 1e-12 else -mu * mu / excess * np.log1p(excess / mu))
        below, upto, k = 0.0, mass, 0
        for at in range(levels.size):
            while upto < levels[at] and (mass > 1e-18 or k < mu):
                mass *= (c + d * k) / (k + 1)
                k += 1
                below, upto = upto, upto + mass
            if k > 0:
                share = min((levels[at] - below) / max(upto - below, 1e-300), 1.0)
                out[cell, at] = unit * (1.5 * np.sqrt(share) if k == 1 else k - 0.5 + share)


def _amount_quantiles(mean: Doubles, variance: Doubles, levels: tuple[float, ...]) -> Doubles:
    """(cells, Q) quantiles of the Tweedie distribution of power 1.5.

    Quantile over mean depends on the Poisson mean of the number of amounts, 2 mean^2 / variance,
    alone: interpolated in a table; by Cornish and Fisher (1938) where that number is large.
    """
    positive = mean > _NOTHING
    squared = variance / np.where(positive, mean, 1) ** 2
    number = 2 / np.maximum(squared, 1e-12)
    table, scores = _amount_table(levels), _normal_scores(levels)
    out = np.zeros((len(mean), len(levels)))
    cv, log_number, log_grid = np.sqrt(squared), np.log(number), np.log(_GRID)
    for at in range(len(levels)):
        ratio = np.interp(log_number, log_grid, table[:, at])
        normal = 1 + cv * (scores[at] + 1.5 * cv * (scores[at] ** 2 - 1) / 6)
        out[:, at] = mean * np.where(number > _GRID[-1], normal, ratio)
    out = np.maximum(out, 0)
    out[mean <= _NOTHING] = 0
    return out


@lru_cache(maxsize=8)
def _normal_scores(levels: tuple[float, ...]) -> Doubles:
    from statistics import NormalDist

    return np.array([NormalDist().inv_cdf(level) for level in levels])


@lru_cache(maxsize=8)
def _amount_table(levels: tuple[float, ...]) -> Doubles:
    """(grid, Q) quantile over mean."""
    return np.asarray(_amount_ratios(_GRID, np.array(levels)))


@njit(cache=True)
def _amount_ratios(numbers: Doubles, levels: Doubles) -> Doubles:
    out = np.zeros((numbers.size, levels.size))
    for row in range(numbers.size):
        for at in range(levels.size):
            if levels[at] <= np.exp(-numbers[row]):
                continue
            low, high = 0.0, numbers[row] + 20 * np.sqrt(numbers[row]) + 20
            for _ in range(40):
                middle = (low + high) / 2
                if _amount_distribution(middle, numbers[row]) < levels[at]:
                    low = middle
                else:
                    high = middle
            out[row, at] = high / numbers[row]
    return out


@njit(cache=True)
def _amount_distribution(y: float, number: float) -> Any:
    """P(sum of n exponentials of mean 1 <= y), n Poisson: P(m >= n) with m Poisson of mean y."""
    of_n, of_m = np.exp(-number), np.exp(-y)
    reached, below, n = of_n, of_m, 0  # below: P(m <= n - 1) once n has been raised
    while of_n > 1e-17 or n < number:
        n += 1
        of_n *= number / n
        reached += of_n * (1 - below)
        of_m *= y / n
        below += of_m
    return reached


@njit(cache=True)
def _sums(mean: Floats, actual: Floats) -> tuple[Doubles, Doubles, Doubles]:
    days, total, squares = np.zeros(len(mean)), np.zeros(len(mean)), np.zeros(len(mean))
    for row in range(mean.shape[0]):
        for day in range(mean.shape[1]):
            m, y = float(mean[row, day]), float(actual[row, day])
            if not (np.isnan(m) or np.isnan(y)):
                days[row] += 1
                total[row] += max(m, 0.0)
                squares[row] += (y - m) ** 2
    return days, total, squares


@njit(cache=True)
def _powers(
    mean: Floats, actual: Floats, average: Doubles, exponent: float, cap: float
) -> tuple[Doubles, Doubles]:
    """Sums of m^b, and of squared errors of at most cap * max(m, M)^b."""
    power, capped = np.zeros(len(mean)), np.zeros(len(mean))
    for row in range(mean.shape[0]):
        for day in range(mean.shape[1]):
            m, y = float(mean[row, day]), float(actual[row, day])
            if not (np.isnan(m) or np.isnan(y)):
                power[row] += max(m, 0.0) ** exponent
                limit = cap * max(m, average[row]) ** exponent
                capped[row] += min((y - m) ** 2, limit)
    return power, capped


def _slope(x: Doubles, y: Doubles) -> float:
    """Resistant line through the medians of the outer thirds, within [1, 2]."""
    third = len(x) // 3
    if third < 1:
        return 1.0
    order = np.argsort(x, kind="stable")
    low, high = order[:third], order[-third:]
    width = np.median(x[high]) - np.median(x[low])
    rise = np.median(y[high]) - np.median(y[low])
    return float(np.clip(rise / width, 1, 2)) if width > 1e-9 else 1.0
