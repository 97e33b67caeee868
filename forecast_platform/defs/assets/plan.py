"""The daily replenishment plan."""

import dagster as dg

from forecast_platform.defs.metadata import result
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
    from forecast_platform.replenishment import make_plans

    opened = home.home
    days = days_of(context)
    revisions = opened.writable(_PLAN, days, config.restate)
    if not revisions:
        return dg.MaterializeResult(asset_key=_PLAN, metadata={"kept_as_issued": len(days)})
    making = opened.begin(_PLAN, list(revisions))
    plan = make_plans(
        list(revisions),
        making.window("forecasts"),
        making.window("lead_time_demand"),
        making.window("clean_demand"),
        making.window("validated_inventory"),
        making.window("validated_purchase_orders"),
        making.window("validated_products"),
        making.window("validated_suppliers"),
        opened.plan_parameters,
        revisions,
    )
    making.publish({_PLAN: plan})
    return result(
        context, _PLAN, plan, list(revisions), kept_as_issued=len(days) - len(revisions),
        lines_to_order=plan.filter(plan["order_quantity"] > 0).height,
    )  # fmt: skip
