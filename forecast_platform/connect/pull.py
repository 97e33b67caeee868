"""From a source to landing files: one file per source and business day, or one per source.

Which days are read: those with a row that changed since the newest watermark of the last pull less
the overlap, those not read yet, and the newest days, which shows what was deleted. A day read again
replaces its file, so its earlier rows are replaced; a day without rows any more becomes a file with
a header only. What remains to be read is on disk: a pull that was broken off goes on. Days are read
up to the last one that landing accepts: a row dated later waits for its day.
"""

from __future__ import annotations

import datetime as dt
import importlib
import os
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TypeAlias

import polars as pl
from filelock import FileLock, Timeout

from forecast_platform import progress
from forecast_platform.connect.config import Feed, RestSource, SqlSource, load_sources
from forecast_platform.connect.reader import Extent, Reader, SourceError
from forecast_platform.connect.state import FeedState, SourceState
from forecast_platform.contracts import landed_table
from forecast_platform.errors import ConfigurationError
from forecast_platform.lake.days import ONE_DAY
from forecast_platform.settings import Settings
from forecast_platform.sources.listing import accepted_days, business_day
from forecast_platform.sources.pseudonyms import key_of, protect, require_key
from forecast_platform.sources.writing import LandingWriter
from forecast_platform.storage import Place, children, lock

_Day: TypeAlias = tuple[dt.date, pl.DataFrame]
"""A business day and its rows."""


@dataclass
class Pulled:
    """What a pull of one table did.

    Args:
        table: Landed table.
        rows: Rows in the files read.
        days: Business days read; 0 for a table without days.
        files: Files written, the others had the same rows already.
        watermark: Newest change seen, None where the source tells none.
        ahead: Newest day of rows that were left because landing accepts no day so late.
    """

    table: str
    rows: int = 0
    days: int = 0
    files: int = 0
    watermark: str | None = None
    ahead: dt.date | None = None


@contextmanager
def opened(name: str, source: SqlSource | RestSource, settings: Settings) -> Iterator[Reader]:
    """A source, connected on first use.

    Raises:
        ConfigurationError: If a secret is missing or the optional libraries are.
    """
    reader: Reader
    first, last = accepted_days(settings, time.time())
    span = first, min(business_day(settings, time.time()), last)
    if isinstance(source, SqlSource):
        from forecast_platform.connect.sql import SqlReader

        reader = SqlReader(name, source, settings.timezone, span)
    else:
        _load_dlt()
        from forecast_platform.connect.rest import RestReader

        reader = RestReader(name, source, span)
    try:
        yield reader
    finally:
        reader.close()


def _load_dlt() -> None:
    """Load the library that reads web services, and keep it from telling its makers about it."""
    os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
    try:
        importlib.import_module("dlt")
    except ImportError as error:
        raise ConfigurationError(
            'Web services need one more library: install "forecast-platform[connect]".'
        ) from error


def configured(settings: Settings, name: str | None = None) -> dict[str, SqlSource | RestSource]:
    """The sources of sources.yaml, or the one of that name.

    Raises:
        ConfigurationError: If there is none, or none of that name.
    """
    sources = load_sources(settings.sources_path)
    if not sources:
        raise ConfigurationError(
            f"{settings.sources_path} names no source: write one as docs/sources.md shows, or set "
            "sources_file."
        )
    if name is None:
        return sources
    if name not in sources:
        raise ConfigurationError(
            f"{settings.sources_path} has no source {name!r}; it has {[*sources]}."
        )
    return {name: sources[name]}


def pull(settings: Settings, name: str, again_from: dt.date | None = None) -> list[Pulled]:
    """Read what is new or changed in a source and write it into the landing folder.

    Args:
        settings: The settings that name the folders.
        name: Of the source.
        again_from: Read every day from this one on, whatever was read before.

    Raises:
        ConfigurationError: If there is no such source, or it is not set up.
        SourceError: If it cannot be read; what was read before is kept.
        LandingError: If a file cannot be written.
    """
    source = configured(settings, name)[name]
    state = SourceState(settings.stored("sources"), name)
    with _alone(settings, name), opened(name, source, settings) as reader:
        return [
            _Feeding(reader, name, table, feed, state, settings).pull(again_from)
            for table, feed in source.tables.items()
        ]


@contextmanager
def _alone(settings: Settings, name: str) -> Iterator[None]:
    """No other pull of the source: one on this machine is told of, one elsewhere waited for."""
    folder = settings.home / "sources"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        here = FileLock(folder / f"{name}.lock").acquire(timeout=0)
    except Timeout as error:
        raise SourceError(
            f"Source {name} is being pulled already: wait until that has ended."
        ) from error
    elsewhere = settings.storage and lock(settings.storage / f"sources/{name}.lock")
    with here, elsewhere or nullcontext():
        yield


