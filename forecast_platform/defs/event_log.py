"""SQLite event log that stores a batch of events as a batch.

Dagster's own storage opens two databases per event, about 10 ms each, which makes a run over 2,000
partitions wait for minutes. `dagster.yaml` of an embedded home names this class; Postgres needs
none, its storage does the same already.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from dagster import DagsterEventType, EventLogEntry
from dagster._core.events import ASSET_EVENTS, AssetMaterializationPlannedData
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log import SqlEventLogStorageTable, SqliteEventLogStorage
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
from dagster._serdes import ConfigurableClassData, serialize_value


class BatchSqliteEventLogStorage(SqliteEventLogStorage):
    """Dagster's SQLite event log; asset events of a batch share two transactions."""

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> BatchSqliteEventLogStorage:
        """Build the storage from `dagster.yaml`."""
        return cls(inst_data=inst_data, **config_value)

    @property
    def supports_partition_subset_in_asset_materialization_planned_events(self) -> bool:
        """A range of partitions is planned by one event; the index still gets a row for each."""
        return True

    def store_event(self, event: EventLogEntry) -> None:
        """Store one event."""
        if event.dagster_event and event.dagster_event.partitions_subset:
            self._store_planned_range(event)
        else:
            super().store_event(event)

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store events in order; asset events also in the index that spans runs."""
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

    def _store_planned_range(self, event: EventLogEntry) -> None:
        """One row in the run's log; in the index the row of every partition, as the UI asks it."""
        planned = event.get_dagster_event()
        assert planned.partitions_subset is not None
        days = list(planned.partitions_subset.get_partition_keys())
        if planned.asset_key is None or not days:
            super().store_event(event)
            return
        one = AssetMaterializationPlannedData(planned.asset_key, partition=days[0])
        first = event._replace(dagster_event=planned._replace(event_specific_data=one))
        row = self._event_to_row(first)
        mark = json.dumps(days[0])
        rows = [
            {**row, "partition": day, "event": row["event"].replace(mark, json.dumps(day))}
            for day in days
        ]
        insert = SqlEventLogStorageTable.insert()
        with self.run_connection(event.run_id) as connection:
            connection.execute(insert, [self._event_to_row(event)])
        with self.index_transaction() as connection:
            returning = insert.returning(SqlEventLogStorageTable.c.id)
            newest: int = max(connection.execute(returning, rows).scalars())
            self._store_asset_event(connection, first, newest)

    def _store_asset_check_evaluation_planned(
        self, event: EventLogEntry, event_id: int | None
    ) -> None:
        """As Dagster's own, which serialises the same event for every partition."""
        assert event.dagster_event_type is DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED
        planned: Any = event.get_dagster_event().event_specific_data
        subset = planned.partitions_subset
        row = {
            "asset_key": planned.asset_key.to_string(),
            "check_name": planned.check_name,
            "run_id": event.run_id,
            "execution_status": AssetCheckExecutionRecordStatus.PLANNED.value,
            "evaluation_event": serialize_value(event),
            "evaluation_event_timestamp": self._event_to_row(event)["timestamp"],
            "evaluation_event_storage_id": event_id,
        }
        rows = [
            {**row, "partition": day} for day in (subset.get_partition_keys() if subset else [None])
        ]
        with self.index_connection() as connection:
            connection.execute(AssetCheckExecutionsTable.insert(), rows)
