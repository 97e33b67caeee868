"""Sensors: files that land, days that their rows touch, conditions, failures."""

import hashlib
import json
import time
import urllib.request

import dagster as dg

from forecast_platform.contracts import LANDED
from forecast_platform.defs.instance import RANGE_END, RANGE_START
from forecast_platform.defs.jobs import land_files
from forecast_platform.defs.resources import HomeResource
from forecast_platform.incremental import Launch
from forecast_platform.settings import settings
from forecast_platform.sources.files import list_landed

_TAG = "forecast_platform/arrival"
_ATTEMPTS = 3
_RUNNING = [
    dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]  # fmt: skip


@dg.sensor(job=land_files, minimum_interval_seconds=15)
def landing_sensor(
    context: dg.SensorEvaluationContext, home: HomeResource
) -> dg.SensorResult | dg.SkipReason:
    """Land files when the landing folder is not what it was at the last look."""
    chosen = home.home.settings
    listing = hashlib.sha256()
    for table in LANDED:
        for file in list_landed(chosen.landing, table.name, time.time(), chosen.settle_seconds):
            listing.update(f"{table.name}/{file.name} {file.size} {file.mtime}\n".encode())
    seen = listing.hexdigest()
    if seen == context.cursor:
        return dg.SkipReason("Nothing new in the landing folder.")
    return dg.SensorResult(run_requests=[dg.RunRequest(run_key=seen)], cursor=seen)


@dg.sensor(
    target=dg.AssetSelection.groups("validated"),
    minimum_interval_seconds=15,
)
def arrival_sensor(context: dg.SensorEvaluationContext, home: HomeResource) -> dg.SensorResult:
    """Validate exactly the days whose landed rows changed; conditions carry them further."""
    launches = [
        launch
        for launch in home.home.next_launches()
        if launch.tables[0].startswith("validated_")
    ]
    requests = []
    for launch in launches:
        digest = home.home.digest(launch)
        earlier = context.instance.get_runs(dg.RunsFilter(tags={_TAG: digest}))
        if len(earlier) < _ATTEMPTS and not any(run.status in _RUNNING for run in earlier):
            requests.append(_request(launch, digest, len(earlier)))
    return dg.SensorResult(run_requests=requests)


def _request(launch: Launch, digest: str, attempt: int) -> dg.RunRequest:
    tables = [t for t in launch.tables if t.startswith("validated_")]
    names = [*tables, *(t.replace("validated_", "rejected_") for t in tables)]
    window = {RANGE_START: str(launch.first), RANGE_END: str(launch.last)} if launch.first else {}
    return dg.RunRequest(
        run_key=f"{digest} {attempt}",
        asset_selection=[dg.AssetKey(name) for name in names],
        tags={_TAG: digest, **window},
    )


@dg.run_failure_sensor(name="failure_sensor", minimum_interval_seconds=30)
def failure_sensor(context: dg.RunFailureSensorContext) -> None:
    """Say which run failed and why: in the log, and to the webhook if one is set."""
    run = context.dagster_run
    text = f"{run.job_name} failed: {context.failure_event.message} (run {run.run_id})"
    context.log.error(text)
    address = settings().webhook_url
    if address:
        request = urllib.request.Request(
            address,
            json.dumps({"text": text, "mend": "forecast-platform run"}).encode(),
            {"Content-Type": "application/json"},
        )
        urllib.request.urlopen(request, timeout=10).close()


follow_data = dg.AutomationConditionSensorDefinition(
    "follow_data",
    target=dg.AssetSelection.all(),
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=15,
)

SENSORS = [landing_sensor, arrival_sensor, failure_sensor, follow_data]