@dataclass
class _Feeding:
    """One table of one source on its way into the landing folder."""

    reader: Reader
    name: str
    table: str
    feed: Feed
    state: SourceState
    settings: Settings

    def pull(self, again_from: dt.date | None) -> Pulled:
        progress.tell(f"{self.name}: {self.table}")
        done = Pulled(self.table)
        if landed_table(self.table).is_personal:
            require_key(landed_table(self.table), key_of(self.settings))
        if landed_table(self.table).day is None:
            self._write(done, f"{self.name}.parquet", self.reader.whole(self.table))
            return done
        known, stored, today = self.state.read(self.table), self._stored(), self._today
        if known.last and known.last > today:
            # A day to come says nothing about those before it: all are read, as at first.
            known.last = None
        extent = self.reader.extent(self.table, known.watermark)
        done.watermark, accepted = extent.watermark, self._last_accepted
        if extent.ahead and extent.ahead > accepted:
            done.ahead = extent.ahead
        days = {*self._days(known, extent, again_from), *extent.changed, *known.remaining}
        days = {day for day in days if self.settings.start_date <= day <= accepted}
        # A day to come is read again once it has a file, which shows its deletes.
        days |= {day for day in stored if day > today}
        state = self._plan(known, extent, sorted(days))
        for day, rows in _ahead(self._rows(sorted(days), stored)):
            self._write(done, self._file(day), rows)
            done.days += 1
            if state.remaining:
                state.remaining = [left for left in state.remaining if left > day]
                self.state.write(self.table, state)
        if state.remaining:
            state.remaining = []
            self.state.write(self.table, state)
        return done

    def _plan(self, known: FeedState, extent: Extent, days: list[dt.date]) -> FeedState:
        """Write down which days are to be read before any is read."""
        ends = [min(day, self._last_accepted) for day in (known.last, extent.last) if day]
        # What one answer brought whole is asked for whole again: nothing of it remains.
        planned = FeedState(extent.watermark, max(ends, default=None), [] if extent.whole else days)
        self.state.write(self.table, planned)
        return planned

    def _days(
        self, known: FeedState, extent: Extent, again_from: dt.date | None
    ) -> Iterator[dt.date]:
        """Days not read yet and those before them that are read again."""
        ends = [day for day in (known.last, extent.last) if day]
        if ends:
            # Before the first pull there is nothing to read again: all days are new.
            first = extent.first or max(ends)
            if known.last:
                newest = known.last - dt.timedelta(days=self.feed.reread_days - 1)
                first = min(first, newest) if extent.whole else newest
            first = max(min(first, again_from or first), self.settings.start_date)
            yield from _between(first, max(ends))
        if extent.ahead:
            tomorrow = self._today + ONE_DAY
            yield from _between(tomorrow, min(extent.ahead, self._last_accepted))

    def _rows(self, days: list[dt.date], stored: set[dt.date]) -> Iterator[_Day]:
        """Rows of every day in order; those of an emptied day are none."""
        due = iter(days)
        for day, rows in self.reader.days(self.table, days):
            yield from self._emptied(due, day, stored)
            yield day, rows
        yield from self._emptied(due, None, stored)

    def _emptied(
        self, due: Iterator[dt.date], until: dt.date | None, stored: set[dt.date]
    ) -> Iterator[_Day]:
        for day in due:
            if day == until:
                return
            if day in stored:
                yield day, pl.read_parquet(self._path(self._file(day)).open("rb")).clear()

    @property
    def _today(self) -> dt.date:
        return business_day(self.settings, time.time())

    @property
    def _last_accepted(self) -> dt.date:
        return accepted_days(self.settings, time.time())[1]

    def _stored(self) -> set[dt.date]:
        """Days that have a file."""
        name = re.compile(rf"{self.name}-(\d{{4}}-\d\d-\d\d)\.parquet")
        files = map(name.fullmatch, (p.name for p in children(self.settings.landing / self.table)))
        return {dt.date.fromisoformat(file[1]) for file in files if file}

    def _file(self, day: dt.date) -> str:
        return f"{self.name}-{day}.parquet"

    def _path(self, file: str) -> Place:
        return self.settings.landing / self.table / file

    def _write(self, done: Pulled, file: str, rows: pl.DataFrame) -> None:
        """Write a file unless it holds the same rows: its time then stays what it was."""
        done.rows += rows.height
        contract, key = landed_table(self.table), key_of(self.settings)
        if contract.is_personal and key is not None:
            rows = protect(rows, contract, key)
        if _same(self._path(file), rows):
            return
        LandingWriter(self.settings.landing).write(self.table, file, rows)
        done.files += 1


def _between(first: dt.date, last: dt.date) -> Iterator[dt.date]:
    return (first + number * ONE_DAY for number in range((last - first).days + 1))


def _ahead(days: Iterator[_Day]) -> Iterator[_Day]:
    """The same days, each read while the one before it is being written."""
    with ThreadPoolExecutor(1, "read") as reading:
        following = reading.submit(next, days, None)
        while (day := following.result()) is not None:
            following = reading.submit(next, days, None)
            yield day


def _same(path: Place, rows: pl.DataFrame) -> bool:
    try:
        with path.open("rb") as file:
            return pl.read_parquet(file).equals(rows)
    except (OSError, pl.exceptions.PolarsError):
        return False
