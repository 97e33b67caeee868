"""Families for demand with many days of nothing: Croston, SBA, TSB, ADIDA and IMAPA.

Croston (1972) smooths the size z of a sale and the interval p between sales and forecasts z / p;
Syntetos and Boylan (2005) take off its bias: (1 - alpha / 2) z / p. Teunter, Syntetos
and Babai (2011) smooth the probability of a sale every day instead, so that the
forecast of a dying item falls. ADIDA (Nikolopoulos et al. 2011) smooths sums over as many days as
lie between two sales on average; IMAPA (Petropoulos and Kourentzes 2015) averages the forecasts of
all such spans from one day up.

Everything starts as a running mean, that is with max(alpha, 1 / values seen) for alpha. Unknown
days count neither as nothing sold nor towards an interval.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from forecast_platform.models.smoothing import Smoothing, Weekdays

Floats = NDArray[np.floating[Any]]
Doubles = NDArray[np.float64]

MAX_SPAN = 14
"""Longest span that demand is summed over, days."""

_ALPHAS = np.array([0.01, 0.02, 0.04, 0.07, 0.1, 0.15, 0.2, 0.3])
_FEWEST_SPANS = 8
CROSTON, SBA, TSB = range(3)


class _Rates(Smoothing):
    """Size and frequency of sales, smoothed with alpha and beta."""

    default = (0.1, 0.1)
    method: int

    def _estimate(self, demand: Floats, first: int) -> Doubles:
        return np.asarray(fit_rates(demand, self.method))

    def _forecast(
        self, values: Floats, first: Weekdays, parameters: Doubles, horizon: int
    ) -> Doubles:
        return np.tile(rates(values, parameters, self.method)[:, None], (1, horizon))


class Croston(_Rates):
    """Croston's method, one alpha by least squares."""

    name = "croston"
    method = CROSTON


class Sba(_Rates):
    """Croston's method without its bias (Syntetos and Boylan)."""

    name = "sba"
    method = SBA


class Tsb(_Rates):
    """Teunter, Syntetos and Babai: alpha for sizes and beta for the probability of a sale."""

    name = "tsb"
    method = TSB


class Imapa(Smoothing):
    """Mean over spans of 1..k days of the smoothed demand per day; k the mean interval."""

    name = "imapa"
    every_span = True
    default = (7, *[0.1] * MAX_SPAN)

    def _estimate(self, demand: Floats, first: int) -> Doubles:
        return np.asarray(fit_spans(demand, self.every_span))

    def _forecast(
        self, values: Floats, first: Weekdays, parameters: Doubles, horizon: int
    ) -> Doubles:
        level = span_levels(values, parameters, self.every_span)
        return np.tile(level[:, None], (1, horizon))


class Adida(Imapa):
    """Demand smoothed over spans of the mean interval between sales alone."""

    name = "adida"
    every_span = False


@njit(cache=True)
def rates(values: Floats, parameters: Doubles, method: int) -> Doubles:
    """(M,) units per day after windows (M, T); parameters (M, 2) alpha, beta. NaN: none known."""
    out = np.full(values.shape[0], np.nan)
    for row in range(values.shape[0]):
        out[row] = _rate(values[row], parameters[row, 0], parameters[row, 1], method)[0]
    return out


@njit(cache=True)
def fit_rates(values: Floats, method: int) -> Doubles:
    """(N, 2) alpha and beta with the least sum of squared one-day errors, of a grid."""
    out = np.zeros((values.shape[0], 2))
    for row in range(values.shape[0]):
        best = np.inf
        for alpha in _ALPHAS:
            for beta in _ALPHAS if method == TSB else np.array([alpha]):
                sse = _rate(values[row], alpha, beta, method)[1]
                if sse < best:
                    best = sse
                    out[row, 0], out[row, 1] = alpha, beta
    return out


@njit(cache=True)
def span_levels(values: Floats, parameters: Doubles, every_span: bool) -> Doubles:
    """(M,) units per day; parameters (M, 1 + MAX_SPAN): longest span, alpha of each span."""
    out = np.full(values.shape[0], np.nan)
    for row in range(values.shape[0]):
        longest = int(parameters[row, 0])
        shortest = 1 if every_span else longest
        total, n = 0.0, 0
        for span in range(shortest, longest + 1):
            level = _span_level(values[row], span, parameters[row, span])[0]
            if not np.isnan(level):
                total += level
                n += 1
        if n:
            out[row] = total / n
    return out


@njit(cache=True)
def fit_spans(values: Floats, every_span: bool) -> Doubles:
    """(N, 1 + MAX_SPAN) mean interval in whole days, and the best alpha of a grid by span."""
    out = np.zeros((values.shape[0], 1 + MAX_SPAN))
    out[:, 1:] = 0.1
    for row in range(values.shape[0]):
        known = (~np.isnan(values[row])).sum()
        sales = max((values[row] > 0).sum(), 1)
        longest = min(max(round(known / sales), 1), MAX_SPAN)
        out[row, 0] = longest
        for span in range(1 if every_span else longest, longest + 1):
            best = np.inf
            for alpha in _ALPHAS:
                _, sse, n = _span_level(values[row], span, alpha)
                if n >= _FEWEST_SPANS and sse < best:
                    best = sse
                    out[row, span] = alpha
    return out


@njit(cache=True)
def _rate(values: Floats, alpha: float, beta: float, method: int) -> tuple[float, float]:
    """Rate after the last day, NaN where none is known, and sum of squared one-day errors."""
    size = interval = chance = rate = sse = since = 0.0
    days = sales = 0
    for day in range(values.size):
        y = float(values[day])
        if np.isnan(y):
            continue
        days += 1
        since += 1
        if sales > 0:
            sse += (y - rate) ** 2
        chance += max(beta, 1 / days) * ((y > 0) - chance)
        if y > 0:
            sales += 1
            gain = 1 / sales
            size += max(alpha, gain) * (y - size)
            interval += max(beta, gain) * (since - interval)
            since = 0.0
        if sales > 0:
            rate = size * chance if method == TSB else size / interval
            if method == SBA:
                rate *= 1 - beta / 2
    return (rate if days else np.nan), sse


@njit(cache=True)
def _span_level(values: Floats, span: int, alpha: float) -> tuple[float, float, int]:
    """Smoothed demand per day over spans that end with the last day, errors and spans known."""
    level, sse, n = np.nan, 0.0, 0
    start = values.size % span if values.size >= span else 0
    while start < values.size:
        total, known = 0.0, 0
        for day in range(start, min(start + span, values.size)):
            if not np.isnan(values[day]):
                total += values[day]
                known += 1
        start += span
        if known == 0:
            continue
        n += 1
        if n == 1:
            level = total / known
        else:
            error = total / known - level
            sse += error * error
            level += max(alpha, 1 / n) * error
    return level, sse, n
