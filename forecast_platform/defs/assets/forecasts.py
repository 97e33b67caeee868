"""Daily forecasts as issued, and what they imply: lead-time demand, sums over items and places."""

from collections.abc import Iterator
from functools import cache, partial
from typing import Any

import dagster as dg

from forecast_platform.defs.assets.plan import RecordConfig
from forecast_platform.defs.metadata import picture, result
from forecast_platform.defs.partitions import days_of
from forecast_platform.defs.resources import HomeResource
from forecast_platform.defs.specs import dependencies, spec
from forecast_platform.graph import ISSUED


@dg.multi_asset(
    name="forecasts",
    specs=[spec(name, deps=dependencies(name)) for name in ISSUED],
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def forecasts(
    context: dg.AssetExecutionContext, config: RecordConfig, home: HomeResource
) -> Iterator[dg.MaterializeResult[None]]:
    """Issue each origin with the champion of the newest cutoff before it; closed days are kept."""
    from forecast_platform.defs.pictures import (
        drivers_of_largest,
        forecast_against_actuals,
        total_with_fan,
    )
    from forecast_platform.forecasting.calibrated import load_forecaster
    from forecast_platform.issuing import publish_issued

    opened = home.home
    days = days_of(context)
    revisions = opened.writable("forecasts", days, config.restate)
    if not revisions:
        for name in ISSUED:
            yield dg.MaterializeResult(asset_key=name, metadata={"kept_as_issued": len(days)})
        return
    making = opened.begin("forecasts", list(revisions))
    load = cache(partial(load_forecaster, workers=opened.settings.workers))
    issued = publish_issued(opened, making, revisions, load)
    plots: dict[str, dict[str, Any]] = {name: {} for name in ISSUED}
    plots["forecasts"]["plot"] = picture(forecast_against_actuals(opened, making.last))
    plots["forecast_levels"]["plot"] = picture(total_with_fan(opened, making.last))
    newest = opened.state().days("forecasts")[-1:] == [making.last]
    if newest and (drivers := drivers_of_largest(opened, making.last, load)):
        plots["forecasts"]["drivers"] = picture(drivers)
    kept = len(days) - len(revisions)
    for name, frame in issued.items():
        yield result(context, name, frame, making.days, **plots[name], kept_as_issued=kept)
