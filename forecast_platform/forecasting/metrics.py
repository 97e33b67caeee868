"""Accuracy metrics over known demand: days without known demand (NaN) count nowhere.

Sources: Hyndman and Koehler (2006), "Another look at measures of forecast accuracy" (MAE, RMSE,
MASE); Kolassa and Schuetz (2007) (WAPE as MAD/Mean); Makridakis, Spiliotis and Assimakopoulos
(2022), "The M5 competition" (RMSSE, pinball). Arrays are (N, H): N series, H days.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecast_platform.models.base import known_mean

Floats = NDArray[np.floating[Any]]

INTERVALS = {50: (0.25, 0.75), 80: (0.1, 0.9), 90: (0.05, 0.95)}
"""Central intervals by their nominal coverage in per cent, and the levels they lie between."""

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


def rmsse(actual: Floats, mean: Floats, history: Floats) -> float:
    """Mean over series of the root mean squared scaled error (M5 guide, equation 1).

    Args:
        actual: (N, H) demand that came.
        mean: (N, H) forecast.
        history: (N, T) demand before, from each series' first sale on; its mean squared day to day
            change is the scale. Series that never changed count nowhere.
    """
    changes = known_mean(np.square(np.diff(from_first_sale(history), axis=1)))
    return _ratio(np.sqrt(known_mean(np.square(actual - mean))), np.sqrt(changes))


def mase(actual: Floats, mean: Floats, history: Floats, season: int = SEASON) -> float:
    """Mean over series of the mean absolute error over the seasonal naive's in the history.

    Hyndman and Koehler (2006), equation 3.3, with the seasonal naive of the M4 competition.
    """
    started = from_first_sale(history)
    naive = known_mean(np.abs(started[:, season:] - started[:, :-season]))
    return _ratio(known_mean(np.abs(actual - mean)), naive)


def pinball(actual: Floats, quantiles: Floats, levels: Sequence[float]) -> float:
    """Mean pinball loss over days and levels, units.

    Koenker and Bassett (1978): level * (y - q) if y >= q, else (1 - level) * (q - y).

    Args:
        actual: (N, H) demand that came.
        quantiles: (N, H, Q) forecast quantiles.
        levels: The Q levels.
    """
    level = np.asarray(levels)
    gap = actual[..., None] - quantiles
    return _mean(np.maximum(level * gap, (level - 1) * gap))


def coverage(actual: Floats, low: Floats, high: Floats) -> float:
    """Share of days with low <= demand <= high."""
    inside = (low <= actual) & (actual <= high)
    return _mean(np.where(np.isnan(actual), np.nan, inside))


def score(
    actual: Floats, mean: Floats, quantiles: Floats, levels: Sequence[float], history: Floats
) -> dict[str, float]:
    """Every metric by name; shapes as in the functions above."""
    at = {level: index for index, level in enumerate(levels)}
    scores = {
        "mse": mse(actual, mean),
        "rmse": rmse(actual, mean),
        "mae": mae(actual, mean),
        "wape": wape(actual, mean),
        "r2": r2(actual, mean),
        "rmsse": rmsse(actual, mean, history),
        "mase": mase(actual, mean, history),
        "bias": bias(actual, mean),
        "pinball": pinball(actual, quantiles, levels),
    }
    for nominal, (low, high) in INTERVALS.items():
        scores[f"coverage_{nominal}"] = coverage(
            actual, quantiles[..., at[low]], quantiles[..., at[high]]
        )
    return scores


def from_first_sale(history: Floats) -> Floats:
    """The history with NaN before each series' first sale."""
    started = np.cumsum(np.nan_to_num(history) > 0, axis=1) > 0
    return np.where(started, history, np.nan)


def _ratio(errors: Floats, scales: Floats) -> float:
    usable = scales > 0
    return _mean(errors[usable] / scales[usable])


def _mean(values: Floats) -> float:
    return float(known_mean(np.asarray(values, dtype=np.float64).ravel()))
