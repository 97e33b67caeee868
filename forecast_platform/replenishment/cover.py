"""How long stock lasts under the forecast: days of cover and the expected stock-out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

MAX_COVER_DAYS = 999.0
"""Cover reported for stock that lasts longer, or that nobody is expected to buy."""


@dataclass(frozen=True)
class DailyForecast:
    """Expected demand of N lines over the next H days.

    Attributes:
        mean: (N, H) units per day; NaN beyond a line's own horizon or where invalid.
        days: (N,) days forecast.
        valid: (N,) True where days 1 .. `days` are all there, finite and not negative.
    """

    mean: FloatArray
    days: IntArray
    valid: NDArray[np.bool_]

    @property
    def horizon(self) -> int:
        """H, at least 1."""
        return int(self.mean.shape[1])


def daily_forecast(lines: pl.DataFrame, forecasts: pl.DataFrame) -> DailyForecast:
    """Forecast means of every line, day by day.

    Args:
        lines: Columns `date`, `item_id`, `location_id`.
        forecasts: Columns `origin`, `item_id`, `location_id`, `horizon` (from 1), `mean`.

    Returns:
        The means, in the order of `lines`.
    """
    keys = lines.select(pl.col("date").alias("origin"), "item_id", "location_id").with_row_index(
        "line"
    )
    rows = forecasts.select("origin", "item_id", "location_id", "horizon", "mean").join(
        keys, on=["origin", "item_id", "location_id"], how="inner"
    )
    line, day = rows["line"].to_numpy(), rows["horizon"].to_numpy().astype(np.int64)
    mean = np.full((lines.height, int(day.max(initial=1))), np.nan)
    mean[line, day - 1] = rows["mean"].cast(pl.Float64).to_numpy()
    days = np.bincount(line, minlength=lines.height).astype(np.int64)
    with np.errstate(invalid="ignore"):
        good = np.isfinite(mean) & (mean >= 0)
    inside = np.arange(mean.shape[1]) < days[:, None]
    valid = (days > 0) & np.all(good | ~inside, axis=1)
    return DailyForecast(mean, days, valid)


def days_of_cover(stock: FloatArray, forecast: DailyForecast) -> FloatArray:
    """Days, with fractions, until expected demand has used up `stock`.

    Beyond the horizon demand goes on at its average over the horizon.

    Args:
        stock: (N,) units; below zero counts as none.
        forecast: N lines.

    Returns:
        (N,) days, at most 999; NaN where the forecast is not valid.
    """
    lines = np.arange(stock.shape[0])
    stock = np.maximum(stock, 0.0)
    upto = np.cumsum(forecast.mean, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        full = np.count_nonzero(upto <= stock[:, None], axis=1)
        last = np.maximum(forecast.days - 1, 0)
        total = upto[lines, last]
        within = full < forecast.days
        at = np.minimum(full, forecast.horizon - 1)
        before = np.where(full > 0, upto[lines, np.maximum(full - 1, 0)], 0.0)
        inside = full + (stock - before) / forecast.mean[lines, at]
        beyond = np.where(
            total > 0, forecast.days + (stock - total) * forecast.days / total, MAX_COVER_DAYS
        )
        cover = np.minimum(np.where(within, inside, beyond), MAX_COVER_DAYS)
    return np.where(forecast.valid, cover, np.nan)


def stockout_in(
    available: FloatArray, on_order: FloatArray, receipts: FloatArray, forecast: DailyForecast
) -> FloatArray:
    """Days until the first day on which expected demand exceeds stock and dated receipts.

    Args:
        available: (N,) units on hand and not reserved.
        on_order: (N,) units of all dated receipts.
        receipts: (N, M) units that arrive 1 .. M days later, at opening.
        forecast: N lines.

    Returns:
        (N,) whole days from 1; NaN where stock lasts 999 days or the forecast is not valid.
    """
    span = min(receipts.shape[1], forecast.horizon)
    arrived = np.zeros_like(forecast.mean)
    arrived[:, :span] = receipts[:, :span]
    stock = np.maximum(available, 0.0)[:, None] + np.cumsum(arrived, axis=1)
    with np.errstate(invalid="ignore"):
        short = np.cumsum(forecast.mean, axis=1) > stock
    first = np.where(short.any(axis=1), short.argmax(axis=1) + 1.0, np.nan)
    later = days_of_cover(np.maximum(available, 0.0) + on_order, forecast)
    beyond = np.where(later < MAX_COVER_DAYS, np.floor(later) + 1.0, np.nan)
    return np.where(forecast.valid, np.where(np.isnan(first), beyond, first), np.nan)
