"""Business days from text: which spellings are read, and why a row has no business day.

A spelling is read only if it means one day: 03/04/2011 does not, unless `mapping.yaml` names the
date format.
"""

from __future__ import annotations

import datetime as dt

import polars as pl

from forecast_platform.contracts import Table
from forecast_platform.contracts.derived import UNREADABLE_ROWS
from forecast_platform.text import filled

BROKEN_LINE = "unreadable_line"
"""Key under which `extra` keeps a line that cannot be split into the header's columns."""

_TIME = r"(?:[T ]\d{1,2}:\d{2}.*)?"
_YEAR_FIRST = rf"^(?<y>\d{{4}})[-/.](?<m>\d{{1,2}})[-/.](?<d>\d{{1,2}}){_TIME}$"
_COMPACT = r"^(?<y>\d{4})(?<m>\d{2})(?<d>\d{2})$"
_DOTTED = rf"^(?<d>\d{{1,2}})\.(?<m>\d{{1,2}})\.(?<y>\d{{4}}){_TIME}$"
_NAMED_MONTH = rf"^(\d{{1,2}}[ -][A-Za-z]+[ -]\d{{4}}){_TIME}$"
_ISO_WITH_TIME = r"^\d{4}-\d{2}-\d{2}[T ]\d{1,2}:\d{2}.*$"
_SLASHED = r"^\d{1,2}/\d{1,2}/\d{2,4}"


def parse_day(column: pl.Expr, date_format: str | None = None) -> pl.Expr:
    """Days from text: yyyy-mm-dd, yyyy/mm/dd, yyyymmdd, dd.mm.yyyy, 1 Feb 2011; time ignored.

    Args:
        column: Text column.
        date_format: strptime format that is tried first, for spellings that are ambiguous.

    Returns:
        A Date expression, null where the text names no day of the calendar or more than one.
    """
    return column.map_batches(lambda text: _days(text, date_format), return_dtype=pl.Date)


def _days(text: pl.Series, date_format: str | None) -> pl.Series:
    text = text.cast(pl.String)
    day = text.str.to_date(date_format or "%Y-%m-%d", strict=False)
    if day.null_count() == text.null_count():
        return day
    if date_format is None:
        # What databases write; nearly every text of a column differs from all others then.
        timed = pl.when(text.str.contains(_ISO_WITH_TIME)).then(text.str.head(10))
        day = day.fill_null(pl.select(timed).to_series().str.to_date("%Y-%m-%d", strict=False))
        if day.null_count() == text.null_count():
            return day
    # Files spell few distinct days, so the many spellings are tried on each distinct text once.
    cells = pl.DataFrame({"text": text})
    distinct = cells.filter(day.is_null()).drop_nulls().unique()
    spellings = _spellings(pl.col("text").str.strip_chars(), date_format)
    read = distinct.with_columns(day=pl.coalesce(spellings))
    joined = cells.join(read, on="text", how="left", maintain_order="left")
    return pl.select(pl.coalesce(pl.lit(day), joined["day"])).to_series()


def _spellings(text: pl.Expr, date_format: str | None) -> list[pl.Expr]:
    if date_format:
        declared = [
            text.str.to_date(date_format, strict=False),
            text.str.to_datetime(date_format, strict=False).dt.date(),
        ]
    else:
        declared = []
    named = text.str.extract(_NAMED_MONTH).str.replace_all("-", " ", literal=True)
    months = [named.str.to_date(f"%d %{month} %Y", strict=False) for month in "bB"]
    return declared + months + [_from_parts(text, p) for p in (_YEAR_FIRST, _COMPACT, _DOTTED)]


def _from_parts(text: pl.Expr, pattern: str) -> pl.Expr:
    parts = text.str.extract_groups(pattern).struct
    iso = pl.concat_str([parts.field(name) for name in "ymd"], separator="-")
    return iso.str.to_date("%Y-%m-%d", strict=False)


def split_undated(
    frame: pl.DataFrame, table: Table, first: dt.date, last: dt.date
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Find the rows of a daily table that no later stage will see, because no day holds them.

    Args:
        frame: Raw rows, with the business days that were read from them.
        table: Landed contract; a whole table has no undated rows.
        first: First business day accepted.
        last: Last business day accepted.

    Returns:
        All rows, with `business_day` null outside first..last; and the undated rows with their
        reasons, as the contract of `unreadable_rows` has them.
    """
    day = pl.col("business_day")
    undated = frame.filter(~day.is_between(first, last).fill_null(False))
    if table.day is None or undated.is_empty():
        return frame, _unreadable(frame.clear(), table, first)
    kept = frame.with_columns(pl.when(day.is_between(first, last)).then(day).alias("business_day"))
    return kept, _unreadable(undated, table, first)


def _unreadable(undated: pl.DataFrame, table: Table, first: dt.date) -> pl.DataFrame:
    text = pl.col(table.day or table.columns[0].name).str.strip_chars()
    day = pl.col("business_day")
    reason = (
        pl.when(pl.col("extra").str.starts_with(f'{{"{BROKEN_LINE}"'))
        .then(pl.lit("the line cannot be split into the columns of the header"))
        .when(text.fill_null("") == "")
        .then(pl.lit("date is missing"))
        .when(day.is_null() & text.str.contains(_SLASHED))
        .then(
            filled("date '{}' may be day/month or month/day: set date_format in mapping.yaml", text)
        )
        .when(day.is_null())
        .then(filled("date '{}' cannot be read: write it as yyyy-mm-dd", text))
        .when(day < first)
        .then(filled("date {} lies before the first business day, start_date of the settings", day))
        # No word of which day today is: landed again later, the row must read the same.
        .otherwise(filled("date {} lies after the last business day, end_date or today", day))
    )
    return undated.select(
        table_name=pl.lit(table.name),
        file="file",
        row_number="row_number",
        content=pl.struct(*table.column_names, "extra").struct.json_encode(),
        reasons=reason,
    ).select(UNREADABLE_ROWS.column_names)
