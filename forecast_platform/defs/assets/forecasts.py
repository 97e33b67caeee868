"""Daily forecasts as issued, and the demand they imply over the lead time."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import dagster as dg

from forecast_platform.defs.assets.plan import RecordConfig
from forecast_platform.defs.metadata import picture, result
from forecast_platform.defs.partitions import days_of
from forecast_platform.defs.resources import HomeResource
from forecast_platform.defs.specs import dependencies, spec

_NAMES = ("forecasts", "lead_time_demand")


@dg.multi_asset(
    name="forecasts",
    specs=[spec(name, deps=dependencies(name)) for name in _NAMES],
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def forecasts(
    context: dg.AssetExecutionContext, config: RecordConfig, home: HomeResource
) -> Iterator[dg.MaterializeResult[None]]:
    """Issue each origin with the champion of the newest cutoff before it; closed days are kept."""
    from forecast_platform.defs.pictures import drivers_of_largest, forecast_against_actuals
    from forecast_platform.forecasting.calibrated import load_forecaster
    from forecast_platform.issuing import gathered, issue

    opened = home.home
    days = days_of(context)
    revisions = opened.writable("forecasts", days, config.restate)
    if not revisions:
        for name in _NAMES:
            yield dg.MaterializeResult(asset_key=name, metadata={"kept_as_issued": len(days)})
        return
    making = opened.begin("forecasts", list(revisions))
    load = cache(load_forecaster)
    issued, demand = gathered(issue(opened, making, revisions, load))
    making.publish({"forecasts": issued, "lead_time_demand": demand})
    kept = len(days) - len(revisions)
    plots: dict[str, Any] = {"plot": picture(forecast_against_actuals(opened, making.last))}
    newest = opened.state().days("forecasts")[-1:] == [making.last]
    if newest and (drivers := drivers_of_largest(opened, making.last, load)):
        plots["drivers"] = picture(drivers)
    yield result(context, "forecasts", issued, making.days, **plots, kept_as_issued=kept)
    yield result(context, "lead_time_demand", demand, making.days, kept_as_issued=kept)
