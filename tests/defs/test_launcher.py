"""A run whose process is gone does not look alive, so that the daemon goes on."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.launcher import WorkerStatus
from dagster._core.storage.tags import GRPC_INFO_TAG

from forecast_platform.defs import launcher
from forecast_platform.defs.instance import execute, instance
from forecast_platform.defs.launcher import ALIVE_TAG, PROCESS_TAG
from forecast_platform.settings import Settings
from tests.running.conftest import until


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    for name in ("DAGSTER_HOME", "FORECAST_PLATFORM_HOME"):
        monkeypatch.setenv(name, "")
    with instance(Settings(home=tmp_path / "home")) as found:
        yield found


def ended_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def health(opened: dg.DagsterInstance, tags: dict[str, str]) -> WorkerStatus:
    run = dg.DagsterRun(job_name="any", status=dg.DagsterRunStatus.STARTED, tags=tags)
    opened.run_storage.add_run(run)
    return opened.run_launcher.check_run_worker_health(run).status


def newest(opened: dg.DagsterInstance) -> Mapping[str, str]:
    (run,) = opened.get_runs()
    return run.tags


def test_a_run_of_a_code_location_that_is_gone_is_dead(
    opened: dg.DagsterInstance, tmp_path: Path
) -> None:
    where = {"host": "localhost", "socket": str(tmp_path / "gone")}
    assert health(opened, {GRPC_INFO_TAG: json.dumps(where)}) == WorkerStatus.NOT_FOUND


def test_a_run_of_a_command_is_alive_as_long_as_its_process(opened: dg.DagsterInstance) -> None:
    here = socket.gethostname()
    assert health(opened, {PROCESS_TAG: f"{here}:{os.getpid()}"}) == WorkerStatus.RUNNING
    assert health(opened, {PROCESS_TAG: f"{here}:{ended_process()}"}) == WorkerStatus.NOT_FOUND


@pytest.mark.parametrize(("seconds", "status"), [(60, "RUNNING"), (600, "NOT_FOUND")])
def test_a_run_of_a_command_elsewhere_is_alive_as_long_as_it_says_so(
    opened: dg.DagsterInstance, seconds: int, status: str
) -> None:
    tags = {PROCESS_TAG: "another machine:1", ALIVE_TAG: str(int(time.time()) - seconds)}
    assert health(opened, tags) == WorkerStatus[status]


def test_a_run_of_this_process_says_that_it_is_there(
    opened: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launcher, "_BEAT_SECONDS", 0.01)

    @dg.op
    def wait() -> None:
        said = {newest(opened)[ALIVE_TAG]}
        until(lambda: len(said | {newest(opened)[ALIVE_TAG]}) == 2, "a second sign of life")

    @dg.job
    def waiting() -> None:
        wait()

    execute(waiting, opened)
    assert newest(opened)[PROCESS_TAG] == f"{socket.gethostname()}:{os.getpid()}"


def test_a_code_location_that_answers_late_is_waited_for_a_while(
    opened: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as deaf:
        # It takes connections and says nothing, as one on a machine without a free core.
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        monkeypatch.setattr(launcher, "_SECONDS", 1)
        tags = {GRPC_INFO_TAG: json.dumps({"host": "127.0.0.1", "port": deaf.getsockname()[1]})}
        assert health(opened, tags) == WorkerStatus.RUNNING
        (run,) = opened.get_runs()
        monkeypatch.setattr(launcher, "_PATIENCE_SECONDS", 0)
        assert opened.run_launcher.check_run_worker_health(run).status == WorkerStatus.NOT_FOUND


def test_the_daemon_looks_for_dead_runs(opened: dg.DagsterInstance) -> None:
    assert opened.run_launcher.supports_check_run_worker_health
    assert opened.run_monitoring_enabled
    assert opened.run_monitoring_poll_interval_seconds <= 15
