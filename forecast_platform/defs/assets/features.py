"""The daily feature table."""

import dagster as dg

from forecast_platform.defs.metadata import result
from forecast_platform.defs.partitions import days_of
from forecast_platform.defs.resources import HomeResource
from forecast_platform.defs.specs import dependencies, spec


@dg.multi_asset(
    name="features",
    specs=[spec("features", deps=dependencies("features"))],
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def features(context: dg.AssetExecutionContext, home: HomeResource) -> dg.MaterializeResult[None]:
    """Compute every feature over the look-back and publish the days."""
    from forecast_platform.features import compute

    days = days_of(context)
    making = home.home.begin("features", days)
    frame = compute(
        making.window("clean_demand"),
        days[0],
        days[-1],
        products=making.window("validated_products"),
        locations=making.window("validated_locations"),
        calendar=making.window("validated_calendar"),
        country=home.home.settings.country,
    )
    making.publish({"features": frame})
    return result(context, "features", frame, days)
