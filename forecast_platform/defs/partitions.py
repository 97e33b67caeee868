"""Partitions: the business day, the weekly training cutoff, and how windows map onto them."""

from __future__ import annotations

import datetime as dt

import dagster as dg

from forecast_platform.contracts import tables
from forecast_platform.graph import Read, last_cutoff
from forecast_platform.settings import settings

_ONE_DAY = dt.timedelta(days=1)


def _daily() -> dg.DailyPartitionsDefinition:
    chosen = settings()
    end = chosen.end_date + _ONE_DAY if chosen.end_date else None
    return dg.DailyPartitionsDefinition(
        start_date=chosen.start_date.isoformat(),
        end_date=end.isoformat() if end else None,
        timezone=chosen.timezone,
        # A day can be computed as soon as its first sale lands, not only when it is over.
        end_offset=0 if end else 1,
    )


def _weekly() -> dg.WeeklyPartitionsDefinition:
    chosen = settings()
    end = last_cutoff(chosen.end_date) + 7 * _ONE_DAY if chosen.end_date else None
    return dg.WeeklyPartitionsDefinition(
        start_date=last_cutoff(chosen.start_date).isoformat(),
        end_date=end.isoformat() if end else None,
        timezone=chosen.timezone,
        # The key is the cutoff itself, a Sunday: training can start when that day is in.
        end_offset=1,
    )


DAILY = _daily()
WEEKLY = _weekly()


def days_of(context: dg.AssetExecutionContext) -> list[dt.date]:
    """Business days, or training cutoffs, that this run makes."""
    return [dt.date.fromisoformat(key) for key in context.partition_keys]


def up_to_cutoff(*names: str) -> list[dg.AssetDep]:
    """The edges to daily tables, of which a weekly one reads many days before its cutoff."""
    mapping = dg.TimeWindowPartitionMapping(allow_nonexistent_upstream_partitions=True)
    return [dg.AssetDep(name, partition_mapping=mapping) for name in names]


POLICIES_READ = (
    *up_to_cutoff("clean_demand", "lead_times"),
    dg.AssetDep("validated_products"),
    dg.AssetDep("validated_suppliers"),
)
"""What policies are chosen and learned from."""


def dependency(read: Read) -> dg.AssetDep:
    """The edge from an upstream table, with its look-back as partition mapping."""
    table = tables()[read.table]
    if table.day is None or table.group == "raw":
        return dg.AssetDep(read.table)
    if read.last_known:
        return up_to_cutoff(read.table)[0]
    mapping = dg.TimeWindowPartitionMapping(
        start_offset=read.first, end_offset=read.last, allow_nonexistent_upstream_partitions=True
    )
    return dg.AssetDep(read.table, partition_mapping=mapping)
