"""Seasonal naive: next Monday sells what last Monday sold.

Hyndman and Athanasopoulos, Forecasting: Principles and Practice (3rd ed.), section 5.2. The
quantiles come from each series' own errors k weeks ahead, k = 1..4.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from forecast_platform.contracts import QUANTILES
from forecast_platform.models.base import (
    NOT_TRAINED,
    Floats,
    Progress,
    Reasons,
    WindowForecaster,
    known_mean,
    known_quantiles,
    windows,
)
from forecast_platform.models.drivers import Parts, around_level

if TYPE_CHECKING:
    from forecast_platform.panel import Panel

WEEKS = 4
MIN_ERRORS = 28
"""With fewer known errors a series takes the errors of all series, in units of its mean."""


class SeasonalNaive(WindowForecaster):
    """Last known value of the same weekday, at most eight weeks old."""

    name = "seasonal_naive"
    context_days = 56

    def __init__(self) -> None:
        super().__init__()
        self._spread: NDArray[np.float64] = np.zeros((0, WEEKS, len(QUANTILES)))
        self._pooled: NDArray[np.float64] = np.zeros((WEEKS, len(QUANTILES)))

    def _fit(self, panel: Panel, seed: int, progress: Progress | None) -> None:
        demand = panel.demand
        scale = np.maximum(known_mean(demand), 1e-9)[:, None]
        self._spread = np.full((panel.n_series, WEEKS, len(QUANTILES)), np.nan)
        self._pooled = np.zeros((WEEKS, len(QUANTILES)))
        for week in range(1, WEEKS + 1):
            errors = demand[:, 7 * week :] - demand[:, : -7 * week]
            enough = (~np.isnan(errors)).sum(axis=1) >= MIN_ERRORS
            self._spread[enough, week - 1] = known_quantiles(errors[enough], QUANTILES)
            pool = (errors / scale)[~np.isnan(errors)]
            if pool.size:
                self._pooled[week - 1] = known_quantiles(pool, QUANTILES)
            if week == 1:
                self.autocorrelation = lag_one(errors / scale)

    def _predict(
        self, panel: Panel, origins: Sequence[dt.date], horizon: int
    ) -> tuple[Floats, Floats, Reasons]:
        window = windows(panel, origins, self.context_days)
        level = known_mean(window)
        mean = _repeated(window, horizon)
        spread = self._spread_of(panel, np.nan_to_num(level))
        day = np.arange(horizon)
        quantiles = mean[..., None] + spread[..., np.minimum(day // 7, WEEKS - 1), :]
        reasons = np.full(level.shape, None, dtype=object)
        reasons[:, self.rows_of(panel) < 0] = NOT_TRAINED
        reasons[np.isnan(level)] = f"no known demand in the last {self.context_days} days"
        return mean, quantiles, reasons

    def _drivers(self, panel: Panel, origin: dt.date, horizon: int) -> Parts:
        window = windows(panel, [origin], self.context_days)
        return around_level(window[0], _repeated(window, horizon)[0])

    def _spread_of(self, panel: Panel, level: NDArray[np.float64]) -> NDArray[np.float64]:
        """(O, N, weeks, Q) quantiles of the error, in units."""
        rows = self.rows_of(panel)
        own = np.full((len(rows), *self._pooled.shape), np.nan)
        own[rows >= 0] = self._spread[rows[rows >= 0]]
        pooled = level[..., None, None] * self._pooled
        return np.where(np.isnan(own), pooled, own)

    def _save(self, folder: Path) -> None:
        np.savez(folder / "spread.npz", spread=self._spread, pooled=self._pooled)

    def _load(self, folder: Path) -> None:
        with np.load(folder / "spread.npz") as arrays:
            self._spread, self._pooled = arrays["spread"], arrays["pooled"]


def _repeated(window: Floats, horizon: int) -> NDArray[np.float64]:
    """(O, N, H) the newest known value of the weekday in windows (O, N, T), or their mean."""
    level = known_mean(window)
    point = np.full((*level.shape, 7), np.nan)
    for week in np.moveaxis(window.reshape(*level.shape, window.shape[-1] // 7, 7), 2, 0):
        point = np.where(np.isnan(week), point, week)
    point = np.where(np.isnan(point), np.nan_to_num(level)[..., None], point)
    return np.asarray(point[..., np.arange(horizon) % 7])


def lag_one(errors: Floats) -> float:
    """Lag-1 autocorrelation of errors (N, T), pooled over series, within [0, 0.95]."""
    now, before = errors[:, 1:], errors[:, :-1]
    both = ~np.isnan(now) & ~np.isnan(before)
    power = float(np.square(now[both], dtype=np.float64).sum())
    product = float((now[both].astype(np.float64) * before[both]).sum())
    return min(max(product / power, 0.0), 0.95) if power > 0 else 0.0
