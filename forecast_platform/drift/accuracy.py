"""Rows of `accuracy_drift` from rows of `accuracy`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import numpy as np
import polars as pl

from forecast_platform.contracts.drift import ACCURACY_DRIFT
from forecast_platform.drift.changes import Floats, level_windows
from forecast_platform.drift.groups import CATEGORY, LOCATION, Group, split, with_category
from forecast_platform.graph import ACCURACY_DAYS
from forecast_platform.lake.schema import conform, polars_schema

_BACK = ACCURACY_DAYS - 1
_PARTS = 10_000


def accuracy_drift(
    accuracy: pl.LazyFrame, products: pl.DataFrame, days: Sequence[dt.date]
) -> pl.DataFrame:
    """Rows of `accuracy_drift` of consecutive days; groups without a judged forecast have none.

    Args:
        accuracy: Rows of `accuracy` from 181 days before the first of `days` to the last.
        products: Validated products.
        days: Consecutive days, in order.
    """
    first = days[0] - dt.timedelta(_BACK)
    held = _BACK + len(days)
    rows = _summed(accuracy, products)
    day = (rows["date"] - first).dt.total_days().to_numpy()
    wrong, most = rows["wrong"].to_numpy(), rows["most"].to_numpy()
    parts = [polars_schema(ACCURACY_DRIFT).to_frame()]
    for group, at in split(rows):
        errors, possible = (np.bincount(day[at], part[at], held) for part in (wrong, most))
        error = np.where(possible > 0, errors / np.where(possible > 0, possible, 1), np.nan)
        judged = np.bincount(day[at], minlength=held)[_BACK:] > 0
        parts.append(_rows(group, error, days).filter(pl.Series(judged)))
    return pl.concat(parts).sort(ACCURACY_DRIFT.key)


def _summed(accuracy: pl.LazyFrame, products: pl.DataFrame) -> pl.DataFrame:
    """Absolute errors, and forecasts plus actuals, by day, category and location.

    In whole ten-thousandths of a unit: their sums do not depend on the order of rows.
    """
    actual, mean = (pl.col(name).cast(pl.Float64) for name in ("actual", "mean"))
    return (
        with_category(accuracy, products)
        .select(
            "date", CATEGORY, LOCATION,
            wrong=((mean - actual).abs() * _PARTS).round().cast(pl.Int64),
            most=((mean + actual) * _PARTS).round().cast(pl.Int64),
        )
        .group_by("date", CATEGORY, LOCATION).agg(pl.col("wrong", "most").sum())
        .collect()
    )  # fmt: skip


def out_of_band(rows: pl.DataFrame, band: float) -> pl.DataFrame:
    """Rows of `accuracy_drift` whose error rose beyond the band: `rise` says by what share.

    Args:
        rows: Rows of `accuracy_drift`.
        band: Share by which the error of a level may exceed that before it.
    """
    rise = pl.col("level_error") / pl.col("before_error") - 1
    return rows.with_columns(rise=rise).filter(pl.col("rise") > band)


def _rows(group: Group, error: Floats, days: Sequence[dt.date]) -> pl.DataFrame:
    windows = level_windows(error)
    frame = pl.DataFrame(
        {
            "date": days,
            "error": error[_BACK:],
            "weeks": windows.weeks,
            "level_error": windows.mean,
            "before_error": windows.before,
            "spread": windows.spread,
        }
    ).with_columns(pl.col(pl.Float64).fill_nan(None))
    told = {name: pl.lit(value, pl.String) for name, value in group._asdict().items()}
    return conform(frame.with_columns(**told), ACCURACY_DRIFT)
