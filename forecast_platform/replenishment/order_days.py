"""Days on which suppliers take orders, and how long what is ordered then has to last."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from itertools import pairwise

import polars as pl

_ONE_DAY = dt.timedelta(days=1)
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def read_weekdays(text: str) -> str | None:
    """Weekdays as the plan has them, such as 'mon,thu'; None if the text is something else.

    Args:
        text: English names, whole or their first three letters, apart by commas or blanks.
    """
    words = [word[:3] for word in re.split(r"[\s,;/]+", text.strip().lower()) if word]
    names = [day for day in WEEKDAYS if day in words]
    return ",".join(names) if names and set(words) <= set(names) else None


def longest_gap(weekdays: str) -> int:
    """Most days between two order days of a week."""
    days = [WEEKDAYS.index(name) for name in weekdays.split(",")]
    return max(later - day for day, later in pairwise([*days, days[0] + 7]))


def with_order_days(lines: pl.DataFrame, country: str) -> pl.DataFrame:
    """Make lines last until what is ordered on the order day after the next can arrive.

    An order is sent the day after the line's day at the earliest, on one of the supplier's
    weekdays that is no public holiday.

    Args:
        lines: Columns `date`, `order_weekdays` (empty: any day), `lead_time_days`, `review_days`
            and `protection_days`.
        country: Country of the public holidays (ISO 3166).

    Returns:
        The lines in their order with `next_order_date` (empty: any day); where the supplier has
        weekdays, `review_days` runs from the day after the line's to the order day after the next,
        and `protection_days` is lead time plus that.
    """
    calendars = lines.select("date", "order_weekdays").unique().drop_nulls()
    if calendars.is_empty():
        return lines.with_columns(next_order_date=pl.lit(None, pl.Date))
    holidays = _holidays(country, calendars["date"])
    chances = []
    for day, weekdays in calendars.iter_rows():
        days = _order_days(day + _ONE_DAY, weekdays, holidays)
        first, second = next(days), next(days)
        chances.append((day, weekdays, first, (second - day).days - 1))
    schema = {"date": pl.Date, "order_weekdays": pl.String, "next_order_date": pl.Date,
              "until_next": pl.Int64}  # fmt: skip
    found = pl.DataFrame(chances, schema=schema, orient="row")
    return (
        lines.join(found, on=["date", "order_weekdays"], how="left", maintain_order="left")
        .with_columns(review_days=pl.coalesce("until_next", "review_days"))
        .with_columns(protection_days=pl.col("lead_time_days") + pl.col("review_days"))
        .drop("until_next")
    )


def _order_days(first: dt.date, weekdays: str, holidays: set[dt.date]) -> Iterator[dt.date]:
    """Order days from `first` on."""
    names, day = weekdays.split(","), first
    while True:
        if WEEKDAYS[day.weekday()] in names and day not in holidays:
            yield day
        day += _ONE_DAY


def _holidays(country: str, days: pl.Series) -> set[dt.date]:
    # Loads compiled code; few shops have suppliers with order days.
    from forecast_platform.features.calendar import holiday_days

    years = days.dt.year()
    return set(holiday_days(country, "", years.min(), years.max() + 1).tolist())  # type: ignore
