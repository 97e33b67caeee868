"""A spelling is read as a day only if it means one; every row without a day has its reason."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast_platform.contracts import landed_table, raw
from forecast_platform.contracts.derived import UNREADABLE_ROWS
from forecast_platform.lake import conform, polars_schema
from forecast_platform.sources import parse_day, split_undated

SALES = landed_table("sales")
DAY = dt.date(2011, 2, 1)


def days(*texts: str | None, date_format: str | None = None) -> list[dt.date | None]:
    frame = pl.DataFrame({"date": texts}, schema={"date": pl.String})
    return frame.select(parse_day(pl.col("date"), date_format)).to_series().to_list()


@pytest.mark.parametrize(
    "text",
    [
        "2011-02-01", "2011-2-1", " 2011-02-01 ", "2011-02-01 08:26:00", "2011-02-01T08:26:00.5Z",
        "2011-02-01 00:00:00.000000", "2011/02/01", "2011.02.01", "20110201", "01.02.2011",
        "1.2.2011 08:26", "1 Feb 2011", "01-Feb-2011", "1 February 2011", "01-FEB-2011",
    ],
)  # fmt: skip
def test_spellings_of_one_day(text: str) -> None:
    assert days(text) == [DAY]
    assert days("2024-05-01", text, None, text) == [dt.date(2024, 5, 1), DAY, None, DAY]


@pytest.mark.parametrize(
    "text",
    [
        None, "", " ", "yesterday", "NaN", "2011-02-30", "2011-13-01", "31.04.2011", "20110230",
        "03/04/2011", "1/2/11", "12011-02-01", "2011-02-01x", "2011-02-01 x", "40575", "2011-02",
        "1 Feb", "32 Feb 2011", "0000-00-00",
    ],
)  # fmt: skip
def test_spellings_of_no_day(text: str | None) -> None:
    assert days(text) == [None]
    assert days("2024-05-01", text) == [dt.date(2024, 5, 1), None]


@pytest.mark.parametrize(
    ("date_format", "text"),
    [
        ("%d/%m/%Y", "01/02/2011"),
        ("%m/%d/%Y", "2/1/2011"),
        ("%m/%d/%Y %H:%M", "2/1/2011 8:26"),
        ("%d.%m.%y", "01.02.11"),
        ("%d/%m/%Y", "2011-02-01"),
        ("%d/%m/%Y", "1 Feb 2011"),
    ],
)
def test_a_declared_format_settles_what_is_ambiguous(date_format: str, text: str) -> None:
    assert days(text, "31/31/2011", date_format=date_format) == [DAY, None]


@given(st.lists(st.dates(dt.date(1000, 1, 1)) | st.none(), max_size=20))
def test_iso_days_round_trip(expected: list[dt.date | None]) -> None:
    assert days(*(str(day) if day else None for day in expected)) == expected


def test_every_undated_row_has_its_reason() -> None:
    texts = {
        "2024-01-05": None,
        None: "date is missing",
        "03/04/2024": "date '03/04/2024' may be day/month or month/day: "
        "set date_format in mapping.yaml",
        "soon": "date 'soon' cannot be read: write it as yyyy-mm-dd",
        "1999-12-31": "date 1999-12-31 lies before the first business day, "
        "start_date of the settings",
        "2999-01-01": "date 2999-01-01 lies after the last business day, end_date or today",
    }  # fmt: skip
    rows = pl.DataFrame({"date": texts.keys()}, schema={"date": pl.String})
    rows = rows.with_row_index("row_number", 1).with_columns(
        business_day=parse_day(pl.col("date")), file=pl.lit("a.csv"), checksum=pl.lit("c")
    )
    missing = [c for c in raw(SALES).column_names if c not in rows.columns]
    frame = conform(rows.with_columns(pl.lit(None).alias(c) for c in missing), raw(SALES))

    kept, unreadable = split_undated(frame, SALES, dt.date(2024, 1, 1), dt.date(2024, 12, 31))

    assert kept.drop("business_day").equals(frame.drop("business_day"))
    assert kept["business_day"].to_list() == [dt.date(2024, 1, 5), *[None] * 5]
    assert unreadable["row_number"].to_list() == [2, 3, 4, 5, 6]
    assert unreadable["reasons"].to_list() == list(texts.values())[1:]
    assert conform(unreadable, UNREADABLE_ROWS).schema == polars_schema(UNREADABLE_ROWS)
    assert '"date":"soon"' in unreadable["content"][2]
