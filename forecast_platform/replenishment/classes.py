"""ABC classes by annual value, XYZ by the variation of demand, and the life cycle."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_SERIES = ["item_id", "location_id"]
_WEEKS = 104
_NEW_WEEKS = 8
_ENDING_SHARE = 0.25
_WEEKS_BEFORE = 18
_SEASON_WEEKS = 4
_ALIKE = 0.6
_PEAK = 1.5


def abc_classes(lines: pl.DataFrame, cuts: tuple[float, float] = (0.8, 0.95)) -> pl.Series:
    """ABC class of every line among the lines of its date.

    Lines are ranked by value; those before which less than `cuts[0]` of the value lies are A,
    then B up to `cuts[1]`, then C. Ties are broken by item and location. Without any value all
    lines are C.

    Args:
        lines: Columns `date`, `item_id`, `location_id`, `annual_value` (currency per year; empty
            counts as none).
        cuts: Cumulative shares of value at which A and B end.

    Returns:
        "A", "B" or "C" per line, in the order of `lines`.
    """
    value = pl.col("annual_value").fill_nan(None).fill_null(0.0)
    ranked = (
        lines.select("date", "item_id", "location_id", value)
        .with_row_index("row")
        .sort(
            "date", "annual_value", "item_id", "location_id", descending=[False, True, False, False]
        )
        .with_columns(upto=pl.col("annual_value").cum_sum().over("date"))
        .with_columns(
            before=pl.col("upto").shift(1, fill_value=0.0).over("date"),
            total=pl.col("upto").last().over("date"),
        )
    )
    before, total = pl.col("before"), pl.col("total")
    named = (
        pl.when((total > 0) & (pl.col("annual_value") > 0) & (before < cuts[0] * total))
        .then(pl.lit("A"))
        .when((total > 0) & (pl.col("annual_value") > 0) & (before < cuts[1] * total))
        .then(pl.lit("B"))
        .otherwise(pl.lit("C"))
    )
    return ranked.with_columns(abc_class=named).sort("row")["abc_class"]


def xyz_classes(
    mean: pl.Series, std: pl.Series, cuts: tuple[float, float] = (0.5, 1.0)
) -> pl.Series:
    """XYZ class by the coefficient of variation of daily demand, std / mean.

    Args:
        mean: Mean demand per day, units.
        std: Its standard deviation, units.
        cuts: Largest coefficients of X and of Y.

    Returns:
        "X", "Y" or "Z" per value; Z where the mean is not positive.
    """
    frame = pl.DataFrame({"mean": mean, "std": std})
    known = pl.col("mean") > 0
    named = (
        pl.when(known & (pl.col("std") <= cuts[0] * pl.col("mean")))
        .then(pl.lit("X"))
        .when(known & (pl.col("std") <= cuts[1] * pl.col("mean")))
        .then(pl.lit("Y"))
        .otherwise(pl.lit("Z"))
    )
    return frame.select(named.alias("xyz_class"))["xyz_class"]


def weekly_demand(clean_demand: pl.LazyFrame) -> pl.LazyFrame:
    """Mean demand per day of every series and calendar week.

    Args:
        clean_demand: Columns `date`, `item_id`, `location_id`, `demand_units`.

    Returns:
        `item_id`, `location_id`, `week_end` (a Sunday) and `demand` (units per day on days of
        known demand; empty without), a row per week with a day on offer.
    """
    sunday = pl.col("date").dt.truncate("1w").dt.offset_by("6d")
    return clean_demand.group_by(*_SERIES, sunday.alias("week_end")).agg(
        # Floating-point sums depend on their order.
        demand=pl.col("demand_units").cast(pl.Float64).sort().mean()
    )


def with_life_cycle(
    lines: pl.DataFrame, weekly: pl.DataFrame, days: Sequence[dt.date]
) -> pl.DataFrame:
    """Add `life_cycle`, from the two years of whole weeks that end at or before a line's date.

    - new: first on offer in the last 8 weeks, and later than the shop's first week;
    - seasonal: the 13 four-week means of both years are known, correlate by .6 at least, and the
      highest is 1.5 times the mean at least;
    - end_of_life: the last 8 weeks sold a quarter, at most, of what the 18 before them did;
    - mature: all others.

    Args:
        lines: Columns `date`, `item_id`, `location_id`.
        weekly: Rows of `weekly_demand`.
        days: The dates of the lines.

    Returns:
        The lines in their order; those without a whole week are new.
    """
    week_of = {day: last_sunday(day) for day in days}
    classes = [_classes(weekly, sunday) for sunday in sorted(set(week_of.values()))]
    sunday = pl.col("date").replace_strict(week_of, return_dtype=pl.Date).alias("week_end")
    return (
        lines.with_columns(sunday)
        .join(pl.concat(classes), on=["week_end", *_SERIES], how="left", maintain_order="left")
        .with_columns(pl.col("life_cycle").fill_null("new"))
        .drop("week_end")
    )


def last_sunday(day: dt.date) -> dt.date:
    """The newest Sunday on or before a day: the end of its last whole week."""
    return day - dt.timedelta(days=(day.weekday() + 1) % 7)


def two_years(weekly: pl.DataFrame, sunday: dt.date) -> tuple[pl.DataFrame, FloatArray, BoolArray]:
    """Demand of the 104 weeks that end on a Sunday.

    Args:
        weekly: Rows of `weekly_demand`.
        sunday: End of the last week.

    Returns:
        The S series, sorted; (S, 104) units per day, oldest first, NaN where unknown; and (S, 104)
        whether there was a day on offer.
    """
    ago = ((pl.lit(sunday) - pl.col("week_end")).dt.total_days() // 7).alias("ago")
    rows = weekly.with_columns(ago).filter(pl.col("ago").is_between(0, _WEEKS - 1))
    keys = rows.select(_SERIES).unique().sort(_SERIES).with_row_index("series")
    at = rows.join(keys, on=_SERIES, how="left", maintain_order="left")["series"].to_numpy()
    week = _WEEKS - 1 - rows["ago"].to_numpy()
    demand, offered = np.full((keys.height, _WEEKS), np.nan), np.zeros((keys.height, _WEEKS), bool)
    demand[at, week] = rows["demand"].to_numpy()
    offered[at, week] = True
    return keys.select(_SERIES), demand, offered


def _classes(weekly: pl.DataFrame, sunday: dt.date) -> pl.DataFrame:
    keys, demand, offered = two_years(weekly, sunday)
    first = offered.argmax(axis=1)
    is_new = (first >= _WEEKS - _NEW_WEEKS) & (first > first.min(initial=_WEEKS))
    names = np.select(
        [is_new, is_seasonal(demand), _is_ending(demand)],
        ["new", "seasonal", "end_of_life"],
        "mature",
    )
    return keys.select(
        pl.lit(sunday).alias("week_end"), *_SERIES, pl.Series("life_cycle", names, pl.String)
    )


def known_mean(values: FloatArray) -> FloatArray:
    """Mean of the known values along the last axis; NaN without any."""
    known = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, values, 0.0).sum(axis=-1) / known.sum(axis=-1))


def is_seasonal(demand: FloatArray) -> BoolArray:
    """(S,) whether (S, 104) weekly demand has a season, as `with_life_cycle` says."""
    years = known_mean(demand.reshape(-1, 2, _WEEKS // 2 // _SEASON_WEEKS, _SEASON_WEEKS))
    with np.errstate(invalid="ignore", divide="ignore"):
        profile = years / years.mean(axis=2, keepdims=True) - 1
        one, two = profile[:, 0], profile[:, 1]
        alike = (one * two).sum(axis=1) / np.sqrt((one**2).sum(axis=1) * (two**2).sum(axis=1))
        return np.asarray((alike >= _ALIKE) & (1 + profile.mean(axis=1).max(axis=1) >= _PEAK))


def _is_ending(demand: FloatArray) -> BoolArray:
    recent = known_mean(demand[:, -_NEW_WEEKS:])
    before = known_mean(demand[:, -_NEW_WEEKS - _WEEKS_BEFORE : -_NEW_WEEKS])
    return np.asarray((before > 0) & (recent <= _ENDING_SHARE * before))
