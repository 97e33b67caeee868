"""Trailing demand and price per plan line, gathered day by day from one wide array."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_EPOCH = dt.date(1970, 1, 1)
LOOK_BACK_DAYS = 90
"""Days of clean demand, up to and including the plan's day, that a plan rests on."""

_RECENT_DAYS = 7


@dataclass(frozen=True)
class History:
    """The look-back of N plan lines over S series.

    Attributes:
        demand: (T, S) units per day; NaN where unknown or not on offer.
        price: (T, S) currency per unit; NaN where unknown.
        series: (N,) column of each line.
        start: (N,) row of the first day of each line's look-back.
        first_day: Day of row 0.
    """

    demand: FloatArray
    price: FloatArray
    series: IntArray
    start: IntArray
    first_day: dt.date

    def days(self) -> Iterator[FloatArray]:
        """(N,) demand of each day of the look-back, oldest first."""
        flat, width = self.demand.ravel(), self.demand.shape[1]
        cell = self.start * width + self.series
        for step in range(LOOK_BACK_DAYS):
            yield flat.take(cell + step * width)

    def newest_price(self) -> FloatArray:
        """(N,) last known price of the look-back; NaN where none is known."""
        row = np.arange(self.price.shape[0])[:, None]
        known = np.maximum.accumulate(np.where(np.isfinite(self.price), row, -1), axis=0)
        at = known[self.start + LOOK_BACK_DAYS - 1, self.series]
        return np.where(at >= self.start, self.price[at, self.series], np.nan)

    def select(self, lines: NDArray[np.bool_]) -> History:
        """The look-backs of some lines."""
        return History(
            self.demand, self.price, self.series[lines], self.start[lines], self.first_day
        )


@dataclass(frozen=True)
class Trailing:
    """What the look-back says about each of N lines; means are 0 where nothing is known.

    Attributes:
        known_days: (N,) days of known demand.
        mean: (N,) mean demand on known days, units per day.
        std: (N,) standard deviation of it, units per day.
        price: (N,) newest known price, currency per unit; NaN where none is known.
        recent_days: (N,) days of known demand among the last 7.
        recent: (N,) demand on those, units.
    """

    known_days: FloatArray
    mean: FloatArray
    std: FloatArray
    price: FloatArray
    recent_days: FloatArray
    recent: FloatArray


def history(clean_demand: pl.DataFrame, lines: pl.DataFrame) -> History:
    """Gather the look-back of every line.

    Args:
        clean_demand: Columns `date`, `item_id`, `location_id`, `demand_units`, `price`; rows
            outside the look-backs are ignored.
        lines: Columns `date`, `item_id`, `location_id`.

    Returns:
        The look-backs, in the order of `lines`.
    """
    days = lines["date"].cast(pl.Int32).cast(pl.Int64).to_numpy()
    last = int(days.max(initial=0))
    first = int(days.min(initial=last)) - LOOK_BACK_DAYS + 1
    first_day, last_day = (_EPOCH + dt.timedelta(days=day) for day in (first, last))
    keys = lines.select("item_id", "location_id").unique().sort("item_id", "location_id")
    keys = keys.with_columns(series=pl.int_range(pl.len(), dtype=pl.Int64))
    on = ["item_id", "location_id"]
    span = (last - first + 1, keys.height)
    rows = clean_demand.filter(pl.col("date").is_between(first_day, last_day))
    rows = rows.select(*on, "date", "demand_units", "price").join(keys, on=on, how="inner")
    at = rows["date"].cast(pl.Int32).to_numpy() - first, rows["series"].to_numpy()

    def wide(name: str) -> FloatArray:
        values = np.full(span, np.nan)
        values[at] = rows[name].cast(pl.Float64).to_numpy()
        return values

    series = lines.select(on).join(keys, on=on, how="left", maintain_order="left")["series"]
    return History(
        demand=wide("demand_units"),
        price=wide("price"),
        series=series.to_numpy(),
        start=days - LOOK_BACK_DAYS + 1 - first,
        first_day=first_day,
    )


def trailing(look_back: History) -> Trailing:
    """Mean, spread and newest price over each line's look-back.

    Sums run day by day, so that a line's figures do not depend on the lines beside it.
    """
    count = look_back.series.shape[0]
    known, total, squares = np.zeros(count), np.zeros(count), np.zeros(count)
    known_before, total_before = known, total
    for step, demand in enumerate(look_back.days()):
        if step == LOOK_BACK_DAYS - _RECENT_DAYS:
            known_before, total_before = known.copy(), total.copy()
        is_known = np.isfinite(demand)
        value = np.where(is_known, demand, 0.0)
        known += is_known
        total += value
        squares += np.square(value)
    divisor = np.maximum(known, 1.0)
    mean = total / divisor
    variance = np.maximum(squares / divisor - np.square(mean), 0.0)
    return Trailing(
        known, mean, np.sqrt(variance), look_back.newest_price(),
        recent_days=known - known_before, recent=total - total_before,
    )  # fmt: skip
