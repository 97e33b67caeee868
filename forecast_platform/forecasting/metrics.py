"""Accuracy metrics over known demand: days without known demand (NaN) count nowhere.

Sources: Hyndman and Koehler (2006), "Another look at measures of forecast accuracy" (MAE, RMSE,
MASE); Kolassa and Schuetz (2007) (WAPE as MAD/Mean); Makridakis, Spiliotis and Assimakopoulos
(2022), "The M5 competition" (RMSSE, WRMSSE, pinball) and "The M5 uncertainty competition" (SPL,
WSPL). Arrays are (N, H): N series, H days.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecast_platform.forecasting.pit import (
    INTERVALS,
    pit_bounds,
    pit_coverage,
    quantiles_at,
)
from forecast_platform.models.base import are_counts, known_mean

Floats = NDArray[np.floating[Any]]

SEASON = 7


def mse(actual: Floats, mean: Floats) -> float:
    """Mean squared error, units squared."""
    return _mean(np.square(actual - mean))


def rmse(actual: Floats, mean: Floats) -> float:
    """Root mean squared error, units."""
    return float(np.sqrt(mse(actual, mean)))


def mae(actual: Floats, mean: Floats) -> float:
    """Mean absolute error, units."""
    return _mean(np.abs(actual - mean))


def bias(actual: Floats, mean: Floats) -> float:
    """Mean of forecast less actual, units; positive where too much is forecast."""
    return _mean(mean - actual)


def wape(actual: Floats, mean: Floats) -> float:
    """Sum of absolute errors over sum of demand; NaN where nothing was sold."""
    total = _mean(np.abs(actual))
    return mae(actual, mean) / total if total > 0 else float("nan")


def r2(actual: Floats, mean: Floats) -> float:
    """1 - squared errors over squared deviations from the mean of all actuals; NaN if constant."""
    spread = mse(actual, np.full_like(actual, _mean(actual)))
    return 1 - mse(actual, mean) / spread if spread > 0 else float("nan")


@dataclass(frozen=True)
class Scales:
    """How much each series changed in its history, from its first sale on; NaN if it never did.

    Attributes:
        squared: (N,) mean squared day to day change.
        absolute: (N,) mean absolute day to day change.
        seasonal: (N,) mean absolute change over a season: the seasonal naive's error.
    """

    squared: NDArray[np.float64]
    absolute: NDArray[np.float64]
    seasonal: NDArray[np.float64]

    @classmethod
    def of(cls, history: Floats, season: int = SEASON) -> Scales:
        """Scales of (N, T) demand before the days judged."""
        started = from_first_sale(history)
        changes = np.abs(np.diff(started, axis=1))
        seasonal = np.abs(started[:, season:] - started[:, :-season])
        means = (known_mean(np.square(changes)), known_mean(changes), known_mean(seasonal))
        return cls(*(np.where(mean > 0, mean, np.nan) for mean in means))


def series_rmsse(actual: Floats, mean: Floats, scales: Scales) -> NDArray[np.float64]:
    """(N,) root mean squared error over the root mean squared change (M5 guide, equation 1)."""
    return np.asarray(np.sqrt(known_mean(np.square(actual - mean)) / scales.squared))


def series_mase(actual: Floats, mean: Floats, scales: Scales) -> NDArray[np.float64]:
    """(N,) mean absolute error over the seasonal naive's.

    Hyndman and Koehler (2006), equation 3.3, with the seasonal naive of the M4 competition.
    """
    return np.asarray(known_mean(np.abs(actual - mean)) / scales.seasonal)


def series_pinball(
    actual: Floats, quantiles: Floats, levels: Sequence[float]
) -> NDArray[np.float64]:
    """(N,) pinball loss, mean over days and levels, units.

    Koenker and Bassett (1978): level * (y - q) if y >= q, else (1 - level) * (q - y).

    Args:
        actual: (N, H) demand that came.
        quantiles: (N, H, Q) forecast quantiles.
        levels: The Q levels.
    """
    total = np.zeros(actual.shape)
    for at, level in enumerate(levels):
        gap = actual - quantiles[..., at]
        total += np.maximum(level * gap, (level - 1) * gap)
    return known_mean(total / len(levels))


def rmsse(actual: Floats, mean: Floats, history: Floats | Scales) -> float:
    """Mean over series of the root mean squared scaled error.

    Args:
        actual: (N, H) demand that came.
        mean: (N, H) forecast.
        history: (N, T) demand before, or its scales. Series that never changed count nowhere.
    """
    return _mean(series_rmsse(actual, mean, _scales(history)))


def wrmsse(actual: Floats, mean: Floats, history: Floats | Scales, weight: Floats) -> float:
    """RMSSE weighted by (N,) `weight`, in M5 each series' sales in currency in the last 28 days."""
    return weighted_mean(series_rmsse(actual, mean, _scales(history)), weight)


