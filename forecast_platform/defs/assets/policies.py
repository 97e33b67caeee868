"""The weekly choice of the policy by which each item is ordered at each location."""

import dagster as dg

from forecast_platform import progress
from forecast_platform.contracts import tables
from forecast_platform.defs.metadata import picture, result
from forecast_platform.defs.partitions import POLICIES_READ, days_of
from forecast_platform.defs.resources import HomeResource
from forecast_platform.defs.specs import spec

_CHOICE = "policy_choice"


@dg.multi_asset(
    name=_CHOICE,
    specs=[spec(_CHOICE, deps=POLICIES_READ, kinds=("numba", "delta"))],
    backfill_policy=dg.BackfillPolicy.multi_run(1),
)
def policy_choice(
    context: dg.AssetExecutionContext, home: HomeResource
) -> dg.MaterializeResult[None]:
    """Simulate the candidates on demand up to the cutoff; plans from then on use the choice."""
    from forecast_platform.choosing import choose_policies
    from forecast_platform.replenishment.choice.pictures import cost_picture, shares_picture

    opened = home.home
    (cutoff,) = days_of(context)
    progress.tell(f"{_CHOICE} {cutoff}")
    rows = choose_policies(opened, cutoff)
    opened.lake.replace_days(tables()[_CHOICE], rows, [cutoff])
    chosen = rows.filter("is_chosen")
    return result(
        context, _CHOICE, rows, [cutoff],
        chosen=dict(chosen.group_by("policy").len().sort("policy").iter_rows()),
        cost_by_policy=picture(cost_picture(rows)),
        share_by_policy=picture(shares_picture(rows)),
    )  # fmt: skip
