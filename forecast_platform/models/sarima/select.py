"""Order selection for many series at once, by exact likelihood.

The stepwise search of Hyndman and Khandakar (2008, Journal of Statistical Software 27(3), section
3.2): differencing by tests, then from four first models to whichever neighbour has the lower AICc.
All series take a step together, so that every order is estimated for all series that ask for it in
one call. No drift: a trend in the demand of one item rarely outlives the horizon.
"""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from forecast_platform.models.sarima.model import Order, estimate

Doubles = NDArray[np.float64]

STRONG_SEASON = 0.64
"""Seasonal strength from which on weeks are differenced (Wang, Smith and Hyndman 2006)."""
KPSS_CRITICAL = 0.463
"""5 % point of the test of a constant level (Kwiatkowski et al. 1992, table 1)."""
MAX_ORDER = 5
MAX_ARMA = 3
MAX_SEASONAL = 2
ROUNDS = 12

_ITERATIONS = 12
_TOLERANCE = 0.05
_CHANGES = (
    (1, 0, 0, 0), (-1, 0, 0, 0), (0, 1, 0, 0), (0, -1, 0, 0), (1, 1, 0, 0), (-1, -1, 0, 0),
    (0, 0, 1, 0), (0, 0, -1, 0), (0, 0, 0, 1), (0, 0, 0, -1), (0, 0, 1, 1), (0, 0, -1, -1),
)  # fmt: skip


def seasonal_strength(values: Doubles, period: int) -> Doubles:
    """(N,) 1 - var(remainder) / var(season + remainder), within [0, 1], of (N, T).

    Season: mean of each day of the period after a centred moving average over one period was taken
    off (Hyndman and Athanasopoulos 2021, section 4.3). Days near unknown ones do not count.
    """
    days = values.shape[1]
    if days < 3 * period:
        return np.zeros(len(values))
    half = period // 2
    windows = np.lib.stride_tricks.sliding_window_view(values, 2 * half + 1, axis=1)
    weight = np.full(2 * half + 1, 1.0 / period)
    if period % 2 == 0:
        weight[[0, -1]] /= 2
    trendless = values[:, half : days - half] - windows @ weight
    phase = np.arange(trendless.shape[1]) % period
    season = np.zeros_like(trendless)
    for day in range(period):
        season[:, phase == day] = _mean(trendless[:, phase == day])[:, None]
    whole, remainder = _variance(trendless), _variance(trendless - season)
    share = np.divide(remainder, whole, out=np.ones(len(values)), where=whole > 0)
    return np.asarray(np.clip(1 - share, 0, 1))


def kpss(values: Doubles) -> Doubles:
    """(N,) statistic of Kwiatkowski, Phillips, Schmidt and Shin (1992, eq. 13) for a level.

    Unknown days are left out as if they had not been. Bartlett weights up to lag
    3 sqrt(n) / 13, n the known days.
    """
    out = np.zeros(len(values))
    for row, line in enumerate(values):
        known = line[~np.isnan(line)]
        n = len(known)
        if n < 10 or not known.std() > 0:
            continue
        error = known - known.mean()
        variance = float(error @ error) / n
        lags = int(3 * np.sqrt(n) / 13)
        for lag in range(1, lags + 1):
            variance += 2 * (1 - lag / (lags + 1)) * float(error[lag:] @ error[:-lag]) / n
        out[row] = float(np.square(error.cumsum()).sum()) / (n * n * variance)
    return out


def differencing(values: Doubles, period: int) -> NDArray[np.int64]:
    """(N, 2) of (d, D), each 0 or 1: seasonal by strength, then ordinary by the KPSS test."""
    seasonal = seasonal_strength(values, period) > STRONG_SEASON
    weekly = np.full_like(values, np.nan)
    weekly[:, period:] = values[:, period:] - values[:, :-period]
    left = np.where(seasonal[:, None], weekly, values)
    return np.stack([kpss(left) > KPSS_CRITICAL, seasonal], axis=1).astype(np.int64)


def choose(
    values: Doubles,
    period: int = 7,
    *,
    rounds: int = ROUNDS,
    seconds: float = np.inf,
) -> list[Order]:
    """The order of each series.

    Args:
        values: (N, T), NaN where unknown.
        period: Days of a season.
        rounds: Steps at most.
        seconds: No further step after so long; results then depend on the machine's speed.
    """
    started = time.perf_counter()
    best: list[Order] = []
    wanted: dict[Order, list[int]] = defaultdict(list)
    for row, (d, seasonal_d) in enumerate(differencing(values, period).tolist()):
        base = Order(0, d, 0, 0, seasonal_d, 0, period)
        best.append(base)
        for p, q, sp, sq in ((0, 0, 0, 0), (2, 2, 1, 1), (1, 0, 1, 0), (0, 1, 0, 1), (1, 1, 1, 1)):
            wanted[replace(base, p=p, q=q, seasonal_p=sp, seasonal_q=sq)].append(row)
    least = np.full(len(values), np.inf)
    seen: list[set[Order]] = [set() for _ in values]
    for _ in range(rounds):
        moved = set()
        for order in sorted(wanted):
            rows = np.array(wanted[order])
            found = estimate(
                values[rows], order, iterations=_ITERATIONS, tolerance=_TOLERANCE, modes=0
            ).aicc
            for row, criterion in zip(rows.tolist(), found.tolist(), strict=True):
                seen[row].add(order)
                if criterion < least[row]:
                    least[row], best[row] = criterion, order
                    moved.add(row)
        wanted = defaultdict(list)
        for row in sorted(moved):
            for order in _neighbours(best[row]):
                if order not in seen[row]:
                    wanted[order].append(row)
        if not wanted or time.perf_counter() - started > seconds:
            break
    return best


def _neighbours(order: Order) -> list[Order]:
    out = []
    for p, q, sp, sq in _CHANGES:
        near = replace(
            order, p=order.p + p, q=order.q + q, seasonal_p=order.seasonal_p + sp,
            seasonal_q=order.seasonal_q + sq,
        )  # fmt: skip
        fits = (
            min(near.p, near.q, near.seasonal_p, near.seasonal_q) >= 0
            and max(near.p, near.q) <= MAX_ARMA
            and max(near.seasonal_p, near.seasonal_q) <= MAX_SEASONAL
            and near.n_coefficients <= MAX_ORDER
        )
        if fits:
            out.append(near)
    return out


def _mean(values: Doubles) -> Doubles:
    known = ~np.isnan(values)
    return np.asarray(np.where(known, values, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1))


def _variance(values: Doubles) -> Doubles:
    return _mean(np.square(values - _mean(values)[:, None]))
