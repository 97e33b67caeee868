"""One asset per source of sources.yaml: pulled into the landing folder on a schedule of its own.

What lands is seen by the landing sensor, so nothing here depends on tables or the other way round.
"""

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from forecast_platform.connect.config import RestSource, SqlSource, load_sources
from forecast_platform.defs.resources import HomeResource
from forecast_platform.errors import ConfigurationError
from forecast_platform.settings import settings


def source_assets(
    sources: dict[str, SqlSource | RestSource], timezone: str
) -> tuple[
    list[dg.AssetsDefinition], list[UnresolvedAssetJobDefinition], list[dg.ScheduleDefinition]
]:
    """The asset, the job and the schedule of each source; schedules are switched on in the UI."""
    assets = [_asset(name, source) for name, source in sources.items()]
    jobs = [
        dg.define_asset_job(
            f"pull_{name}",
            selection=[f"source_{name}"],
            description=f"Reads what is new or changed in {name} into the landing folder.",
        )
        for name in sources
    ]
    schedules = [
        _schedule(name, job, sources[name].schedule, timezone)
        for name, job in zip(sources, jobs, strict=True)
    ]
    return assets, jobs, schedules


def _schedule(
    name: str, job: UnresolvedAssetJobDefinition, cron: str, timezone: str
) -> dg.ScheduleDefinition:
    try:
        return dg.ScheduleDefinition(job=job, cron_schedule=cron, execution_timezone=timezone)
    except dg.DagsterInvalidDefinitionError as error:
        raise ConfigurationError(
            f"sources.yaml: sources.{name}.schedule is {cron!r}, which is no cron line; write it "
            "like `15 * * * *`, or @hourly, @daily."
        ) from error


def _asset(name: str, source: SqlSource | RestSource) -> dg.AssetsDefinition:
    @dg.asset(
        name=f"source_{name}",
        group_name="sources",
        owners=["team:data-engineering"],
        kinds={"dlt", "postgres" if isinstance(source, SqlSource) else "api"},
        description=f"Feeds the landing folder: {', '.join(source.tables)}.",
        retry_policy=dg.RetryPolicy(max_retries=2, delay=60),
        pool=f"source_{name}",
    )
    def pulled(home: HomeResource) -> dg.MaterializeResult[None]:
        from forecast_platform.connect.pull import pull

        done = pull(home.home.settings, name)
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": sum(table.rows for table in done),
                "files_written": sum(table.files for table in done),
                "tables": dg.MetadataValue.json(
                    {t.table: {"rows": t.rows, "days": t.days, "files": t.files,
                               "watermark": t.watermark, "ahead": t.ahead and str(t.ahead)}
                     for t in done}
                ),
            }
        )  # fmt: skip

    return pulled


SOURCE_ASSETS, SOURCE_JOBS, SOURCE_SCHEDULES = source_assets(
    load_sources(settings().sources_path), settings().timezone
)
