"""Dagster's run launcher, which also knows whether the process of a run is still there.

Dagster's own cannot tell, so a run whose process went with its machine or code location would look
alive for ever, hold its slots, and keep `follow_sensor` waiting. The daemon asks every few seconds
(`run_monitoring` in `dagster.yaml`) and fails the runs of the dead.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import Any

import grpc  # type: ignore[import-untyped]
from dagster import DagsterInstance, DagsterRun
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher import CheckRunHealthResult, DefaultRunLauncher, WorkerStatus
from dagster._grpc.types import CanCancelExecutionRequest, CanCancelExecutionResult
from dagster._serdes import deserialize_value

PROCESS_TAG = "forecast_platform/process"
"""Host and process of a run that a person's command makes itself."""
ALIVE_TAG = "forecast_platform/alive_at"
"""Seconds since 1970 at which that process last said that it is there."""

_SECONDS = 10
_BEAT_SECONDS = 30.0
_PATIENCE_SECONDS = 300.0
"""Silence that an overloaded machine is granted; what is known to be gone is not waited for."""


class WatchedRunLauncher(DefaultRunLauncher):
    """Launches runs in the code location's server, and asks it whether they are still at work."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._silent_since: dict[str, float] = {}

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
        except DagsterUserCodeUnreachableError as error:
            is_waited_for = _is_late(error) and self._silence(run) < _PATIENCE_SECONDS
            return _health(is_waited_for, "The code location that made this run is gone.")
        self._silent_since.pop(run.run_id, None)
        known = deserialize_value(answer, CanCancelExecutionResult).can_cancel
        return _health(known, "The code location that made this run was started again.")

    def _silence(self, run: DagsterRun) -> float:
        """Seconds since the code location of a run was first late to answer."""
        now = time.monotonic()
        return now - self._silent_since.setdefault(run.run_id, now)


@contextmanager
def signs_of_life(opened: DagsterInstance, run_id: str) -> Iterator[dict[str, str]]:
    """Let a run of this process say that it is there; yields the tags it begins with."""
    over = Event()

    def beat() -> None:
        while not over.wait(_BEAT_SECONDS):
            with suppress(Exception):
                opened.add_run_tags(run_id, {ALIVE_TAG: str(int(time.time()))})

    beats = Thread(target=beat, daemon=True)
    beats.start()
    try:
        yield {
            PROCESS_TAG: f"{socket.gethostname()}:{os.getpid()}",
            ALIVE_TAG: str(int(time.time())),
        }
    finally:
        over.set()
        beats.join()


def is_orphan(run: DagsterRun) -> bool:
    """Whether a run of a person's command lost its process; on another machine, by its silence."""
    host, _, process = run.tags.get(PROCESS_TAG, "").rpartition(":")
    if not host:
        return False
    if host == socket.gethostname():
        return not _is_alive(int(process))
    alive_at = float(run.tags.get(ALIVE_TAG, "inf"))
    return time.time() - alive_at > _PATIENCE_SECONDS


def _is_late(error: DagsterUserCodeUnreachableError) -> bool:
    cause = error.__cause__
    return isinstance(cause, grpc.RpcError) and cause.code() == grpc.StatusCode.DEADLINE_EXCEEDED


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
