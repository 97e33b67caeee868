"""Covariates known in advance: position in week, month and year, holidays, events.

Belongs here: everything that may be known for days to come. Does not belong here: anything that
depends on sales or prices.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import polars as pl
from numpy.typing import NDArray

from forecast_platform.panel import FloatArray

Days = NDArray[np.datetime64]

CAP_DAYS = 14
"""Days beyond which a holiday or event is simply far away."""

PAYDAY_KINDS = frozenset({"snap", "payday", "benefit"})
"""Kinds of calendar entries that say when households are paid; too frequent to be events."""


@dataclass(frozen=True)
class SeriesCalendar:
    """Calendar covariates of the locations, and the location of each series.

    Attributes:
        location: (N,) row of each series in `values`.
        values: By covariate (D,) or (L, D) float32.
    """

    location: NDArray[np.intp]
    values: Mapping[str, FloatArray]

    def of_series(self) -> dict[str, FloatArray]:
        """By covariate (D,) where all series agree, else (N, D)."""
        return {n: v if v.ndim == 1 else v[self.location] for n, v in self.values.items()}

    def of_rows(self, day: NDArray[np.intp], series: NDArray[np.intp]) -> dict[str, FloatArray]:
        """By covariate the values at (day, series), for any number of rows."""
        n_days = len(self.values["day_of_week"])
        cell = self.location[series] * n_days + day
        return {n: v[day] if v.ndim == 1 else v.reshape(-1)[cell] for n, v in self.values.items()}


def series_calendar(
    first: dt.date,
    last: dt.date,
    keys: pl.DataFrame,
    locations: pl.DataFrame,
    events: pl.DataFrame,
    country: str = "US",
) -> SeriesCalendar:
    """Calendar covariates for the series of `keys` (`location_id` in each of N rows)."""
    used = keys["location_id"].unique().sort()
    places = used.to_frame().join(locations, on="location_id", how="left", maintain_order="left")
    location = keys["location_id"].cast(pl.Enum(used)).to_physical().to_numpy().astype(np.intp)
    return SeriesCalendar(location, calendar_covariates(first, last, places, events, country))


def calendar_covariates(
    first: dt.date,
    last: dt.date,
    locations: pl.DataFrame,
    events: pl.DataFrame,
    country: str = "US",
) -> dict[str, FloatArray]:
    """Calendar, holidays and events of each location with their lead and lag.

    Args:
        first: First day.
        last: Last day.
        locations: L rows with `country` (ISO 3166) and `region`, either may be empty. A region
            that is no holiday subdivision has its country's holidays; a country that the
            `holidays` package does not know has none.
        events: Columns `date`, `kind`, `region`; an event without region concerns all locations.
        country: Country of locations that name none.

    Returns:
        By column of the `features` contract: (D,) float32 where all locations agree, else (L, D),
        in the order of `locations`.
    """
    days = np.arange(np.datetime64(first, "D"), np.datetime64(last, "D") + 1)
    places = locations.select(
        pl.col("country").fill_null("").replace("", country), pl.col("region").fill_null("")
    )
    distinct = places.unique(maintain_order=True)
    of_place = {
        place: _of_place(
            days, holiday_days(*place, first.year - 1, last.year + 1), events, place[1]
        )
        for place in distinct.rows()
    }
    covariates = _of_days(days)
    for name in _PLACE_COLUMNS:
        rows = [of_place[place][name] for place in places.rows()]
        covariates[name] = (
            rows[0] if distinct.height == 1 else np.array(rows).reshape(len(rows), len(days))
        )
    return covariates


@lru_cache(maxsize=4096)
def holiday_days(country: str, region: str, first_year: int, last_year: int) -> Days:
    """Sorted public holidays of a country or of its subdivision, all days of the years given."""
    from holidays import country_holidays

    years = range(first_year, last_year + 1)
    for subdivision in dict.fromkeys((region or None, None)):
        try:
            found = country_holidays(country, subdiv=subdivision, years=years, expand=False)
        except NotImplementedError:
            continue
        return np.array(sorted(found), dtype="datetime64[D]")
    return np.array([], dtype="datetime64[D]")


_PLACE_COLUMNS = (
    "is_holiday",
    "days_to_holiday",
    "days_since_holiday",
    "is_event",
    "days_to_event",
    "days_since_event",
    "event_kinds",
    "is_payday",
)


def _of_days(days: Days) -> dict[str, FloatArray]:
    months = days.astype("datetime64[M]")
    years = days.astype("datetime64[Y]")
    year_start = years.astype("datetime64[D]")
    year_days = ((years + 1).astype("datetime64[D]") - year_start).astype(int)
    angle = 2 * np.pi * (days - year_start).astype(int) / year_days
    covariates = {
        # 1970-01-01 was a Thursday.
        "day_of_week": (days.astype(int) + 3) % 7,
        "day_of_month": (days - months.astype("datetime64[D]")).astype(int) + 1,
        "annual_sin": np.sin(angle),
        "annual_cos": np.cos(angle),
    }
    return {name: values.astype(np.float32) for name, values in covariates.items()}


def _of_place(
    days: Days, holidays: Days, events: pl.DataFrame, region: str
) -> dict[str, FloatArray]:
    here = events.filter(pl.col("region").fill_null("").is_in(["", region])).select(
        "date", kind=pl.col("kind").fill_null("event").str.to_lowercase()
    )
    is_payday = pl.col("kind").is_in(list(PAYDAY_KINDS))
    special = _sorted_days(here.filter(~is_payday))
    kinds = here.unique().group_by("date").len().sort("date")
    covariates = {
        **_lead_and_lag(days, holidays, "holiday"),
        **_lead_and_lag(days, special, "event"),
        "event_kinds": np.zeros(len(days)),
        "is_payday": np.isin(days, _sorted_days(here.filter(is_payday))),
    }
    at = np.searchsorted(days, kinds["date"].to_numpy())
    inside = np.isin(kinds["date"].to_numpy(), days)
    covariates["event_kinds"][at[inside]] = kinds["len"].to_numpy()[inside]
    return {name: values.astype(np.float32) for name, values in covariates.items()}


def _sorted_days(events: pl.DataFrame) -> Days:
    return events["date"].unique().sort().to_numpy().astype("datetime64[D]")


def _lead_and_lag(days: Days, marked: Days, noun: str) -> dict[str, NDArray[np.float64]]:
    """Days to the next and since the last marked day, capped."""
    far = np.timedelta64(CAP_DAYS, "D")
    padded = np.concatenate(([days[0] - far], marked, [days[-1] + far]))
    padded.sort()
    following = padded[np.searchsorted(padded, days, side="left")]
    previous = padded[np.searchsorted(padded, days, side="right") - 1]
    return {
        f"is_{noun}": np.isin(days, marked).astype(float),
        f"days_to_{noun}": np.minimum((following - days).astype(int), CAP_DAYS).astype(float),
        f"days_since_{noun}": np.minimum((days - previous).astype(int), CAP_DAYS).astype(float),
    }
