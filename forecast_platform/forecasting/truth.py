"""What came after an origin, and what forecasts of it are worth, per level, class and series."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from forecast_platform.errors import ModelError
from forecast_platform.forecasting.levels import SERIES, Level, levels_of
from forecast_platform.forecasting.metrics import (
    Scales,
    point_score,
    score,
    series_mase,
    series_pinball,
    series_rmsse,
)
from forecast_platform.models import Forecast
from forecast_platform.models.base import known_mean
from forecast_platform.panel import Panel

Floats = NDArray[np.floating[Any]]

WEIGHT_DAYS = 28
"""Days of sales by which series are weighted (M5 guide, section on WRMSSE)."""

CLASS_DAYS = 365
CLASS_CUTS = (0.8, 0.95)
"""ABC classes: before an A lies less than 80 % of the value of the last 365 days, a B 95 %."""


@dataclass(frozen=True)
class Truth:
    """One origin of one panel, with what its forecasts are judged by.

    Attributes:
        origin: Last day of data a forecast may use.
        items: (N,) item of each series.
        locations: (N,) location of each series.
        actual: (N, H) demand that came, NaN where unknown; H may be less than a forecast's.
        value: (N,) sales of the 28 days up to the origin, in currency, or in units without prices.
        abc: (N,) "A", "B" or "C".
        levels: The levels of aggregation.
        scales: Scales of each level's sums.
    """

    origin: dt.date
    items: NDArray[np.object_]
    locations: NDArray[np.object_]
    actual: Floats
    value: Floats
    abc: NDArray[np.object_]
    levels: tuple[Level, ...]
    scales: tuple[Scales, ...]

    @classmethod
    def of(cls, panel: Panel, origin: dt.date, horizon: int, prices: Floats | None = None) -> Truth:
        """The truth of one origin.

        Args:
            panel: Days up to the last actual.
            origin: A day of the panel before its last.
            horizon: Days ahead.
            prices: (N, T) or (N, 1) price in currency per unit; all series alike if None.
        """
        known = panel.until(origin)
        end = known.n_days
        recent = slice(max(0, end - CLASS_DAYS), end)
        sold = np.nan_to_num(known.demand[:, recent])
        if prices is not None:
            sold = sold * np.nan_to_num(prices[:, recent] if prices.shape[1] > 1 else prices)
        levels = levels_of(panel)
        return cls(
            origin=origin,
            items=panel.items,
            locations=panel.locations,
            actual=panel.demand[:, end : end + horizon],
            value=sold[:, -WEIGHT_DAYS:].sum(axis=1, dtype=np.float64),
            abc=abc_classes(sold.sum(axis=1, dtype=np.float64)),
            levels=levels,
            scales=tuple(Scales.of(level.sum(known.demand)) for level in levels),
        )

    def scores(self, forecast: Forecast) -> pl.DataFrame:
        """Columns level, metric, value: every metric per ABC class ("class A") and level.

        Intervals and quantiles are judged at item-location and per class; quantiles of a sum are
        not the sum of quantiles.
        """
        days = self.actual.shape[1]
        mean, quantiles = forecast.mean[0, :, :days], forecast.quantiles[0, :, :days]
        found: dict[str, dict[str, float]] = {}
        for level, scales in zip(self.levels, self.scales, strict=True):
            if level.name == SERIES:
                found[SERIES] = score(
                    self.actual, mean, quantiles, forecast.levels, scales, self.value
                )
                found |= self._class_scores(mean, quantiles, forecast.levels, scales)
            else:
                judged = np.where(np.isnan(self.actual), np.nan, mean)
                found[level.name] = point_score(
                    level.sum(self.actual), level.sum(judged), scales, level.sum(self.value)
                )
        rows = [(level, *row) for level, scores in found.items() for row in scores.items()]
        return pl.DataFrame(
            rows, schema={"level": pl.String, "metric": pl.String, "value": pl.Float64},
            orient="row",
        )  # fmt: skip

    def by_series(self, forecast: Forecast) -> pl.DataFrame:
        """One row per series with known demand: mean demand and forecast, errors, fallback."""
        days = self.actual.shape[1]
        mean = forecast.mean[0, :, :days]
        scales = self.scales[[level.name for level in self.levels].index(SERIES)]
        frame = pl.DataFrame(
            {
                "item_id": pl.Series(self.items.tolist(), dtype=pl.String),
                "location_id": pl.Series(self.locations.tolist(), dtype=pl.String),
                "abc_class": pl.Series(self.abc.tolist(), dtype=pl.String),
                "actual": known_mean(self.actual),
                "forecast": known_mean(np.where(np.isnan(self.actual), np.nan, mean)),
                "mae": known_mean(np.abs(self.actual - mean)),
                "rmsse": series_rmsse(self.actual, mean, scales),
                "mase": series_mase(self.actual, mean, scales),
                "pinball": series_pinball(
                    self.actual, forecast.quantiles[0, :, :days], forecast.levels
                ),
                "fallback_reason": pl.Series(forecast.fallback_reason[0].tolist(), dtype=pl.String),
            }
        )
        return frame.filter(pl.col("actual").is_not_nan())

    def _class_scores(
        self, mean: Floats, quantiles: Floats, levels: Sequence[float], scales: Scales
    ) -> dict[str, dict[str, float]]:
        scores = {}
        for name in np.unique(self.abc):
            of = self.abc == name
            mine = Scales(scales.squared[of], scales.absolute[of], scales.seasonal[of])
            scores[f"class {name}"] = score(
                self.actual[of], mean[of], quantiles[of], levels, mine, self.value[of]
            )
        return scores


def truths(
    panel: Panel, origins: Sequence[dt.date], horizon: int, prices: Floats | None = None
) -> dict[dt.date, Truth]:
    """The truth of each origin, oldest first; arguments as for `Truth.of`.

    Raises:
        ModelError: If an origin has no known demand after it, or lies outside the panel.
    """
    origins = sorted(origins)
    if not origins or origins[0] < panel.first_day or origins[-1] >= panel.last_day:
        raise ModelError(
            f"A backtest needs origins from {panel.first_day} to before {panel.last_day}, the days "
            f"with known demand, and got {[str(origin) for origin in origins]}: ask for fewer "
            "origins or land a longer history."
        )
    return {origin: Truth.of(panel, origin, horizon, prices) for origin in origins}


def abc_classes(value: Floats, cuts: tuple[float, float] = CLASS_CUTS) -> NDArray[np.object_]:
    """(N,) class of each series by (N,) value, ties by order; C where there is none."""
    order = np.argsort(-value, kind="stable")
    before = np.empty(len(value))
    before[order] = np.concatenate([[0.0], np.cumsum(value[order])[:-1]]) if len(value) else []
    total = value.sum()
    share = before / total if total > 0 else np.ones(len(value))
    names = np.array(["A", "B", "C"], dtype=object)
    return np.asarray(names[np.where(value > 0, np.searchsorted(cuts, share, side="right"), 2)])
