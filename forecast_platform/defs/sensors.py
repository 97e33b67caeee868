"""Sensors: files that land, days that their rows touch, conditions, alerts."""

import datetime as dt
import time
from typing import TYPE_CHECKING

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from forecast_platform.defs.instance import RANGE_END, RANGE_START
from forecast_platform.defs.jobs import attributes, daily_graph, land_files, weekly_training
from forecast_platform.defs.records import record_looks
from forecast_platform.defs.resources import HomeResource
from forecast_platform.defs.selection import assets_of
from forecast_platform.graph import TRAINED, Launch

if TYPE_CHECKING:
    from forecast_platform.home import Home

_TAG = "forecast_platform/launched_by"
_MINE = "follow_sensor"
_DIGEST = "forecast_platform/launch"
_LISTING = "forecast_platform/listing"
_ATTEMPTS = 3
_PAUSE = dt.timedelta(hours=1)
"""After so many failures within it nothing is asked again: what ails may heal, but not at once."""
_FAILED = (
    f"{_ATTEMPTS} times within the last hour and is tried again then; "
    "to try sooner, mend the cause and run `forecast-platform run`."
)
_BROKEN_OFF = (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
_UNFINISHED = [
    dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]  # fmt: skip


@dg.sensor(
    job=land_files,
    minimum_interval_seconds=15,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def landing_sensor(
    context: dg.SensorEvaluationContext, home: HomeResource
) -> dg.SensorResult | dg.SkipReason:
    """Land when files, mappings or accepted days are not what they were at the last look."""
    from forecast_platform.sources.listing import listing

    seen = listing(home.home.settings, time.time())
    newest = context.instance.get_runs(dg.RunsFilter(tags={_LISTING: seen}), limit=1)
    # A run that was killed may have landed nothing, and the folder does not change by that.
    is_done = not newest or newest[0].status not in _BROKEN_OFF
    if seen == context.cursor and is_done:
        return dg.SkipReason("Nothing new in the landing folder.")
    attempt = _next_attempt(context, {_LISTING: seen})
    if attempt is None:
        return dg.SkipReason(f"Landing failed {_FAILED}")
    request = dg.RunRequest(run_key=f"{seen} {attempt}", tags={_LISTING: seen})
    return dg.SensorResult(run_requests=[request], cursor=seen)


@dg.sensor(
    jobs=[attributes, daily_graph, weekly_training],
    minimum_interval_seconds=15,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def follow_sensor(
    context: dg.SensorEvaluationContext, home: HomeResource
) -> dg.SensorResult | dg.SkipReason:
    """Make exactly the stale days, and the newest forecasts and plan; one wave of runs at a time.

    What is stale follows from fingerprints (docs/decisions), so nothing is lost when a run fails
    or data arrive while one is going on: the next look sees it.
    """
    mine = dg.RunsFilter(statuses=_UNFINISHED, tags={_TAG: _MINE})
    if context.instance.get_runs_count(mine):
        return dg.SkipReason("A wave of runs is going on.")
    launches = home.home.next_launches()
    requests = [r for launch in launches if (r := _request(context, home.home, launch))]
    if launches and not requests:
        return dg.SkipReason(f"{launches} failed {_FAILED}")
    return dg.SensorResult(run_requests=requests)


def _request(
    context: dg.SensorEvaluationContext, home: "Home", launch: Launch
) -> dg.RunRequest | None:
    digest = home.digest(launch)
    attempt = _next_attempt(context, {_DIGEST: digest})
    if attempt is None or context.repository_def is None:
        return None
    names = assets_of(launch.tables, context.repository_def.asset_graph)
    window = {RANGE_START: str(launch.first), RANGE_END: str(launch.last)} if launch.first else {}
    return dg.RunRequest(
        run_key=f"{digest} {attempt}",
        job_name=_job(launch).name,
        asset_selection=[dg.AssetKey(name) for name in names],
        tags={_TAG: _MINE, _DIGEST: digest, **window},
    )


def _next_attempt(context: dg.SensorEvaluationContext, tags: dict[str, str]) -> int | None:
    """Number of the next run with these tags; None where it has to wait for a while."""
    lately = dt.datetime.now(dt.UTC) - _PAUSE
    if context.instance.get_runs_count(dg.RunsFilter(tags=tags, created_after=lately)) >= _ATTEMPTS:
        return None
    return context.instance.get_runs_count(dg.RunsFilter(tags=tags))


def _job(launch: Launch) -> UnresolvedAssetJobDefinition:
    if launch.first is None:
        return attributes
    return weekly_training if TRAINED[0] in launch.tables else daily_graph


@dg.sensor(minimum_interval_seconds=60, default_status=dg.DefaultSensorStatus.RUNNING)
def alert_sensor(context: dg.SensorEvaluationContext, home: HomeResource) -> dg.SkipReason:
    """Tell people what went wrong and what is over: once each, several in one message."""
    from forecast_platform.watching.alerts import Book
    from forecast_platform.watching.channels import channels
    from forecast_platform.watching.findings import home_looks, look

    assert context.repository_def is not None
    chosen = home.home.settings
    graph = context.repository_def.asset_graph
    found = look({**home_looks(home.home), **record_looks(context.instance, graph, chosen)})
    ways = channels(chosen)
    book = Book.read(context.cursor)
    book.note(found, ways, dt.datetime.now(dt.UTC))
    for failure in book.deliver(ways):
        context.log.warning(failure)
    context.update_cursor(book.write())
    return dg.SkipReason(", ".join(alert.what for alert in book.begun) or "Nothing is wrong.")


conditions_sensor = dg.AutomationConditionSensorDefinition(
    "conditions_sensor",
    target=dg.AssetSelection.assets("record_marks"),
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=30,
)

SENSORS = [landing_sensor, follow_sensor, conditions_sensor, alert_sensor]
