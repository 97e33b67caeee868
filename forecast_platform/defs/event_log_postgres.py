"""Postgres event log in which planned ranges of partitions are stored as ranges.

`dagster.yaml` names this class where `database_url` is set.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagster._serdes import ConfigurableClassData
from dagster_postgres import PostgresEventLogStorage
from dagster_postgres.utils import pg_url_from_config

from forecast_platform.defs.masked_events import MaskedEvents
from forecast_platform.defs.planned_ranges import PlannedRanges


class BatchPostgresEventLogStorage(MaskedEvents, PlannedRanges, PostgresEventLogStorage):
    """Dagster's Postgres event log; batches of materialisations it stores as such already."""

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> BatchPostgresEventLogStorage:
        """Build the storage from `dagster.yaml`."""
        return cls(
            inst_data=inst_data,
            postgres_url=pg_url_from_config(config_value),
            should_autocreate_tables=config_value.get("should_autocreate_tables", True),
        )
