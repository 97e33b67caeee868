"""What Dagster's records say is wrong: failed runs and checks, and records kept too long."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.dagster_run import RunRecord
from dagster._core.storage.tags import PARTITION_NAME_TAG

from forecast_platform.defs.instance import RANGE_START, open_instance, told_by
from forecast_platform.watching.findings import RUN, Finding, Look

if TYPE_CHECKING:
    from forecast_platform.settings import Settings

LOOK_BACK = dt.timedelta(days=7)
"""Failures before that are history."""
_RUNS = 100
_OVERDUE = dt.timedelta(days=8)
"""Maintenance is weekly."""
_LIVE = "up_to_date"
"""The check of what is stale now, which is looked at itself."""
_SOURCE = "source_"


def recorded(settings: Settings) -> Iterator[Finding]:
    """All of the below, for those that have no instance open."""
    from forecast_platform.definitions import defs

    with open_instance(settings) as opened:
        for found in record_looks(opened, defs.resolve_asset_graph(), settings).values():
            yield from found()


def record_looks(
    opened: dg.DagsterInstance, graph: AssetGraph, settings: Settings
) -> dict[str, Look]:
    """What looks at Dagster's records, by group."""
    return {
        "runs": lambda: failed_runs(opened, graph),
        "checks": lambda: failed_checks(opened, graph),
        "messages": lambda: messages(opened, settings.retention),
    }


def failed_runs(opened: dg.DagsterInstance, graph: AssetGraph) -> Iterator[Finding]:
    """Steps that failed, newest first, unless what they make has been made since."""
    records = opened.get_run_records(
        dg.RunsFilter(
            statuses=[dg.DagsterRunStatus.FAILURE],
            updated_after=dt.datetime.now(dt.UTC) - LOOK_BACK,
        ),
        limit=_RUNS,
    )
    steps = _assets_of_steps(graph)
    told: set[str] = set()
    for record in records:
        run, end = record.dagster_run, record.end_time or record.update_timestamp.timestamp()
        reasons = _failed_steps(opened, record) or {run.job_name: "it was killed or never began"}
        for step, reason in reasons.items():
            keys = steps.get(step) or [*(run.asset_selection or ())]
            if step in told or _made_since(opened, run.job_name, keys, end):
                continue
            told.add(step)
            yield _failed(step, reason, record, end)
    yield Finding("runs", True, f"{len(records)} failed in {LOOK_BACK.days} days")


def _failed(step: str, reason: str, record: RunRecord, end: float) -> Finding:
    run = record.dagster_run
    day = run.tags.get(PARTITION_NAME_TAG) or run.tags.get(RANGE_START)
    mend = f"`{RUN}`"
    what = f"{step} failed"
    if step.startswith(_SOURCE):
        name = step.removeprefix(_SOURCE)
        what, mend = f"source {name}", f"`forecast-platform sources test --source {name}`"
    elif run.job_name == "weekly_training" and day:
        mend = f"`forecast-platform train --cutoff {day}`"
    elif run.job_name == "maintenance":
        mend = "`forecast-platform maintain`"
    told = f"{reason} (run {run.run_id}{f', {day}' if day else ''})"
    return Finding(what, False, told, mend, dt.datetime.fromtimestamp(end, dt.UTC))


def _failed_steps(opened: dg.DagsterInstance, record: RunRecord) -> dict[str, str]:
    """Why each step failed; empty where the run ended before or between steps."""
    events = opened.get_records_for_run(
        record.dagster_run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE
    ).records
    found = (event.event_log_entry.get_dagster_event() for event in events)
    return {e.step_key: told_by(e.step_failure_data.error) for e in found if e.step_key}


def _assets_of_steps(graph: AssetGraph) -> Mapping[str, Sequence[dg.AssetKey]]:
    """Assets by the step that makes them."""
    steps: dict[str, list[dg.AssetKey]] = {}
    for key in graph.executable_asset_keys:
        steps.setdefault(graph.get(key).assets_def.node_def.name, []).append(key)
    return steps


def _made_since(
    opened: dg.DagsterInstance, job: str, keys: Sequence[dg.AssetKey], end: float
) -> bool:
    """Whether one of the assets was made after `end`; of other jobs, whether it has succeeded."""
    if not keys:
        succeeded = dg.RunsFilter(
            job_name=job, statuses=[dg.DagsterRunStatus.SUCCESS],
            updated_after=dt.datetime.fromtimestamp(end, dt.UTC),
        )  # fmt: skip
        return bool(opened.get_runs_count(succeeded))
    made = (record.asset_entry.last_materialization_record for record in
            opened.get_asset_records([*keys]))  # fmt: skip
    return any(event is not None and event.timestamp > end for event in made)


def failed_checks(opened: dg.DagsterInstance, graph: AssetGraph) -> Iterator[Finding]:
    """Asset checks whose newest evaluation failed."""
    keys = [key for key in graph.asset_check_keys if key.name != _LIVE]
    summaries = opened.event_log_storage.get_asset_check_summary_records(keys)
    for key in sorted(summaries, key=str):
        newest = summaries[key].last_completed_check_execution_record
        if not newest or newest.status is not AssetCheckExecutionRecordStatus.FAILED:
            continue
        evaluation = newest.event and newest.event.asset_check_evaluation
        asset = key.asset_key.to_user_string()
        yield Finding(
            f"check {key.name} of {asset}", False,
            (evaluation and evaluation.description) or "it failed",
            f"its page says more (`forecast-platform ui`, asset {asset}); mend what landed, then "
            f"`{RUN}`",
            dt.datetime.fromtimestamp(newest.create_timestamp, dt.UTC),
            warns=bool(evaluation and evaluation.severity is dg.AssetCheckSeverity.WARN),
        )  # fmt: skip
    yield Finding("checks", True, f"{len(keys)} looked at")


def messages(opened: dg.DagsterInstance, retention: dt.timedelta) -> Iterator[Finding]:
    """Whether records of runs are deleted as the retention says; nothing else bounds them."""
    before = dt.datetime.now(dt.UTC) - retention - _OVERDUE
    overdue = opened.get_runs_count(ended_before(before))
    yield Finding(
        "messages", not overdue,
        f"{overdue} runs are kept longer than {retention.days} days" if overdue
        else f"{opened.get_runs_count()} runs are kept",
        "`forecast-platform maintain`, and switch on the schedule weekly_maintenance",
    )  # fmt: skip


def ended_before(moment: dt.datetime) -> dg.RunsFilter:
    """Runs that had ended at a moment."""
    ended = [
        dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED,
    ]  # fmt: skip
    return dg.RunsFilter(statuses=ended, updated_before=moment)
