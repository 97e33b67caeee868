"""Dagster's run launcher, which also knows whether the process of a run is still there.

Dagster's own cannot tell, so a run whose process went with its machine or code location would look
alive for ever, hold its slots, and keep `follow_sensor` waiting. The daemon asks every few seconds
(`run_monitoring` in `dagster.yaml`) and fails the runs of the dead.
"""

from __future__ import annotations

import os
import socket

from dagster import DagsterRun
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher import CheckRunHealthResult, DefaultRunLauncher, WorkerStatus
from dagster._grpc.types import CanCancelExecutionRequest, CanCancelExecutionResult
from dagster._serdes import deserialize_value

PROCESS_TAG = "forecast_platform/process"
"""Host and process of a run that a person's command makes itself."""

_SECONDS = 10


class WatchedRunLauncher(DefaultRunLauncher):
    """Launches runs in the code location's server, and asks it whether they are still at work."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Yes: that is what this class is for."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Whether the process of a started run is there."""
        client = self._get_grpc_client_for_termination(run.run_id)  # type: ignore[no-untyped-call]
        if client is None:
            return _health(not is_orphan(run), "The process that made this run was killed.")
        try:
            asked = CanCancelExecutionRequest(run_id=run.run_id)
            answer = client.can_cancel_execution(asked, timeout=_SECONDS)
        except DagsterUserCodeUnreachableError:
            return _health(False, "The code location that made this run is gone.")
        known = deserialize_value(answer, CanCancelExecutionResult).can_cancel
        return _health(known, "The code location that made this run was started again.")


def is_orphan(run: DagsterRun) -> bool:
    """Whether a run of a person's command lost its process, as far as this machine can tell."""
    host, _, process = run.tags.get(PROCESS_TAG, "").rpartition(":")
    return host == socket.gethostname() and not _is_alive(int(process))


def _health(is_alive: bool, told: str) -> CheckRunHealthResult:
    if is_alive:
        return CheckRunHealthResult(WorkerStatus.RUNNING)
    return CheckRunHealthResult(WorkerStatus.NOT_FOUND, told)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
