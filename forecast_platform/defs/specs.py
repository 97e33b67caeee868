"""Asset specs made from contracts: description, owner, kinds, columns, windows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dagster as dg

from forecast_platform.contracts import Column, Table, tables
from forecast_platform.defs.partitions import DAILY, WEEKLY, dependency
from forecast_platform.graph import graph_of, trained
from forecast_platform.settings import settings
from forecast_platform.sql.project import ModelSpec, SqlProject

_SQL = SqlProject.load()
_NODES = {table: node for node in graph_of(settings(), _SQL) for table in (node.table, *node.also)}

OWNERS = {
    "raw": "team:data-engineering",
    "validated": "team:data-engineering",
    "clean": "team:data-engineering",
    "features": "team:data-science",
    "models": "team:data-science",
    "forecasts": "team:data-science",
    "feedback": "team:data-science",
    "replenishment": "team:planning",
}


def spec(
    name: str,
    *,
    deps: Iterable[dg.AssetDep | str] = (),
    kinds: Sequence[str] = ("polars", "delta"),
    automation: dg.AutomationCondition[Any] | None = None,
    skippable: bool = False,
) -> dg.AssetSpec:
    """The asset of one table of the lake."""
    table = tables()[name]
    return dg.AssetSpec(
        key=name,
        description=f"{table.description}\n\nGrain: {table.grain}.",
        group_name=table.group,
        owners=[OWNERS[table.group]],
        kinds=set(kinds),
        deps=list(deps),
        partitions_def=partitions(table),
        automation_condition=automation,
        freshness_policy=freshness(table),
        skippable=skippable,
        metadata={"dagster/column_schema": column_schema(table.columns)},
    )


def partitions(table: Table) -> dg.PartitionsDefinition[str] | None:
    """Daily, weekly (training cutoffs) or none; raw tables are keyed by file, not by day."""
    if table.day is None or table.group == "raw":
        return None
    return WEEKLY if table.day == "cutoff" else DAILY


_DAILY_WHOLE = ("landing_files", "unreadable_rows", "raw_sales", "record_marks")
_ONE_WEEK, _A_DAY = dt.timedelta(weeks=1), dt.timedelta(days=1)


def freshness(table: Table) -> dg.FreshnessPolicy | None:
    """By when a table should have been made again; None where that follows no rhythm.

    No rhythm have closed histories, the quarantine, and what lands when it changes. Daily tables
    are due at 06:00 of the settings' time zone; models warn a day after a week without a training.
    """
    chosen = settings()
    if chosen.end_date or table.name.startswith("rejected_"):
        return None
    if table.day == "cutoff":
        weekly = {*trained(chosen), "model_scores"}
        windows = {"fail_window": 2 * _ONE_WEEK + _A_DAY, "warn_window": _ONE_WEEK + _A_DAY}
        return dg.FreshnessPolicy.time_window(**windows) if table.name in weekly else None
    if (table.day is None or table.group == "raw") and table.name not in _DAILY_WHOLE:
        return None
    return dg.FreshnessPolicy.cron("0 6 * * *", _A_DAY, chosen.timezone)


def dependencies(table: str) -> list[dg.AssetDep]:
    """Edges of the incremental graph into `table`."""
    return [dependency(read) for read in _NODES[table].reads]


def sql_models() -> Mapping[str, ModelSpec]:
    """The SQL models by name, each after all that it depends on."""
    return _SQL.models


def column_schema(columns: Iterable[Column]) -> dg.TableSchema:
    """Column names, types and meanings as Dagster shows them."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=column.name,
                type=str(column.dtype),
                description=f"{column.description} [{column.unit}]"
                if column.unit
                else column.description,
                constraints=dg.TableColumnConstraints(nullable=not column.required),
            )
            for column in columns
        ]
    )
