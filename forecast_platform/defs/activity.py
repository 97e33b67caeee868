"""What Dagster's records tell of late: runs, their steps, ticks, the daemon, open alerts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph
from dagster._core.definitions.assets.job.asset_job import is_reserved_asset_job_name
from dagster._core.definitions.run_request import InstigatorType

from forecast_platform.defs.instance import open_instance
from forecast_platform.defs.records import record_looks
from forecast_platform.defs.sensors import alert_sensor
from forecast_platform.settings import Settings
from forecast_platform.watching.alerts import Alert, Book
from forecast_platform.watching.findings import Look
from forecast_platform.watching.sight import Activity, Run, Tick

_RUNS = 50


class Records:
    """The records of one home, kept open to be read again and again."""

    def __init__(self, opened: dg.DagsterInstance, graph: AssetGraph, settings: Settings) -> None:
        self._opened = opened
        self._graph = graph
        self._settings = settings
        self._steps: dict[str, Mapping[str, float]] = {}

    def looks(self) -> dict[str, Look]:
        """What looks for something wrong, by group."""
        return record_looks(self._opened, self._graph, self._settings)

    def activity(self) -> Activity:
        """What went on of late."""
        runs = [*self._runs()]
        alerts: list[Alert] = []
        ticks = []
        for state in self._opened.all_instigator_state(instigator_type=InstigatorType.SENSOR):
            data = state.instigator_data
            if state.name == alert_sensor.name and data:
                alerts = Book.read(getattr(data, "cursor", None)).begun
            newest = self._opened.get_ticks(state.instigator_origin_id, state.selector_id, limit=1)
            ticks += [Tick(state.name, tick.status.value, _time(tick.timestamp),
                           (tick.end_timestamp or tick.timestamp) - tick.timestamp)
                      for tick in newest]  # fmt: skip
        return Activity(runs, self._newest_steps(runs), ticks, self._beats(), alerts)

    def _runs(self) -> Iterator[Run]:
        for record in self._opened.get_run_records(limit=_RUNS):
            run, began, ended = record.dagster_run, record.start_time, record.end_time
            seconds = ended - began if began and ended else None
            moment = _time(began) if began else record.create_timestamp
            yield Run(run.run_id, _named(run), run.status.value, moment, seconds)

    def _newest_steps(self, runs: list[Run]) -> dict[str, float]:
        """Seconds of the newest success of each step; runs that ended do not change."""
        known = {run.id: self._steps.get(run.id) or self._steps_of(run.id)
                 for run in runs if run.seconds is not None}  # fmt: skip
        self._steps = known
        return {step: seconds for one in reversed(known.values()) for step, seconds in one.items()}

    def _steps_of(self, run_id: str) -> dict[str, float]:
        events = self._opened.get_records_for_run(
            run_id, of_type=dg.DagsterEventType.STEP_SUCCESS
        ).records
        found = (event.event_log_entry.get_dagster_event() for event in events)
        return {e.step_key: e.step_success_data.duration_ms / 1000 for e in found if e.step_key}

    def _beats(self) -> dict[str, dt.datetime]:
        beats = self._opened.get_daemon_heartbeats()
        needed = self._opened.get_required_daemon_types()
        return {name: _time(beat.timestamp) for name, beat in beats.items() if name in needed}


@contextmanager
def records(settings: Settings) -> Iterator[Records]:
    """The records of the home that the settings name."""
    from forecast_platform.definitions import defs

    with open_instance(settings) as opened:
        yield Records(opened, defs.resolve_asset_graph(), settings)


def _named(run: dg.DagsterRun) -> str:
    """Its job; a run of chosen assets has none, so those stand for it."""
    if not is_reserved_asset_job_name(run.job_name):
        return run.job_name
    names = sorted(key.to_user_string() for key in run.asset_selection or ())
    return "assets" if len(names) != 1 else names[0]


def _time(stamp: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(stamp, dt.UTC)
