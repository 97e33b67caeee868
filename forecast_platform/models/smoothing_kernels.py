"""Exponential smoothing of all series at once: the recursions, and their estimation.

Notation of Hyndman, Koehler, Ord and Snyder (2008), "Forecasting with Exponential Smoothing", table
2.2, additive errors e: level l, slope b, season s. With the season S of a day (1 or 0 where there
is none) and the forecast (l + phi b) S, or l + phi b + S:

    l <- l + phi b + alpha e / S      b <- phi b + beta e / S      s <- s + gamma e / (l + phi b)

without the divisions where the season is additive. Three departures: an unknown day changes nothing
but what the trend foretells; the level starts as a running mean, that is with max(alpha, 1 / known
days) for alpha, so that no first value is ever given undue weight; and a multiplicative season
learns from e over the level or the mean so far, whichever is larger, since a level near zero would
throw it anywhere.

One row of parameters holds: trend (0 or 1), season (0 none, 1 additive, 2 multiplicative), alpha,
beta, phi, gamma, drift, and the seven states of the season at the start, Monday first.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Doubles = NDArray[np.float64]

TREND, SEASON, ALPHA, BETA, PHI, GAMMA, DRIFT, WEEK = range(8)
COLUMNS = WEEK + 7

PRIOR_UNITS = 25.0
"""Units sold, or days' worth of amounts, that pull a weekday's factor to 1."""

_WARM_UP = 7
_FLOOR = 0.05
_EVALUATIONS = 60
_TOLERANCE = 1e-5


def level_forecasts(
    values: Floats, first: NDArray[np.int64], parameters: Doubles, horizon: int
) -> Doubles:
    """(M, H) forecasts after the last day of each window, units per day: the sum of `level_parts`.

    Arguments as there.
    """
    return np.asarray(level_parts(values, first, parameters, horizon).sum(axis=1))


@njit(cache=True)
def level_parts(
    values: Floats, first: NDArray[np.int64], parameters: Doubles, horizon: int
) -> Doubles:
    """(M, 3, H) forecasts after the last day of each window: level, trend and season.

    The level is that of the last day; the trend with its drift adds up to the level to come, the
    season what it makes of that, whether it is added or multiplied.

    Args:
        values: (M, T) demand, NaN where unknown.
        first: (M,) weekday of the first day, Monday 0.
        parameters: (M, COLUMNS).
        horizon: H.

    Returns:
        Units per day; NaN where no day is known.
    """
    out = np.full((values.shape[0], 3, horizon), np.nan)
    state = np.zeros(10)
    for row in range(values.shape[0]):
        p = parameters[row]
        _, known = _smooth(values[row], first[row], p, state)
        if known == 0:
            continue
        base, slope = 0.0, state[1]
        for h in range(horizon):
            slope *= p[PHI]
            base += slope
            season = state[3 + (first[row] + values.shape[1] + h) % 7]
            trend = base + p[DRIFT] * (state[2] + h + 1)
            out[row, 0, h] = state[0]
            out[row, 1, h] = trend
            out[row, 2, h] = 0.0
            if p[SEASON] == 2:
                out[row, 2, h] = (state[0] + trend) * (season - 1)
            elif p[SEASON] == 1:
                out[row, 2, h] = season
    return out


@njit(cache=True)
def fit_levels(
    values: Floats, first: int, trends: int, seasons: NDArray[np.int64], fixed: bool
) -> Doubles:
    """(N, COLUMNS) least-squares estimates, the form of each series chosen by AICc.

    AICc with a Gaussian likelihood: n log(SSE / n) + 2 k + 2 k (k + 1) / (n - k - 1), k counting
    smoothing parameters, starting states and the variance (Hyndman et al. 2008, section 7.1).

    Args:
        values: (N, T) demand, NaN where unknown.
        first: Weekday of the first day.
        trends: 1 for no trend alone, 2 to try a damped trend too.
        seasons: Forms of the season to try.
        fixed: Whether the season stays as it is at the start (gamma = 0).
    """
    out = np.zeros((values.shape[0], COLUMNS))
    trial, state = np.zeros(COLUMNS), np.zeros(10)
    for row in range(values.shape[0]):
        best = np.inf
        factors, level = weekday_factors(values[row], first)
        for season in seasons:
            for trend in range(trends):
                trial[:] = 0
                trial[TREND], trial[SEASON], trial[PHI] = trend, season, 0.9 * trend
                trial[WEEK:] = level * (factors - 1) if season == 1 else factors
                sse = _minimise(values[row], first, trial, season > 0 and not fixed, state)
                _, n = _smooth(values[row], first, trial, state)
                k = 3 + 3 * trend + (0 if season == 0 else 6 if fixed else 7)
                count = max(n - _WARM_UP, k + 2)
                criterion = count * np.log(max(sse / count, 1e-12)) + 2 * k
                criterion += 2 * k * (k + 1) / (count - k - 1)
                if criterion < best:
                    best = criterion
                    out[row] = trial
    return out


@njit(cache=True)
def weekday_factors(values: Floats, first: int) -> tuple[Doubles, float]:
    """(7,) mean demand of each weekday over the mean of all, shrunk to 1; and that mean.

    So many units expected of a weekday, at the mean, weigh against `PRIOR_UNITS` of factor 1.
    """
    total, count = np.zeros(7), np.zeros(7)
    for day in range(values.size):
        if not np.isnan(values[day]):
            total[(first + day) % 7] += values[day]
            count[(first + day) % 7] += 1
    level = total.sum() / max(count.sum(), 1.0)
    factors = (total + PRIOR_UNITS) / (count * level + PRIOR_UNITS)
    return np.maximum(factors / factors.mean(), _FLOOR), level


@njit(cache=True)
def slopes(values: Floats, first: int, factors: Doubles) -> Doubles:
    """(N,) least-squares slope of demand over its weekday factors (N, 7), units per day."""
    out = np.zeros(values.shape[0])
    for row in range(values.shape[0]):
        n = t = y = tt = ty = 0.0
        for day in range(values.shape[1]):
            if not np.isnan(values[row, day]):
                adjusted = values[row, day] / factors[row, (first + day) % 7]
                n, t, y = n + 1, t + day, y + adjusted
                tt, ty = tt + day * day, ty + day * adjusted
        spread = n * tt - t * t
        if spread > 0:
            out[row] = (n * ty - t * y) / spread
    return out


@njit(cache=True)
def _smooth(values: Floats, first: int, p: Doubles, state: Doubles) -> tuple[float, int]:
    """Sum of squared one-day errors and number of known days of one series.

    Leaves in `state` level, slope, lag and season after the last day. The lag is how many days the
    level is behind a straight line: the same recursion applied to the day's number.
    """
    state[3:] = p[WEEK:]
    trend, season, alpha, beta = p[TREND] > 0, p[SEASON], p[ALPHA], p[BETA]
    phi, gamma = p[PHI], p[GAMMA]
    level = slope = lag = sse = average = 0.0
    known = 0
    at = 3 + first
    for day in range(values.size):
        y = float(values[day])
        s = state[at]
        if trend:
            slope *= phi
            level += slope
        lag += 1
        if not np.isnan(y):
            known += 1
            gain = max(alpha, 1 / known)
            average += (y - average) / known
            if season == 2:
                e = y - level * s
                if known > 1 and average > 0:
                    state[at] = min(max(s + gamma * e / max(level, average), _FLOOR), 7.0)
                step = e / s
            elif season == 1:
                step = e = y - level - s
                if known > 1:
                    state[at] = s + gamma * e
            else:
                step = e = y - level
            if known > _WARM_UP:
                sse += e * e
            level += gain * step
            if known > 1:
                slope += beta * step
            lag *= 1 - gain
        at = at + 1 if at < 9 else 3
    state[0], state[1], state[2] = level, slope, lag
    return sse, known


@njit(cache=True)
def _set(p: Doubles, u: Doubles) -> None:
    """Unbounded coordinates to alpha in (0, 1), beta < alpha, phi in (.8, .98), gamma < 1 - alpha.

    The usual bounds (Hyndman et al. 2008, chapter 2); those of phi as R's forecast package.
    """
    p[ALPHA] = alpha = _share(u[0])
    at = 1
    if p[TREND] > 0:
        p[BETA], p[PHI] = alpha * _share(u[1]), 0.8 + 0.18 * _share(u[2])
        at = 3
    if at < u.size:
        p[GAMMA] = (1 - alpha) * _share(u[at])


@njit(cache=True)
def _share(u: float) -> Any:
    return 1 / (1 + np.exp(-u))


@njit(cache=True)
def _cost(values: Floats, first: int, p: Doubles, u: Doubles, state: Doubles) -> Any:
    _set(p, u)
    return _smooth(values, first, p, state)[0]


@njit(cache=True)
def _minimise(values: Floats, first: int, p: Doubles, free_gamma: bool, state: Doubles) -> float:
    """Least squares by Nelder and Mead (1965), from the best of a few alphas; `p` is the answer."""
    size = 1 + (2 if p[TREND] > 0 else 0) + (1 if free_gamma else 0)
    corners, cost = np.full((size + 1, size), -3.0), np.full(size + 1, np.inf)
    tried = np.full(size, -3.0)
    for start in (-4.0, -2.0, 0.0):
        tried[0] = start
        sse = _cost(values, first, p, tried, state)
        if sse < cost[0]:
            cost[0] = sse
            corners[:, 0] = start
    for corner in range(1, size + 1):
        corners[corner, corner - 1] += 1.0
        cost[corner] = _cost(values, first, p, corners[corner], state)
    for _ in range(_EVALUATIONS * size):
        best, worst = int(np.argmin(cost)), int(np.argmax(cost))
        if cost[worst] - cost[best] <= _TOLERANCE * cost[best]:
            break
        lowest = second = cost[best]
        for corner in range(size + 1):
            if corner != worst:
                second = max(second, cost[corner])
        _across(corners, worst, 1.0, tried)
        sse = _cost(values, first, p, tried, state)
        if lowest <= sse < second:
            _put(corners, cost, worst, tried, sse)
            continue
        if sse < cost[worst]:
            _put(corners, cost, worst, tried, sse)
            further = -2.0 if sse < lowest else -0.5
        else:
            further = -0.5
        # Seen from a corner that has just crossed: twice as far, or halfway back to the middle.
        _across(corners, worst, further, tried)
        sse = _cost(values, first, p, tried, state)
        if sse < cost[worst]:
            _put(corners, cost, worst, tried, sse)
        elif further == -0.5 and cost[worst] > second:
            for corner in range(size + 1):
                if corner != best:
                    for at in range(size):
                        corners[corner, at] = (corners[corner, at] + corners[best, at]) / 2
                    cost[corner] = _cost(values, first, p, corners[corner], state)
    answer = int(np.argmin(cost))
    _set(p, corners[answer])
    return float(cost[answer])


@njit(cache=True)
def _across(corners: Doubles, worst: int, way: float, out: Doubles) -> None:
    """The point `way` times as far beyond the middle of the other corners as the worst is off."""
    size = out.size
    for at in range(size):
        middle = 0.0
        for corner in range(size + 1):
            if corner != worst:
                middle += corners[corner, at] / size
        out[at] = middle + way * (middle - corners[worst, at])


@njit(cache=True)
def _put(corners: Doubles, cost: Doubles, at: int, point: Doubles, value: float) -> None:
    corners[at] = point
    cost[at] = value
