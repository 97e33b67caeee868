"""The daily replenishment plan."""

import datetime as dt
from typing import Any

import dagster as dg

from forecast_platform.defs.metadata import picture, result
from forecast_platform.defs.partitions import days_of
from forecast_platform.defs.resources import HomeResource
from forecast_platform.defs.specs import dependencies, spec

_PLAN = "replenishment_plan"


class RecordConfig(dg.Config):
    """How records of closed days are treated."""

    restate: bool = False


@dg.multi_asset(
    name=_PLAN,
    specs=[spec(_PLAN, deps=dependencies(_PLAN))],
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def replenishment_plan(
    context: dg.AssetExecutionContext, config: RecordConfig, home: HomeResource
) -> dg.MaterializeResult[None]:
    """Decide what to order after the close of each day; closed days keep what they said."""
    import polars as pl

    from forecast_platform.defs.pictures import stock_ahead
    from forecast_platform.replenishment import LOOK_BACK_DAYS, make_plans, weekly_demand

    opened = home.home
    days = days_of(context)
    revisions = opened.writable(_PLAN, days, config.restate)
    if not revisions:
        return dg.MaterializeResult(asset_key=_PLAN, metadata={"kept_as_issued": len(days)})
    making = opened.begin(_PLAN, list(revisions))
    demand = making.scan("clean_demand")
    since = making.first - dt.timedelta(LOOK_BACK_DAYS)
    plan = make_plans(
        list(revisions),
        making.window("forecasts"),
        making.window("lead_time_demand"),
        demand.filter(pl.col("date") >= since).collect(),
        making.window("validated_inventory"),
        making.window("validated_purchase_orders"),
        making.window("validated_products"),
        making.window("validated_suppliers"),
        making.window("lead_times"),
        opened.plan_parameters,
        revisions,
        weekly_demand(demand).collect(),
    )
    making.publish({_PLAN: plan})
    shown: dict[str, Any] = {}
    if image := stock_ahead(opened, plan.filter(pl.col("date") == making.last)):
        shown["most_urgent"] = picture(image)
    return result(
        context, _PLAN, plan, list(revisions), kept_as_issued=len(days) - len(revisions),
        exceptions=plan["exception_rank"].count(),
        lines_to_order=plan.filter(plan["order_quantity"] > 0).height, **shown,
    )  # fmt: skip
