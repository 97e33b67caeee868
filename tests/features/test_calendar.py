"""Covariates known in advance, against dates anyone can look up."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest
from clean_cases import NO_EVENTS

from forecast_platform.features import calendar_covariates


def places(*rows: tuple[str | None, str | None]) -> pl.DataFrame:
    return pl.DataFrame(
        [(f"L{n}", *row) for n, row in enumerate(rows)],
        schema={"location_id": pl.String, "country": pl.String, "region": pl.String},
        orient="row",
    )


def events(*rows: tuple[dt.date, str, str | None]) -> pl.DataFrame:
    return pl.DataFrame(
        [(day, kind, kind, region) for day, kind, region in rows],
        schema=NO_EVENTS.schema,
        orient="row",
    )


US = places(("US", None))


def test_position_in_week_and_month() -> None:
    found = calendar_covariates(dt.date(2024, 2, 28), dt.date(2024, 3, 1), US, NO_EVENTS)

    assert found["day_of_week"].tolist() == [2, 3, 4]
    assert found["day_of_month"].tolist() == [28, 29, 1]


@pytest.mark.parametrize("year", [2023, 2024])
def test_the_year_is_a_circle(year: int) -> None:
    found = calendar_covariates(dt.date(year, 1, 1), dt.date(year + 1, 1, 1), US, NO_EVENTS)

    assert (found["annual_sin"][0], found["annual_cos"][0]) == (0, 1)
    assert found["annual_sin"][-1] == found["annual_sin"][0]
    assert found["annual_cos"].argmin() in (182, 183)


def test_lead_and_lag_of_a_holiday() -> None:
    # Independence Day; the neighbouring holidays are more than 14 days away.
    found = calendar_covariates(dt.date(2023, 7, 1), dt.date(2023, 7, 20), US, NO_EVENTS)

    assert np.flatnonzero(found["is_holiday"]).tolist() == [3]
    assert found["days_to_holiday"].tolist() == [3, 2, 1, 0] + [14] * 16
    assert found["days_since_holiday"].tolist() == [12, 13, 14, *range(15), 14, 14]


def test_lead_and_lag_reach_beyond_the_days_asked_for() -> None:
    eve = dt.date(2023, 12, 31)

    found = calendar_covariates(eve, eve, US, NO_EVENTS)

    assert found["days_to_holiday"].tolist() == [1]
    assert found["days_since_holiday"].tolist() == [6]


def test_each_country_has_its_holidays_and_each_region_its_own() -> None:
    # Epiphany is a holiday in Bavaria, not in Berlin; 3 October in all of Germany.
    where = places(("DE", "BY"), ("DE", "BE"), ("GB", None))

    first = calendar_covariates(dt.date(2023, 1, 6), dt.date(2023, 1, 6), where, NO_EVENTS)
    third = calendar_covariates(dt.date(2023, 10, 3), dt.date(2023, 10, 3), where, NO_EVENTS)

    assert first["is_holiday"].tolist() == [[1], [0], [0]]
    assert third["is_holiday"].tolist() == [[1], [1], [0]]


def test_an_unknown_region_has_its_countrys_holidays_and_an_unknown_country_none() -> None:
    where = places(("US", "Atlantis"), ("Atlantis", None))

    found = calendar_covariates(dt.date(2023, 7, 4), dt.date(2023, 7, 4), where, NO_EVENTS)

    assert found["is_holiday"].tolist() == [[1], [0]]


def test_a_location_without_country_has_the_default_one() -> None:
    bastille = dt.date(2023, 7, 14)

    found = calendar_covariates(bastille, bastille, places((None, None)), NO_EVENTS, country="FR")

    assert found["is_holiday"].tolist() == [1]


def test_events_concern_their_region_or_all() -> None:
    first, last = dt.date(2023, 8, 1), dt.date(2023, 8, 4)
    fairs = events((dt.date(2023, 8, 2), "fair", "TX"), (dt.date(2023, 8, 4), "final", None))

    found = calendar_covariates(first, last, places(("US", "TX"), ("US", "CA")), fairs)

    assert found["is_event"].tolist() == [[0, 1, 0, 1], [0, 0, 0, 1]]
    assert found["days_to_event"].tolist() == [[1, 0, 1, 0], [3, 2, 1, 0]]
    assert found["days_since_event"].tolist() == [[14, 0, 1, 0], [14, 14, 14, 0]]


def test_paydays_are_told_apart_from_events_and_kinds_are_counted() -> None:
    on = dt.date(2023, 8, 2)
    both = events((on, "SNAP", "TX"), (on, "Sporting", None), (on, "Cultural", None))

    found = calendar_covariates(on, on + dt.timedelta(days=1), places(("US", "TX")), both)

    assert found["is_payday"].tolist() == [1, 0]
    assert found["is_event"].tolist() == [1, 0]
    assert found["event_kinds"].tolist() == [3, 0]


def test_a_payday_is_no_event() -> None:
    on = dt.date(2023, 8, 2)

    found = calendar_covariates(on, on, US, events((on, "payday", None)))

    assert (found["is_payday"].item(), found["is_event"].item()) == (1, 0)
    assert found["days_to_event"].item() == 14


def test_locations_that_agree_share_one_row() -> None:
    found = calendar_covariates(
        dt.date(2023, 7, 4), dt.date(2023, 7, 5), places(("US", "TX"), ("US", "TX")), NO_EVENTS
    )

    assert {values.shape for values in found.values()} == {(2,)}
    assert {values.dtype for values in found.values()} == {np.dtype(np.float32)}
