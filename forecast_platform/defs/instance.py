"""The Dagster instance of a home folder, and runs started in this process."""

from __future__ import annotations

import datetime as dt
import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import dagster as dg
import yaml
from dagster_shared.error import SerializableErrorInfo

from forecast_platform import errors
from forecast_platform.contracts import LANDED
from forecast_platform.databases import make_schemas, postgres_address
from forecast_platform.defs.launcher import is_orphan, signs_of_life
from forecast_platform.defs.migrations import migrate
from forecast_platform.errors import PlatformError
from forecast_platform.settings import Settings, settings
from forecast_platform.storage import storage_failure, write_whole

RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"
_DATABASE = "DAGSTER_DATABASE_URL"
_EVENTS_PER_BATCH = "1000"
_POLL_SECONDS = 15
"""Between two looks for runs whose process is gone."""
_SILENT = {"console": {"config": {"log_level": "CRITICAL"}}}
"""The event log has every line; a person's terminal shows progress instead."""


_OWN_ERRORS = {name for name in vars(errors) if name.endswith("Error")}


def configuration(settings: Settings) -> dict[str, Any]:
    """The content of `dagster.yaml`; it names the database by an environment variable."""
    if settings.database_url:
        address = {"postgres_url": {"env": _DATABASE}}
        storage = {
            "run_storage": _stored("dagster_postgres", "PostgresRunStorage", address),
            "schedule_storage": _stored("dagster_postgres", "PostgresScheduleStorage", address),
            "event_log_storage": _stored(
                "forecast_platform.defs.event_log_postgres", "BatchPostgresEventLogStorage", address
            ),
        }
    else:
        folder = {"base_dir": str(settings.dagster_home / "history" / "runs")}
        storage = {
            "event_log_storage": _stored(
                "forecast_platform.defs.event_log", "BatchSqliteEventLogStorage", folder
            )
        }
    return {
        **storage,
        "telemetry": {"enabled": False},
        "nux": {"enabled": False},
        "concurrency": {"runs": {"max_concurrent_runs": 2}, "pools": {"default_limit": 1}},
        "run_launcher": _stored("forecast_platform.defs.launcher", "WatchedRunLauncher", {}),
        "run_monitoring": {
            "enabled": True,
            "poll_interval_seconds": _POLL_SECONDS,
            "free_slots_after_run_end_seconds": 60,
        },
        # Of jobs that say so: what else fails, the sensors try again.
        "run_retries": {"enabled": True, "max_retries": 0},
        "retention": {
            "schedule": {"purge_after_days": settings.retention_days},
            "sensor": {"purge_after_days": {"skipped": 7, "failure": 30, "success": -1}},
        },
    }


def _stored(module: str, name: str, config: dict[str, Any]) -> dict[str, Any]:
    return {"module": module, "class": name, "config": config}


def prepare(settings: Settings) -> None:
    """Write `dagster.yaml` and point this process and its children at the instance."""
    folder = settings.dagster_home
    folder.mkdir(parents=True, exist_ok=True)
    settings.landing.mkdir(parents=True, exist_ok=True)
    # For people to put files into; a landing folder that may only be read is served without.
    with suppress(OSError):
        for table in LANDED:
            (settings.landing / table.name).mkdir(exist_ok=True)
    write_whole(folder / "dagster.yaml", yaml.safe_dump(configuration(settings)).encode())
    os.environ["DAGSTER_HOME"] = str(folder)
    if address := postgres_address(settings, "dagster"):
        make_schemas(settings)
        os.environ[_DATABASE] = address
    os.environ["DAGSTER_EVENT_BATCH_SIZE"] = _EVENTS_PER_BATCH
    os.environ["FORECAST_PLATFORM_HOME"] = str(settings.home)
    migrate(settings)


@contextmanager
def instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """The instance of the home folder, opened to run something."""
    with open_instance(settings) as opened:
        _close_dead_runs(opened)
        yield opened


@contextmanager
def open_instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """The instance of the home folder, opened to read."""
    prepare(settings)
    with dg.DagsterInstance.get() as opened:
        yield opened


def _close_dead_runs(opened: dg.DagsterInstance) -> None:
    """Fail the runs of processes that were killed: else they look alive and keep their slots."""
    for run in opened.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])):
        if is_orphan(run):
            opened.report_run_failed(run, "The process that made this run was killed.")
            opened.event_log_storage.free_concurrency_slots_for_run(run.run_id)


def materialise(
    definitions: dg.Definitions,
    opened: dg.DagsterInstance,
    assets: Sequence[str],
    first: dt.date | None = None,
    last: dt.date | None = None,
    config: Mapping[str, Any] | None = None,
) -> str:
    """Run some assets over a range of partitions, in this process.

    Args:
        definitions: The definitions.
        opened: Where the run is recorded.
        assets: Asset keys; of a table made together with others, all are made.
        first: First partition, or None for assets without partitions.
        last: Last partition.
        config: Op configuration by op name.

    Returns:
        The run id.

    Raises:
        PlatformError: If the run failed; names the step and the cause.
    """
    return execute(
        definitions.resolve_implicit_global_asset_job_def(),
        opened,
        tags={RANGE_START: str(first), RANGE_END: str(last)} if first else {},
        asset_selection=[dg.AssetKey(name) for name in assets],
        run_config={"ops": dict(config or {})},
    )


def execute(
    job: dg.JobDefinition,
    opened: dg.DagsterInstance,
    *,
    tags: Mapping[str, str] | None = None,
    asset_selection: Sequence[dg.AssetKey] | None = None,
    run_config: Mapping[str, Any] | None = None,
) -> str:
    """Run a job in this process, which tells the daemon that it is at work.

    Returns:
        The run id.

    Raises:
        PlatformError: If the run failed; names the step and the cause.
    """
    run_id = str(uuid.uuid4())
    with signs_of_life(opened, run_id) as alive:
        result = job.execute_in_process(
            instance=opened,
            run_id=run_id,
            tags={**(tags or {}), **alive},
            asset_selection=asset_selection,
            run_config={**(run_config or {}), "loggers": _loggers()},
            raise_on_error=False,
        )
    if not result.success:
        raise PlatformError(_why(result))
    return run_id


def _loggers() -> dict[str, Any]:
    """Loggers of a run in this process: programs that read its lines want them all."""
    return {} if settings().log_format == "json" else _SILENT


def _why(result: dg.ExecuteInProcessResult) -> str:
    for event in result.all_events:
        if event.is_step_failure:
            text = told_by(event.step_failure_data.error)
            return f"{event.step_key} failed: {text} (run {result.run_id})"
    failed = [check for check in result.get_asset_check_evaluations() if not check.passed]
    return f"Run {result.run_id} failed: " + "; ".join(
        f"{c.check_name} of {c.asset_key.to_user_string()}: {c.description}" for c in failed
    )


def told_by(error: SerializableErrorInfo | None) -> str:
    """What made a step fail, in the words of the first error of ours, else of the first of all."""
    cause = error
    while cause and cause.cause and cause.cls_name not in _OWN_ERRORS:
        cause = cause.cause
    if cause is None:
        return "no reason given"
    text = str(cause.message).strip()
    # Our own errors are whole sentences; of others the class is half of what they say.
    if cause.cls_name in _OWN_ERRORS:
        return text.partition(": ")[2]
    return str(storage_failure(settings().storage, RuntimeError(text)) or text)
