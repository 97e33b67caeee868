"""A Postgres database as a source: read only, in the shop's time zone, rows streamed by COPY.

Each statement sees one state of the database, so a day is never half of one commit. The newest
watermark is asked before the rows, so what is committed in between is seen by the next pull.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import polars as pl
import psycopg2
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import SQLAlchemyError

from forecast_platform.connect.config import SqlFeed, SqlSource
from forecast_platform.connect.copying import copied
from forecast_platform.connect.reader import Extent, SourceError, landed_form, wanted
from forecast_platform.contracts import landed_table
from forecast_platform.lake.days import ONE_DAY, spans

if TYPE_CHECKING:
    from sqlalchemy import FromClause

_CONNECT_SECONDS = 10


class SqlReader:
    """One database.

    Args:
        name: Of the source, for messages.
        source: Its part of sources.yaml.
        timezone: Name of the zone whose days are business days.
        span: First and last business day that an extent tells of.

    Raises:
        ConfigurationError: If its address is not set or is no Postgres address.
    """

    def __init__(
        self, name: str, source: SqlSource, timezone: str, span: tuple[dt.date, dt.date]
    ) -> None:
        self._name = name
        self._span = span
        self._feeds = source.tables
        self._engine = _engine(name, source.address.read(), timezone)
        self._columns: dict[str, list[str]] = {}

    def columns(self, table: str) -> list[str]:
        """Their columns of what feeds a landed table."""
        if table not in self._columns:
            origin = _origin(self._feeds[table])
            with self._connected(table) as connection:
                result = connection.execute(sa.select(sa.text("*")).select_from(origin).limit(0))
                self._columns[table] = list(result.keys())
        return self._columns[table]

    def extent(self, table: str, since: str | None) -> Extent:
        """First and last day, newest watermark, and the days changed since one."""
        feed = self._feeds[table]
        self._wanted(table)
        start, end = (sa.cast(sa.literal(day), sa.Date) for day in self._span)
        oldest: sa.ColumnElement[Any] = sa.cast(sa.func.min(self._day(table)), sa.Date)
        newest: sa.ColumnElement[Any] = sa.cast(sa.func.max(self._day(table)), sa.Date)
        ends: sa.Select[Any] = sa.select(
            sa.case((newest >= start, sa.func.greatest(oldest, start))),
            sa.case((newest.between(start, end), newest)),
            sa.cast(_not_to_come(feed), sa.Text),
            # Postgres has years beyond 9999, and days without end.
            sa.case((newest > end, sa.func.least(newest, sa.cast(dt.date.max, sa.Date)))),
        ).select_from(_origin(feed))
        with self._connected(table) as connection:
            found: Sequence[Any] = connection.execute(ends).one()
            first, last, mark, ahead = found
            if ahead:
                until = sa.select(newest).where(_within(self._day(table), *self._span))
                last = connection.execute(until.select_from(_origin(feed))).scalar()
            changed = self._changed(connection, table, since) if since and feed.watermark else []
        return Extent(first if last else None, last, mark or since, changed, ahead)

    def _changed(self, connection: sa.Connection, table: str, since: str) -> list[dt.date]:
        """Days with a row that changed since; all days where that lies in the future."""
        feed, day = self._feeds[table], self._day(table)
        # The database itself reads its text back, whatever the column's type.
        told = sa.cast(sa.literal(since), sa.DateTime(timezone=True))
        start = told - sa.literal(dt.timedelta(minutes=feed.overlap_minutes), sa.Interval)
        touched = (
            sa.select(sa.cast(day, sa.Date)).distinct().select_from(_origin(feed))
            .where(_within(day, *self._span))
            .where((sa.column(feed.watermark or "") >= start) | (told > sa.func.now()))
        )  # fmt: skip
        return sorted(connection.execute(touched).scalars())

    def days(self, table: str, days: Sequence[dt.date]) -> Iterator[tuple[dt.date, pl.DataFrame]]:
        """The rows of each of the sorted `days` that has any; a day's rows are held, no more."""
        names = self._wanted(table)
        day = self._day(table)
        for first, last in spans(days):
            chunks = self._stream(table, list(names), _within(day, first, last))
            for found, rows in _by_day(chunks):
                yield found, landed_form(rows, table, names)

    def whole(self, table: str) -> pl.DataFrame:
        """All rows of a table that has no days."""
        names = self._wanted(table)
        parts = list(self._stream(table, list(names), None))
        return landed_form(pl.concat(parts) if parts else _empty(names), table, names)

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def _wanted(self, table: str) -> dict[str, str]:
        return wanted(table, self._feeds[table], self.columns(table))

    def _day(self, table: str) -> sa.ColumnElement[Any]:
        return sa.column(self._feeds[table].theirs(landed_table(table).day or ""))

    def _stream(
        self, table: str, names: list[str], within: sa.ColumnElement[bool] | None
    ) -> Iterator[pl.DataFrame]:
        """Chunks of rows as text, with the business day as `_day` and ordered by it."""
        columns: list[sa.ColumnElement[Any]] = [
            sa.cast(sa.column(name), sa.Text).label(name) for name in names
        ]
        query = sa.select(*columns).select_from(_origin(self._feeds[table]))
        if within is None:
            # Never an empty line, not even for one column of empty texts.
            query = query.add_columns(sa.literal_column("'-'").label("_day"))
        else:
            day = sa.cast(self._day(table), sa.Date)
            query = query.add_columns(sa.cast(day, sa.Text).label("_day")).where(within)
            query = query.order_by(day)
        # Percent signs are none of parameters: there are none.
        dialect = postgresql.dialect(paramstyle="named")  # type: ignore[no-untyped-call]
        text = str(query.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
        try:
            with closing(self._engine.raw_connection()) as connection:
                yield from copied(connection.cursor(), text, [*names, "_day"])
        except (SQLAlchemyError, psycopg2.Error, pl.exceptions.PolarsError) as error:
            raise self._refusal(table, error) from error

    @contextmanager
    def _connected(self, table: str) -> Iterator[sa.Connection]:
        try:
            with self._engine.connect() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise self._refusal(table, error) from error

    def _refusal(self, table: str, error: Exception) -> SourceError:
        said = str(getattr(error, "orig", None) or error).strip().splitlines()[0].rstrip(".")
        return SourceError(
            f"{self._name}.{table} cannot be read from {_shown(self._engine.url)}: {said}. Start "
            "the database, or mend the source's address, names and rights."
        )


def _engine(name: str, address: str, timezone: str) -> sa.Engine:
    try:
        url = sa.make_url(address)
    except SQLAlchemyError:
        url = sa.URL.create("none")
    if url.get_backend_name() not in ("postgresql", "postgres"):
        raise SourceError(
            f"The address of source {name} should be postgresql://user:password@host/name; "
            "set it so where sources.yaml says it stands."
        )
    session = f"-ctimezone={timezone} -cdatestyle=ISO -cclient_encoding=UTF8 "
    session += "-cdefault_transaction_read_only=on"
    said = url.query.get("options", "")
    options = f"{said if isinstance(said, str) else ' '.join(said)} {session}".strip()
    url = url.set(drivername="postgresql+psycopg2").update_query_dict(
        {"options": options, "connect_timeout": str(_CONNECT_SECONDS)}
    )
    return sa.create_engine(url)


def _shown(url: sa.URL) -> str:
    """Host and database, and nothing that may be secret."""
    host = url.host or url.query.get("host", "this machine")
    return f"{url.database} at {host}"


def _origin(feed: SqlFeed) -> FromClause:
    """What is read; names are quoted, so that none of them can be a piece of SQL."""
    if feed.query:
        return sa.text(f"({feed.query.replace(':', chr(92) + ':')}\n) AS source")  # type: ignore[return-value]
    schema, _, table = (feed.table or "").rpartition(".")
    return sa.table(
        sa.quoted_name(table, quote=True),
        schema=sa.quoted_name(schema, quote=True) if schema else None,
    )


def _within(day: sa.ColumnElement[Any], first: dt.date, last: dt.date) -> sa.ColumnElement[bool]:
    """On the bare column, so that an index serves; both ends are midnights of the zone."""
    return (day >= first.isoformat()) & (day < (last + ONE_DAY).isoformat())


def _not_to_come(feed: SqlFeed) -> sa.ColumnElement[Any]:
    """The newest watermark; the present where that lies in the future and would hide changes."""
    if not feed.watermark:
        return sa.null()
    mark: sa.ColumnElement[Any] = sa.func.max(sa.column(feed.watermark))
    return sa.case((mark > sa.func.now(), sa.func.now()), else_=mark)


def _by_day(chunks: Iterator[pl.DataFrame]) -> Iterator[tuple[dt.date, pl.DataFrame]]:
    """Rows ordered by `_day` in chunks, as the rows of one whole day after the other."""
    held: list[pl.DataFrame] = []
    for chunk in chunks:
        for part in chunk.partition_by("_day", maintain_order=True):
            if held and held[0].item(0, "_day") != part.item(0, "_day"):
                yield _joined(held)
                held = []
            held.append(part)
    if held:
        yield _joined(held)


def _joined(parts: list[pl.DataFrame]) -> tuple[dt.date, pl.DataFrame]:
    return dt.date.fromisoformat(parts[0].item(0, "_day")), pl.concat(parts).drop("_day")


def _empty(names: dict[str, str]) -> pl.DataFrame:
    return pl.DataFrame(schema=dict.fromkeys(names, pl.String))