def mase(actual: Floats, mean: Floats, history: Floats | Scales) -> float:
    """Mean over series of the mean absolute error over the seasonal naive's in the history."""
    return _mean(series_mase(actual, mean, _scales(history)))


def pinball(actual: Floats, quantiles: Floats, levels: Sequence[float]) -> float:
    """Mean pinball loss over days and levels, units; shapes as in `series_pinball`."""
    return weighted_mean(series_pinball(actual, quantiles, levels), _known_days(actual))


def wql(actual: Floats, quantiles: Floats, levels: Sequence[float]) -> float:
    """Weighted quantile loss: twice the pinball loss over all days over their demand.

    Salinas et al. (2020), "DeepAR", section 4.2 (rho-risk), mean over levels. NaN where nothing
    was sold.
    """
    demand = _mean(np.abs(actual))
    return 2 * pinball(actual, quantiles, levels) / demand if demand > 0 else float("nan")


def wspl(
    actual: Floats,
    quantiles: Floats,
    levels: Sequence[float],
    history: Floats | Scales,
    weight: Floats,
) -> float:
    """Weighted scaled pinball loss (M5 uncertainty guide, equations 1 and 2).

    Each series' pinball loss over its mean absolute day to day change, weighted by (N,) `weight`.
    """
    scaled = series_pinball(actual, quantiles, levels) / _scales(history).absolute
    return weighted_mean(scaled, weight)


def coverage(actual: Floats, low: Floats, high: Floats) -> float:
    """Share of days with low <= demand <= high."""
    inside = (low <= actual) & (actual <= high)
    return _mean(np.where(np.isnan(actual), np.nan, inside))


def point_score(
    actual: Floats, mean: Floats, history: Floats | Scales, weight: Floats | None = None
) -> dict[str, float]:
    """Every metric of point forecasts by name; `weight` (N,) as in `wrmsse`, equal if None."""
    scales = _scales(history)
    weight = np.ones(len(actual)) if weight is None else weight
    return {
        "mse": mse(actual, mean),
        "rmse": rmse(actual, mean),
        "mae": mae(actual, mean),
        "wape": wape(actual, mean),
        "r2": r2(actual, mean),
        "rmsse": rmsse(actual, mean, scales),
        "wrmsse": wrmsse(actual, mean, scales, weight),
        "mase": mase(actual, mean, scales),
        "bias": bias(actual, mean),
    }


def score(
    actual: Floats,
    mean: Floats,
    quantiles: Floats,
    levels: Sequence[float],
    history: Floats | Scales,
    weight: Floats | None = None,
) -> dict[str, float]:
    """Every metric by name; shapes as in the functions above, equal weights if None.

    Interval coverage is given as counted (`coverage_80`), which discrete demand overstates, and by
    the probability integral transform (`pit_80`).
    """
    weight = np.ones(len(actual)) if weight is None else weight
    scales = _scales(history)
    losses = series_pinball(actual, quantiles, levels)
    loss, demand = weighted_mean(losses, _known_days(actual)), _mean(np.abs(actual))
    return {
        **point_score(actual, mean, scales, weight),
        "pinball": loss,
        "wql": 2 * loss / demand if demand > 0 else float("nan"),
        "wspl": weighted_mean(losses / scales.absolute, weight),
        **interval_score(actual, quantiles, levels),
    }


def interval_score(actual: Floats, quantiles: Floats, levels: Sequence[float]) -> dict[str, float]:
    """Coverage of each central interval, counted (`coverage_80`) and by the transform (`pit_80`).

    Levels that were not forecast are interpolated (`quantiles_at`).
    """
    low, high = pit_bounds(actual, quantiles, levels, counts=bool(are_counts(actual.ravel())))
    scores = {}
    for nominal, between in INTERVALS.items():
        edges = quantiles_at(quantiles, levels, np.array(between))
        scores[f"coverage_{nominal}"] = coverage(actual, edges[..., 0], edges[..., 1])
        scores[f"pit_{nominal}"] = pit_coverage(low, high, between)
    return scores


def from_first_sale(history: Floats) -> Floats:
    """The history with NaN before each series' first sale."""
    started = np.maximum.accumulate(history > 0, axis=1)
    return np.asarray(np.where(started, history, np.nan))


def weighted_mean(values: Floats, weight: Floats) -> float:
    """Mean of the values that are not NaN by their weights; NaN where these are all zero."""
    usable = ~np.isnan(values)
    total = float(weight[usable].sum())
    return float((values[usable] * weight[usable]).sum() / total) if total > 0 else float("nan")


def _scales(history: Floats | Scales) -> Scales:
    return history if isinstance(history, Scales) else Scales.of(history)


def _known_days(actual: Floats) -> NDArray[np.float64]:
    return np.asarray((~np.isnan(actual)).sum(axis=-1), dtype=np.float64)


def _mean(values: Floats) -> float:
    return float(known_mean(np.asarray(values, dtype=np.float64).ravel()))
