"""The weekly learning of policies, made with the models where the settings ask for it."""

from typing import Any

import dagster as dg

from forecast_platform.contracts import tables
from forecast_platform.defs.metadata import picture, result
from forecast_platform.defs.partitions import POLICIES_READ, days_of
from forecast_platform.defs.resources import HomeResource
from forecast_platform.defs.specs import spec

_LEARNED = "learned_policies"


@dg.multi_asset(
    name=_LEARNED,
    specs=[spec(_LEARNED, deps=POLICIES_READ, kinds=("torch", "mlflow", "delta"))],
    backfill_policy=dg.BackfillPolicy.multi_run(1),
)
def learned_policies(
    context: dg.AssetExecutionContext, home: HomeResource
) -> dg.MaterializeResult[None]:
    """Learn a policy per ABC class and lead time, and judge it against the yardsticks."""
    from forecast_platform.learning import learn_policies

    opened = home.home
    (cutoff,) = days_of(context)
    rows, curves = learn_policies(opened, cutoff)
    opened.lake.replace_days(tables()[_LEARNED], rows, [cutoff])
    shown: dict[str, Any] = {"curves": picture(curves)} if curves else {}
    return result(context, _LEARNED, rows, [cutoff], promoted=rows["promoted"].sum(), **shown)
