"""Planned ranges of partitions, written to the event log as a range.

Dagster plans a run over 2,000 days by one event per day and asset, each stored by itself: minutes
before the first step starts. Here the plan is one event, and the index gets its rows at once.
"""

from __future__ import annotations

import json
from typing import Any

from dagster import DagsterEventType, EventLogEntry
from dagster._core.events import AssetMaterializationPlannedData
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log import SqlEventLogStorage, SqlEventLogStorageTable
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
from dagster._serdes import serialize_value


class PlannedRanges(SqlEventLogStorage):
    """Mixed into an event log storage."""

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
        """As Dagster's own, which keeps the same event with every partition: a fifth of the log."""
        assert event.dagster_event_type is DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED
        planned: Any = event.get_dagster_event().event_specific_data
        subset = planned.partitions_subset
        row = {
            "asset_key": planned.asset_key.to_string(),
            "check_name": planned.check_name,
            "run_id": event.run_id,
            "execution_status": AssetCheckExecutionRecordStatus.PLANNED.value,
            "evaluation_event_timestamp": self._event_to_row(event)["timestamp"],
            "evaluation_event_storage_id": event_id,
        }
        if subset:
            days = {"evaluation_event": None}
            rows = [{**row, **days, "partition": day} for day in subset.get_partition_keys()]
        else:
            rows = [{**row, "evaluation_event": serialize_value(event), "partition": None}]
        with self.index_connection() as connection:
            connection.execute(AssetCheckExecutionsTable.insert(), rows)
