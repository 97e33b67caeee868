"""What a source of any kind can be asked, and how its rows become the columns of a contract."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import polars as pl

from forecast_platform.connect.config import Feed
from forecast_platform.contracts import landed_table
from forecast_platform.errors import LandingError


class SourceError(LandingError):
    """A source cannot be reached, refuses, or answers something else than rows."""


@dataclass(frozen=True)
class Extent:
    """What a dated table of a source holds, of the accepted business days up to the present.

    Args:
        first: First of these days, None if there is no row.
        last: Last of these days.
        watermark: Newest change, as text that the source itself understands.
        changed: Business days of rows that changed since the watermark that was asked about.
        ahead: Newest day of a row, if it is later than these days.
        whole: Whether one answer brought all rows, so that each of its days is read again.
    """

    first: dt.date | None = None
    last: dt.date | None = None
    watermark: str | None = None
    changed: Sequence[dt.date] = field(default_factory=tuple)
    ahead: dt.date | None = None
    whole: bool = False


class Reader(Protocol):
    """One opened source; all rows come as text, under their own column names."""

    def columns(self, table: str) -> list[str]:
        """Their columns of what feeds a landed table; none if nothing tells (no row yet)."""

    def extent(self, table: str, since: str | None) -> Extent:
        """What there is, and what changed since a watermark less the feed's overlap."""

    def days(self, table: str, days: Sequence[dt.date]) -> Iterator[tuple[dt.date, pl.DataFrame]]:
        """The rows of each of the sorted `days`; days without rows may be left out."""

    def whole(self, table: str) -> pl.DataFrame:
        """All rows of a table that has no days."""

    def close(self) -> None:
        """Give back what the source lent."""


def wanted(table: str, feed: Feed, theirs: Iterable[str]) -> dict[str, str]:
    """Their columns that are read, with our names: the renamed ones and those named as ours.

    Raises:
        SourceError: If a column that the configuration names is not there, or a required one.
    """
    there = list(theirs)
    named = [*feed.columns, *([feed.watermark] if feed.watermark else [])]
    if missing := [name for name in named if name not in there]:
        raise SourceError(
            f"{table}: the source has no column {missing}; it has {there}. Mend `columns` or "
            "`watermark` in sources.yaml."
        )
    ours = landed_table(table)
    taken = set(feed.columns.values())
    found = {name: name for name in there if name in ours.column_names and name not in taken}
    found = {
        **{name: own for name, own in found.items() if name not in feed.columns},
        **feed.columns,
    }
    required = {column.name for column in ours.columns if column.required}
    if lacking := sorted(required - {*found.values()}):
        raise SourceError(
            f"{table}: nothing gives the columns {lacking}; the source has {there}. Name theirs "
            "under `columns` in sources.yaml."
        )
    return found


def landed_form(rows: pl.DataFrame, table: str, names: dict[str, str]) -> pl.DataFrame:
    """Rows under our names, in the contract's order of columns, sorted: same rows, same bytes."""
    ours = [name for name in landed_table(table).column_names if name in names.values()]
    theirs = {own: name for name, own in names.items()}
    chosen = [
        (pl.col(theirs[own]) if theirs[own] in rows.columns else pl.lit(None))
        .cast(pl.String)
        .alias(own)
        for own in ours
    ]
    return rows.select(chosen).sort(ours)
