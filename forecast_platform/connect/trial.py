"""Trying each source without writing anything: what is there, what fits, what is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from forecast_platform.connect.config import Feed, RestSource, SqlSource, load_sources
from forecast_platform.connect.pull import opened
from forecast_platform.connect.reader import Reader, wanted
from forecast_platform.contracts import landed_table
from forecast_platform.errors import PlatformError
from forecast_platform.settings import Settings


@dataclass(frozen=True)
class Tried:
    """What trying one table of a source found.

    Args:
        what: Source and table.
        ok: Whether a pull would work.
        told: What was found, or what is wrong and what to do.
    """

    what: str
    ok: bool
    told: str


def try_sources(settings: Settings) -> list[Tried]:
    """Try every table of every source; nothing where there is no sources.yaml.

    What keeps them from being read is told as an entry of the list, never raised.
    """
    try:
        sources = load_sources(settings.sources_path)
    except PlatformError as error:
        return [Tried(settings.sources_path.name, False, str(error))]
    return [tried for name, one in sources.items() for tried in try_source(name, one, settings)]


def try_source(name: str, source: SqlSource | RestSource, settings: Settings) -> list[Tried]:
    """Try every table of a source."""
    try:
        with opened(name, source, settings) as reader:
            return [_tried(reader, name, table, feed) for table, feed in source.tables.items()]
    except PlatformError as error:
        return [Tried(name, False, str(error))]


def _tried(reader: Reader, name: str, table: str, feed: Feed) -> Tried:
    what = f"{name}.{table}"
    try:
        theirs = reader.columns(table)
        if not theirs:
            return Tried(what, True, "reached, but it has no rows yet")
        names = wanted(table, feed, theirs)
        known = landed_table(table).column_names
        missing = [column for column in known if column not in names.values()]
        told = [f"{len(names)} of {len(known)} columns matched"]
        if missing:
            told.append(f"without the optional {', '.join(missing)}")
        return Tried(what, True, "; ".join([*told, *_rows(reader, table)]))
    except PlatformError as error:
        return Tried(what, False, str(error))


def _rows(reader: Reader, table: str) -> list[str]:
    """Sentences about the rows; of a table with days, those of the newest day."""
    if landed_table(table).day is None:
        return [f"{reader.whole(table).height:,} rows"]
    extent = reader.extent(table, None)
    ahead = [f"newest row dated {extent.ahead}"] if extent.ahead else []
    if extent.last is None:
        return ["no rows yet", *ahead]
    newest = [rows.height for _, rows in islice(reader.days(table, [extent.last]), 1)]
    told = [f"days {extent.first} to {extent.last}", f"{sum(newest):,} rows on the last", *ahead]
    return [*told, f"newest change {extent.watermark}"] if extent.watermark else told
