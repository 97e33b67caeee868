"""The landing sensor: a folder that changed is landed, also where the run for it was killed."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from forecast_platform.defs import sensors
from forecast_platform.defs.resources import HomeResource
from forecast_platform.defs.sensors import landing_sensor
from forecast_platform.settings import settings

FAILED, DONE = dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS
CANCELED = dg.DagsterRunStatus.CANCELED


@pytest.fixture
def landing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("FORECAST_PLATFORM_HOME", str(tmp_path))
    monkeypatch.setenv("FORECAST_PLATFORM_SETTLE_SECONDS", "0")
    settings.cache_clear()
    folder = tmp_path / "landing" / "sales"
    folder.mkdir(parents=True)
    (folder / "one.csv").write_text("date,item_id,location_id,units\n")
    yield folder
    settings.cache_clear()


class Daemon:
    """Ticks the sensor, and ends the runs it asks for as it is told."""

    def __init__(self) -> None:
        self.instance = dg.DagsterInstance.ephemeral()
        self.cursor: str | None = None

    def tick(self, ends: dg.DagsterRunStatus) -> int:
        """Runs asked for."""
        resources = {"home": HomeResource()}
        with dg.build_sensor_context(self.instance, self.cursor, resources=resources) as context:
            answer = landing_sensor(context)
        if not isinstance(answer, dg.SensorResult):
            return 0
        self.cursor = answer.cursor
        requests = list(answer.run_requests or [])
        for request in requests:
            run = dg.DagsterRun(job_name="land_files", status=ends, tags=dict(request.tags))
            self.instance.run_storage.add_run(run)
        return len(requests)


def test_a_folder_is_landed_once(landing: Path) -> None:
    daemon = Daemon()
    assert [daemon.tick(DONE) for _ in range(3)] == [1, 0, 0]
    (landing / "two.csv").write_text("date,item_id,location_id,units\n")
    assert [daemon.tick(DONE) for _ in range(2)] == [1, 0]


def test_files_whose_landing_was_killed_are_landed_at_the_next_look(landing: Path) -> None:
    daemon = Daemon()
    assert [daemon.tick(end) for end in (FAILED, CANCELED, DONE, DONE)] == [1, 1, 1, 0]


@pytest.mark.parametrize("where", ["sales/mapping.yaml", "mapping.yaml"])
def test_files_are_looked_at_again_once_a_mapping_says_how_to_read_them(
    landing: Path, where: str
) -> None:
    daemon = Daemon()
    (landing.parent / where).write_text("sales: [")
    assert [daemon.tick(DONE) for _ in range(2)] == [1, 0]
    mapping = {"sales": {"decimal": ","}} if where == "mapping.yaml" else {"decimal": ","}
    (landing.parent / where).write_text(json.dumps(mapping))
    assert [daemon.tick(DONE) for _ in range(2)] == [1, 0]


def test_files_are_looked_at_again_on_the_next_day(
    landing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon, now = Daemon(), time.time()
    assert [daemon.tick(DONE) for _ in range(2)] == [1, 0]
    monkeypatch.setattr(time, "time", lambda: now + 24 * 60 * 60)
    assert [daemon.tick(DONE) for _ in range(2)] == [1, 0]


def test_a_landing_that_fails_three_times_is_tried_again_after_a_while(
    landing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon = Daemon()
    assert [daemon.tick(FAILED) for _ in range(5)] == [1, 1, 1, 0, 0]
    monkeypatch.setattr(sensors, "_PAUSE", dt.timedelta(0))
    assert [daemon.tick(end) for end in (FAILED, DONE, DONE)] == [1, 1, 0]
