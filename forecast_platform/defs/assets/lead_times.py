"""Lead times as suppliers kept them."""

from typing import Any

import dagster as dg

from forecast_platform.defs.metadata import picture, result
from forecast_platform.defs.partitions import days_of
from forecast_platform.defs.resources import HomeResource
from forecast_platform.defs.specs import dependencies, spec

_LEAD_TIMES = "lead_times"


@dg.multi_asset(
    name=_LEAD_TIMES,
    specs=[spec(_LEAD_TIMES, deps=dependencies(_LEAD_TIMES))],
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def lead_times(context: dg.AssetExecutionContext, home: HomeResource) -> dg.MaterializeResult[None]:
    """Estimate lead times from the deliveries known at the close of each day."""
    from forecast_platform.defs.pictures import lateness
    from forecast_platform.replenishment import lead_times as estimate

    days = days_of(context)
    making = home.home.begin(_LEAD_TIMES, days)
    rows = estimate(making.window("validated_purchase_orders"), days)
    making.publish({_LEAD_TIMES: rows})
    newest = rows.filter(rows["date"] == days[-1])
    shown: dict[str, Any] = {"lateness": picture(lateness(newest))} if newest.height else {}
    return result(context, _LEAD_TIMES, rows, days, **shown)
