"""What is made from the optional tables; nothing where none of them ever landed."""

from typing import TYPE_CHECKING

import dagster as dg

from forecast_platform.defs.metadata import result
from forecast_platform.defs.partitions import days_of
from forecast_platform.defs.resources import HomeResource
from forecast_platform.defs.specs import dependencies, spec

if TYPE_CHECKING:
    from forecast_platform.home import Home

_FEATURES, _BEHAVIOUR = "signal_features", "user_behaviour"
_NOTHING = {"landed": "none of the tables it is made from"}


def _has_landed(home: "Home", table: str) -> bool:
    return any(map(home.state().has, home.node(table).needs))


@dg.multi_asset(
    name=_BEHAVIOUR,
    specs=[spec(_BEHAVIOUR, deps=dependencies(_BEHAVIOUR))],
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def user_behaviour(
    context: dg.AssetExecutionContext, home: HomeResource
) -> dg.MaterializeResult[None]:
    """Count what visitors did, so that nobody can be told from it."""
    from forecast_platform.features.signals import behaviour_of

    if not _has_landed(home.home, _BEHAVIOUR):
        return dg.MaterializeResult(asset_key=_BEHAVIOUR, metadata=_NOTHING)
    days = days_of(context)
    making = home.home.begin(_BEHAVIOUR, days)
    frame = behaviour_of(making.window("validated_user_events"))
    making.publish({_BEHAVIOUR: frame})
    return result(context, _BEHAVIOUR, frame, days)


@dg.multi_asset(
    name=_FEATURES,
    specs=[spec(_FEATURES, deps=dependencies(_FEATURES))],
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def signal_features(
    context: dg.AssetExecutionContext, home: HomeResource
) -> dg.MaterializeResult[None]:
    """Compute what is known from outside over the look-back and publish the days."""
    from forecast_platform.features.signals import signal_features as compute

    if not _has_landed(home.home, _FEATURES):
        return dg.MaterializeResult(asset_key=_FEATURES, metadata=_NOTHING)
    days = days_of(context)
    making = home.home.begin(_FEATURES, days)
    state = home.home.state()
    signals = {
        read.table.removeprefix("validated_"): making.window(read.table)
        for read in making.node.reads
        if read.optional and state.has(read.table)
    }
    clean = making.scan("clean_demand").select("date", "item_id", "location_id", "price").collect()
    frame = compute(
        clean, days[0], days[-1], products=making.window("validated_products"), signals=signals
    )
    making.publish({_FEATURES: frame})
    return result(context, _FEATURES, frame, days)
