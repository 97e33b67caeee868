"""From a source to landing files: one file per source and business day, or one per source.

Which days are read: those with a row that changed since the newest watermark of the last pull less
the overlap, those not read yet, and the newest days, which shows what was deleted. A day read again
replaces its file, so its earlier rows are replaced; a day without rows any more becomes a file with
a header only. What remains to be read is on disk: a pull that was broken off goes on.
"""

from __future__ import annotations

import datetime as dt
import importlib
import os
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
from forecast_platform.sources.pseudonyms import key_of, protect, require_key
from forecast_platform.sources.writing import LandingWriter
from forecast_platform.storage import Place, lock

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
    """

    table: str
    rows: int = 0
    days: int = 0
    files: int = 0
    watermark: str | None = None


@contextmanager
def opened(name: str, source: SqlSource | RestSource, settings: Settings) -> Iterator[Reader]:
    """A source, connected on first use.

    Raises:
        ConfigurationError: If a secret is missing or the optional libraries are.
    """
    reader: Reader
    if isinstance(source, SqlSource):
        from forecast_platform.connect.sql import SqlReader

        reader = SqlReader(name, source, settings.timezone)
    else:
        _load_dlt()
        from forecast_platform.connect.rest import RestReader

        today = dt.datetime.now(settings.zone).date()
        last = min(today, settings.end_date or today)
        reader = RestReader(name, source, settings.start_date, last)
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
        state = self._plan(self.state.read(self.table), again_from)
        for day, rows in _ahead(self._rows(state.remaining)):
            self._write(done, self._file(day), rows)
            done.days += 1
            state.remaining = [left for left in state.remaining if left > day]
            self.state.write(self.table, state)
        state.remaining = []
        self.state.write(self.table, state)
        done.watermark = state.watermark
        return done

    def _plan(self, known: FeedState, again_from: dt.date | None) -> FeedState:
        """Decide which days to read, and write that down before any is read."""
        extent = self.reader.extent(self.table, known.watermark)
        days = {day for day in extent.changed if day >= self.settings.start_date}
        days |= {*self._newest(known, extent, again_from), *known.remaining}
        last = max((day for day in (known.last, extent.last) if day), default=None)
        planned = FeedState(extent.watermark, last, sorted(days))
        self.state.write(self.table, planned)
        return planned

    def _newest(
        self, known: FeedState, extent: Extent, again_from: dt.date | None
    ) -> Iterator[dt.date]:
        """Days not read yet and those before them that are read again."""
        ends = [day for day in (known.last, extent.last) if day]
        if not ends:
            return
        window = dt.timedelta(days=self.feed.reread_days)
        # Before the first pull there is nothing to read again: all days are new.
        day = known.last - window + ONE_DAY if known.last else extent.first or max(ends)
        day = max(min(day, again_from or day), self.settings.start_date)
        while day <= max(ends):
            yield day
            day += ONE_DAY

    def _rows(self, days: list[dt.date]) -> Iterator[_Day]:
        """Rows of every day in order; those of an emptied day are none."""
        due = iter(list(days))
        for day, rows in self.reader.days(self.table, list(days)):
            yield from self._emptied(due, day)
            yield day, rows
        yield from self._emptied(due, None)

    def _emptied(self, due: Iterator[dt.date], until: dt.date | None) -> Iterator[_Day]:
        for day in due:
            if day == until:
                return
            path = self._path(self._file(day))
            if path.exists():
                yield day, pl.read_parquet(path.open("rb")).clear()

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
