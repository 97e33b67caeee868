"""From raw tables to validated rows and the quarantine."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg

from forecast_platform.contracts import (
    LANDED,
    SIGNALS,
    Table,
    landed_table,
    rejected,
    tables,
    validated,
)
from forecast_platform.defs.metadata import result, same_columns
from forecast_platform.defs.partitions import days_of
from forecast_platform.defs.resources import HomeResource
from forecast_platform.defs.specs import dependencies, spec
from forecast_platform.graph import references

if TYPE_CHECKING:
    import polars as pl

    from forecast_platform.home import Home


def _validated(table: Table) -> dg.AssetsDefinition:
    accepted, refused = validated(table).name, rejected(table).name
    deps = dependencies(accepted)

    @dg.multi_asset(
        name=accepted,
        specs=[spec(accepted, deps=deps), spec(refused, deps=deps, skippable=True)],
        check_specs=[
            dg.AssetCheckSpec(
                "expectations",
                asset=accepted,
                description="The Great Expectations suite of the contract holds.",
                blocking=True,
            ),
            dg.AssetCheckSpec(
                "nothing_lost",
                asset=accepted,
                description="Landed rows = validated + rejected + exact duplicates, per file and "
                "day.",
                blocking=True,
            ),
        ],
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def asset(
        context: dg.AssetExecutionContext, home: HomeResource
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        from forecast_platform.defs.verdicts import Tally
        from forecast_platform.quality import validate

        opened = home.home
        days = days_of(context) if table.day else None
        tally = Tally(table)
        if table in SIGNALS and not opened.state().has(f"raw_{table.name}"):
            days = []  # A shop that never lands it has no such table.
        for part in opened.parts(f"raw_{table.name}", days):
            making = opened.begin(accepted, part)
            landed = making.window(f"raw_{table.name}")
            verdict = validate(landed, table, _references(opened, table))
            making.publish({accepted: verdict.accepted, refused: verdict.rejected})
            tally.add(landed, verdict)
        lineage = same_columns(accepted, f"raw_{table.name}")
        yield result(context, accepted, tally.accepted, days, lineage)
        if tally.rejected.height:
            yield result(context, refused, tally.rejected, days, lineage)
        yield tally.expectations(opened.settings.data_docs)
        yield tally.accounting()

    return asset


def _references(home: "Home", table: Table) -> "dict[str, pl.Series]":
    """Known keys of the tables that `table` refers to, where the shop lands them."""
    known: dict[str, pl.Series] = {}
    for name in references(table.name):
        if home.state().has(f"raw_{name}"):
            key = landed_table(name).key[0]
            rows = home.lake.scan(tables()[f"validated_{name}"])
            known[name] = rows.select(key).collect().to_series()
    return known


validated_assets = [_validated(table) for table in LANDED]
