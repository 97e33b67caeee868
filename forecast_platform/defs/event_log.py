"""SQLite event log that stores a batch of events as a batch.

Dagster's own storage opens two databases per event, about 10 ms each, which makes a run over 2,000
partitions wait for minutes. `dagster.yaml` of an embedded home names this class; Postgres needs
none, its storage does the same already.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from dagster import EventLogEntry
from dagster._core.events import ASSET_EVENTS
from dagster._core.storage.event_log import SqlEventLogStorageTable, SqliteEventLogStorage
from dagster._serdes import ConfigurableClassData


class BatchSqliteEventLogStorage(SqliteEventLogStorage):
    """Dagster's SQLite event log; asset events of a batch share two transactions."""

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> BatchSqliteEventLogStorage:
        """Build the storage from `dagster.yaml`."""
        return cls(inst_data=inst_data, **config_value)

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store events in order; asset events also in the index that spans runs."""
        by_run: dict[str, list[EventLogEntry]] = defaultdict(list)
        for event in events:
            if event.is_dagster_event and event.dagster_event_type in ASSET_EVENTS:
                by_run[event.run_id].append(event)
            else:
                super().store_event(event)
        for run_id, batch in by_run.items():
            self._store_asset_events(run_id, batch)

    def _store_asset_events(self, run_id: str, events: Sequence[EventLogEntry]) -> None:
        rows = [self._event_to_row(event) for event in events]
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
