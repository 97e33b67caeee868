"""Asset checks of their own: what is not up to date."""

import dagster as dg

from forecast_platform.defs.resources import HomeResource


@dg.asset_check(asset="replenishment_plan", description="Every table follows what has landed.")
def up_to_date(home: HomeResource) -> dg.AssetCheckResult:
    """Name stale and failed partitions, and the command that mends them."""
    from forecast_platform.lake.days import spans
    from forecast_platform.lake.ledger import WHOLE

    stale = home.home.stale()
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
