"""Feedback: accuracy of issued forecasts, and records that rest on older data than is known now."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from forecast_platform.contracts import tables
from forecast_platform.defs.automation import AFTER_RECORDS
from forecast_platform.defs.metadata import picture, result
from forecast_platform.defs.partitions import days_of
from forecast_platform.defs.resources import HomeResource
from forecast_platform.defs.specs import dependencies, spec
from forecast_platform.graph import Kind


@dg.multi_asset(
    name="accuracy",
    specs=[spec("accuracy", deps=dependencies("accuracy"))],
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def accuracy(context: dg.AssetExecutionContext, home: HomeResource) -> dg.MaterializeResult[None]:
    """Score what was issued against the demand that came."""
    from forecast_platform.forecasting import score_issued

    days = days_of(context)
    making = home.home.begin("accuracy", days)
    scores = score_issued(making.window("clean_demand"), making.window("forecasts"))
    making.publish({"accuracy": scores})
    return result(context, "accuracy", scores, days)


@dg.multi_asset(
    name="plan_outcome",
    specs=[spec("plan_outcome", deps=dependencies("plan_outcome"))],
    check_specs=[
        dg.AssetCheckSpec(
            "service_as_aimed",
            asset="plan_outcome",
            description="Demand stays within the reorder point about as often as aimed at.",
        )
    ],
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def plan_outcome(
    context: dg.AssetExecutionContext, home: HomeResource
) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    """Hold plans whose protection period has ended against what happened in it."""
    from forecast_platform.defs.pictures import planned_against_actual
    from forecast_platform.defs.verdicts import service
    from forecast_platform.replenishment.outcome import ended, plan_outcomes

    days = days_of(context)
    making = home.home.begin("plan_outcome", days)
    rows = plan_outcomes(
        ended(making.scan("replenishment_plan"), days).collect(),
        making.window("clean_demand"),
        making.window("validated_purchase_orders"),
    )
    making.publish({"plan_outcome": rows})
    shown: dict[str, Any] = {}
    if rows.height:
        shown["planned_against_actual"] = picture(planned_against_actual(rows))
    yield result(context, "plan_outcome", rows, days, **shown)
    yield service(rows)


@dg.multi_asset(
    name="record_marks",
    specs=[
        spec(
            "record_marks",
            deps=["forecasts", "replenishment_plan"],
            automation=AFTER_RECORDS,
        )
    ],
)
def record_marks(
    context: dg.AssetExecutionContext, home: HomeResource
) -> dg.MaterializeResult[None]:
    """Mark closed records under which the data have changed since they were issued."""
    import polars as pl

    from forecast_platform.incremental import changes_since
    from forecast_platform.lake import polars_schema

    opened = home.home
    state, history = opened.state(), opened.lake.ledger.history()
    contract = tables()["record_marks"]
    rows = [
        (node.table, *change, "issued on older data")
        for node in opened.nodes
        if node.kind is Kind.RECORD
        for change in changes_since(history, node, state.days(node.table)[:-1])
    ]
    marks = pl.DataFrame(rows, schema=polars_schema(contract), orient="row")
    opened.lake.replace_all(contract, marks)
    return result(context, "record_marks", marks)
