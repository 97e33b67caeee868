"""The processes behind `forecast-platform ui`: Dagster's page and daemon, MLflow's page."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from forecast_platform.databases import mlflow_address
from forecast_platform.defs.instance import prepare
from forecast_platform.errors import ConfigurationError
from forecast_platform.settings import Settings

WORKSPACE = Path(__file__).resolve().parents[1] / "workspace.yaml"
_ADDRESS = "127.0.0.1"
_POLL_SECONDS = 1.0


def commands(settings: Settings, port: int, mlflow_port: int) -> dict[str, list[str]]:
    """Command line of each process by name."""
    return {
        "Dagster UI": [
            _program("dagster-webserver"), "--workspace", str(WORKSPACE),
            "--host", _ADDRESS, "--port", str(port),
        ],
        "Dagster daemon": [_program("dagster-daemon"), "run", "--workspace", str(WORKSPACE)],
        "MLflow UI": [
            _program("mlflow"), "server", "--host", _ADDRESS, "--port", str(mlflow_port),
            "--workers", "1",
        ],
    }  # fmt: skip


def serve(settings: Settings, port: int, mlflow_port: int, say: Callable[[str], None]) -> None:
    """Start all processes and wait until one ends or Ctrl-C.

    Raises:
        ConfigurationError: If a port is taken.
    """
    for number in (port, mlflow_port):
        _require_free(number)
    prepare(settings)
    settings.mlflow_home.mkdir(parents=True, exist_ok=True)
    # Warnings are for those who write the code; the children's logs are for those who run it.
    # The address of the database goes by environment: a command line is for all to see.
    os.environ |= {
        "MLFLOW_DISABLE_TELEMETRY": "true", "PYTHONWARNINGS": "ignore",
        "MLFLOW_BACKEND_STORE_URI": mlflow_address(settings),
    }  # fmt: skip
    logs = settings.home / "logs"
    logs.mkdir(exist_ok=True)
    running: list[subprocess.Popen[bytes]] = []
    # A supervisor stops us by SIGTERM; the children have to end then as with Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        for name, command in commands(settings, port, mlflow_port).items():
            with (logs / f"{name.lower().replace(' ', '-')}.log").open("wb") as log:
                running.append(subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT))
        say(f"Dagster   http://{_ADDRESS}:{port}")
        say(f"MLflow    http://{_ADDRESS}:{mlflow_port}")
        say(f"logs      {logs}")
        say("Stop with Ctrl-C.")
        while all(process.poll() is None for process in running):
            time.sleep(_POLL_SECONDS)
        ended = [str(process.args) for process in running if process.poll() is not None]
        say(f"Ended: {ended}; see {logs}")
    finally:
        _stop(running)


def _stop(running: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in running:
        process.terminate()
    for process in running:
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()


def _program(name: str) -> str:
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if not found:
        raise ConfigurationError(f"{name} is not installed: install the project's requirements.")
    return found


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_ADDRESS, port))
        except OSError as error:
            raise ConfigurationError(
                f"Port {port} is taken: stop what uses it, or choose another (--port, "
                "--mlflow-port)."
            ) from error
