"""SQLite event log that stores a batch of events as a batch.

Dagster's own storage opens two databases per event, about 10 ms each, which makes a run over 2,000
partitions wait for minutes. Here the index that spans runs stays open. `dagster.yaml` of an
embedded home names this class; Postgres needs none, its storage does the same already.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from dagster import EventLogEntry
from dagster._core.events import ASSET_EVENTS
from dagster._core.storage.event_log import SqlEventLogStorageTable, SqliteEventLogStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, NullPool, QueuePool, create_engine
from sqlalchemy.event import listen

from forecast_platform.defs.masked_events import MaskedEvents
from forecast_platform.defs.planned_ranges import PlannedRanges

_KEPT_OPEN = 8
"""Databases of runs whose engine is kept; the rest are few and rarely asked."""


class _Batch(threading.local):
    """The open transactions of the batch that a thread is storing, by database; else None."""

    transactions: dict[str, Connection] | None = None


class BatchSqliteEventLogStorage(MaskedEvents, PlannedRanges, SqliteEventLogStorage):
    """Dagster's SQLite event log; the events of a batch share one transaction per database."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: dict[str, Engine] = {}
        self._batch = _Batch()
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> BatchSqliteEventLogStorage:
        """Build the storage from `dagster.yaml`."""
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        """As Dagster's own, which makes an engine and opens the database every time."""
        if self._batch.transactions is not None:
            yield self._batch.transactions[shard]
            return
        with self._db_lock, self._engine(shard).begin() as connection:
            yield connection

    def _engine(self, shard: str) -> Engine:
        return self._engines.get(shard) or self._open(shard)

    def _open(self, shard: str) -> Engine:
        # The log of a run is closed after each use: the run's page watches the file, which SQLite
        # leaves as it is until it is closed.
        engine = create_engine(
            self.conn_string_for_shard(shard),
            poolclass=QueuePool if shard == INDEX_SHARD_NAME else NullPool,
            connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS},
        )
        listen(engine, "connect", _commit_without_waiting)
        if shard not in self._initialized_dbs:
            self._initdb(engine)
            self._initialized_dbs.add(shard)
        while len(self._engines) >= _KEPT_OPEN:
            self._engines.pop(next(name for name in self._engines if name != INDEX_SHARD_NAME))
        self._engines[shard] = engine
        return engine

    def dispose(self) -> None:
        """Close the databases."""
        super().dispose()
        for engine in self._engines.values():
            engine.dispose()
        self._engines.clear()

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store events in order; asset events also in the index that spans runs."""
        shards = [*dict.fromkeys(event.run_id for event in events), INDEX_SHARD_NAME]
        with self._db_lock, ExitStack() as opened:
            self._batch.transactions = {
                shard: opened.enter_context(self._engine(shard).begin()) for shard in shards
            }
            try:
                self._store_batch(events)
            finally:
                self._batch.transactions = None

    def _store_batch(self, events: Sequence[EventLogEntry]) -> None:
        by_run: dict[str, list[EventLogEntry]] = defaultdict(list)
        for event in events:
            planned_range = event.dagster_event and event.dagster_event.partitions_subset
            if event.dagster_event_type in ASSET_EVENTS and not planned_range:
                by_run[event.run_id].append(event)
            else:
                self.store_event(event)
        for run_id, batch in by_run.items():
            self._store_asset_events(run_id, batch)

    def _store_asset_events(self, run_id: str, events: Sequence[EventLogEntry]) -> None:
        rows = self._rows(events)
        insert = SqlEventLogStorageTable.insert()
        with self.run_connection(run_id) as connection:
            connection.execute(insert, rows)
        with self.index_transaction() as connection:
            returning = insert.returning(SqlEventLogStorageTable.c.id, sort_by_parameter_order=True)
            ids: list[int] = list(connection.execute(returning, rows).scalars())
            self._store_asset_event_tags(connection, events, ids)
            # The index keeps one row per asset, so only the last event of each type counts.
            newest = {
                (event.get_dagster_event().asset_key, event.dagster_event_type): (event, id_)
                for event, id_ in zip(events, ids, strict=True)
            }
            for event, id_ in newest.values():
                self._store_asset_event(connection, event, id_)

    def _rows(self, events: Sequence[EventLogEntry]) -> list[dict[str, Any]]:
        """A row per event; days of a range differ in day and time only and are serialised once.

        Serialising is a third of what an event costs, 1 s of the 20 s of a run over five years.
        """
        rows: list[dict[str, Any]] = []
        moment_of: Any = self._event_insert_timestamp
        written: EventLogEntry | None = None
        for event in events:
            if written is None or not (day := _day_like(event, written)):
                written, row = event, self._event_to_row(event)
                rows.append(row)
                template = row["event"]
                mark = f'"partition": {json.dumps(row["partition"])}'
                moment = f'"timestamp": {event.timestamp!r}'
                continue
            text = template.replace(mark, f'"partition": {json.dumps(day)}')
            rows.append({
                **row, "partition": day, "timestamp": moment_of(event),
                "event": text.replace(moment, f'"timestamp": {event.timestamp!r}'),
            })  # fmt: skip
        return rows


def _commit_without_waiting(connection: sqlite3.Connection, _: object) -> None:
    """With a write-ahead log the database stays whole; a power cut may take the newest events."""
    connection.execute("PRAGMA synchronous=NORMAL")


def _day_like(event: EventLogEntry, other: EventLogEntry) -> str | None:
    """The day of an event that differs from `other` in nothing but day and time."""
    made, like = event.dagster_event, other.dagster_event
    if not (made and like and made.is_step_materialization and like.is_step_materialization):
        return None
    data, told = made.step_materialization_data, like.step_materialization_data
    moved = data.materialization._replace(partition=told.materialization.partition)
    moved_event = made._replace(event_specific_data=data._replace(materialization=moved))
    same = event._replace(dagster_event=moved_event, timestamp=other.timestamp) == other
    return made.partition if same else None
