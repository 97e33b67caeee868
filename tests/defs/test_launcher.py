"""A run whose process is gone does not look alive, so that the daemon goes on."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.launcher import WorkerStatus
from dagster._core.storage.tags import GRPC_INFO_TAG

from forecast_platform.defs.instance import instance
from forecast_platform.defs.launcher import PROCESS_TAG
from forecast_platform.settings import Settings


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


def test_a_run_of_a_code_location_that_is_gone_is_dead(
    opened: dg.DagsterInstance, tmp_path: Path
) -> None:
    where = {"host": "localhost", "socket": str(tmp_path / "gone")}
    assert health(opened, {GRPC_INFO_TAG: json.dumps(where)}) == WorkerStatus.NOT_FOUND


def test_a_run_of_a_command_is_alive_as_long_as_its_process(opened: dg.DagsterInstance) -> None:
    here = socket.gethostname()
    assert health(opened, {PROCESS_TAG: f"{here}:{os.getpid()}"}) == WorkerStatus.RUNNING
    assert health(opened, {PROCESS_TAG: f"{here}:{ended_process()}"}) == WorkerStatus.NOT_FOUND
    assert health(opened, {PROCESS_TAG: "another machine:1"}) == WorkerStatus.RUNNING


def test_the_daemon_looks_for_dead_runs(opened: dg.DagsterInstance) -> None:
    assert opened.run_launcher.supports_check_run_worker_health
    assert opened.run_monitoring_enabled
    assert opened.run_monitoring_poll_interval_seconds <= 15
