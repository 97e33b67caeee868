"""Asset checks of their own: what is not up to date."""

import dagster as dg

from forecast_platform.defs.jobs import STANDING_CHECK
from forecast_platform.defs.resources import HomeResource


@dg.asset_check(asset="replenishment_plan", description="Every table follows what has landed.")
def up_to_date(context: dg.AssetCheckExecutionContext, home: HomeResource) -> dg.AssetCheckResult:
    """Name stale and failed partitions, and the command that mends them.

    In the run that makes a plan, what follows from the plan is not due yet and does not count.
    """
    from forecast_platform.lake.days import spans
    from forecast_platform.lake.ledger import WHOLE

    stale = home.home.stale()
    if context.run.job_name != STANDING_CHECK:
        tables = [node.table for node in home.home.nodes]
        due = tables[: tables.index("replenishment_plan") + 1]
        stale = {table: days for table, days in stale.items() if table in due}
    told = {
        table: ", ".join(
            "all" if first == WHOLE else f"{first} to {last}" for first, last in spans(days)
        )
        for table, days in stale.items()
    }
    return dg.AssetCheckResult(
        passed=not stale,
        severity=dg.AssetCheckSeverity.WARN,
        description="Up to date."
        if not stale
        else "Stale: "
        + "; ".join(f"{table} {days}" for table, days in told.items())
        + ". Mend with: forecast-platform run",
        metadata={"stale_days": sum(len(days) for days in stale.values()), **told},
    )
