"""The daily replenishment plan."""

import datetime as dt
from typing import TYPE_CHECKING, Any

import dagster as dg

from forecast_platform.defs.metadata import picture, result
from forecast_platform.defs.partitions import days_of
from forecast_platform.defs.resources import HomeResource
from forecast_platform.defs.specs import dependencies, spec

if TYPE_CHECKING:
    import polars as pl

    from forecast_platform.replenishment import PlanParameters, PlanTables

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

    from forecast_platform.defs.pictures import season_of_largest, stock_ahead
    from forecast_platform.replenishment import (
        LOOK_BACK_DAYS,
        PlanTables,
        make_plans,
        weekly_demand,
    )

    opened = home.home
    days = days_of(context)
    revisions = opened.writable(_PLAN, days, config.restate)
    if not revisions:
        return dg.MaterializeResult(asset_key=_PLAN, metadata={"kept_as_issued": len(days)})
    making = opened.begin(_PLAN, list(revisions))
    demand = making.scan("clean_demand")
    since = making.first - dt.timedelta(LOOK_BACK_DAYS)
    tables = PlanTables(
        making.window("forecasts"),
        making.window("lead_time_demand"),
        demand.filter(pl.col("date") >= since).collect(),
        making.window("validated_inventory"),
        making.window("validated_purchase_orders"),
        making.window("validated_products"),
        making.window("validated_suppliers"),
        making.window("lead_times"),
        weekly_demand(demand).collect(),
        making.scan("policy_choice").filter(pl.col("rank") <= 2).collect(),
    )
    parameters = opened.plan_parameters
    plan = make_plans(list(revisions), **vars(tables), parameters=parameters, revision=revisions)
    making.publish({_PLAN: plan})
    newest = plan.filter(pl.col("date") == making.last)
    shown = _limits_shown(newest, tables, parameters)
    if image := stock_ahead(opened, newest):
        shown["most_urgent"] = picture(image)
    if image := season_of_largest(newest, tables, parameters):
        shown["season"] = picture(image)
    return result(
        context, _PLAN, plan, list(revisions), kept_as_issued=len(days) - len(revisions),
        exceptions=plan["exception_rank"].count(),
        lines_to_order=plan.filter(plan["order_quantity"] > 0).height, **shown,
    )  # fmt: skip


def _limits_shown(
    plan: "pl.DataFrame", tables: "PlanTables", parameters: "PlanParameters"
) -> dict[str, Any]:
    """What a day's limits cost and how near its plan is to the best; nothing without limits."""
    from forecast_platform.defs.pictures import cost_against_service
    from forecast_platform.replenishment import workings
    from forecast_platform.replenishment.service_front import service_front

    gaps = plan["plan_gap"].drop_nulls()
    if gaps.is_empty():
        return {}
    day = plan["date"][0]
    changed = plan.filter(plan["order_quantity"] != plan["unlimited_quantity"])
    shown: dict[str, Any] = {
        "proven_gap": gaps[0],
        "lines_changed_by_limits": changed.height,
        "order_value": plan["order_value"].sum(),
        "order_value_without_limits": (plan["unlimited_quantity"] * plan["unit_cost"]).sum(),
    }
    if prices := plan["budget_price"].drop_nulls().to_list():
        shown["shadow_price_of_budget"] = prices[0]
    front = service_front(workings(day, tables, parameters), parameters)
    if front is not None:
        shown["cost_against_service"] = picture(cost_against_service(front, day))
    return shown
