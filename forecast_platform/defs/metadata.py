"""What a run shows about the rows it wrote: counts, columns, lineage, pictures."""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from forecast_platform.contracts import Table, tables
from forecast_platform.contracts.lineage import LINEAGE

if TYPE_CHECKING:
    import polars as pl

_PARTITIONS_TOLD = 31
"""Row counts are told per day up to this many days; beyond it only their sum."""


def result(
    context: dg.AssetExecutionContext,
    name: str,
    frame: pl.DataFrame,
    days: Sequence[dt.date] | None = None,
    lineage: dg.TableColumnLineage | None = None,
    **more: Any,
) -> dg.MaterializeResult[Any]:
    """The materialisation of one table, with its row counts per partition.

    What is told of a run as a whole is told once, at its newest partition: pages show the newest,
    and repeating lineage and pictures at every day of a long range costs more than the work.
    """
    table = tables()[name]
    metadata: dict[str, Any] = {"dagster/row_count": frame.height, **more}
    if lineage or name in LINEAGE:
        metadata["dagster/column_lineage"] = lineage or column_lineage(LINEAGE[name])
    if not days or not table.day:
        return dg.MaterializeResult(asset_key=name, metadata=metadata)
    if len(days) <= _PARTITIONS_TOLD:
        _tell_partitions(context, table, frame, days)
    context.add_asset_metadata(metadata, asset_key=name, partition_key=days[-1].isoformat())
    return dg.MaterializeResult(asset_key=name)


def _tell_partitions(
    context: dg.AssetExecutionContext, table: Table, frame: pl.DataFrame, days: Sequence[dt.date]
) -> None:
    counts = dict(frame.group_by(table.day or "").len().iter_rows())
    for day in days:
        context.add_asset_metadata(
            {"dagster/partition_row_count": counts.get(day, 0)},
            asset_key=table.name,
            partition_key=day.isoformat(),
        )


def same_columns(name: str, upstream: str) -> dg.TableColumnLineage:
    """Lineage of a table whose columns carry the names of its upstream's."""
    known = set(tables()[upstream].column_names)
    return column_lineage({c: [(upstream, c)] for c in tables()[name].column_names if c in known})


def column_lineage(
    columns: Mapping[str, Sequence[tuple[str, str]]],
) -> dg.TableColumnLineage:
    """Lineage from column to the (table, column) pairs it is made from."""
    return dg.TableColumnLineage(
        {
            column: [dg.TableColumnDep(asset_key=table, column_name=c) for table, c in sources]
            for column, sources in columns.items()
        }
    )


def picture(png: bytes) -> dg.MarkdownMetadataValue:
    """A PNG image that the UI shows in place."""
    return dg.MetadataValue.md(f"![plot](data:image/png;base64,{base64.b64encode(png).decode()})")
