"""The processes behind `forecast-platform ui`: Dagster's page and daemon, MLflow's page, watching.

On one machine they run together, and Dagster starts the code location itself. In containers each
runs alone, the code location too, and a workspace file names where it answers.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import NoReturn

from forecast_platform.databases import mlflow_address
from forecast_platform.errors import ConfigurationError
from forecast_platform.settings import Settings
from forecast_platform.tracking.artifacts import artifacts_environment

WORKSPACE = Path(__file__).resolve().parents[1] / "workspace.yaml"
_DEFINITIONS = "forecast_platform.definitions"
_POLL_SECONDS = 1.0


class Server(StrEnum):
    """A process of the platform."""

    CODE = "code"
    WEBSERVER = "webserver"
    DAEMON = "daemon"
    MLFLOW = "mlflow"
    WATCH = "watch"
    LIVENESS = "liveness"
    """No server: asks whether the daemon is at work, and ends with exit code 1 if it is not."""


@dataclass(frozen=True)
class Addresses:
    """Where the processes listen, and which code locations they load.

    Attributes:
        host: Interface: 127.0.0.1 is this machine alone, 0.0.0.0 whoever reaches it.
        port: Port of the Dagster UI.
        mlflow_port: Port of the MLflow UI.
        watch_port: Port of health page and metrics.
        code_port: Port of a code location that runs alone.
        workspace: Dagster's file of code locations.
    """

    host: str = "127.0.0.1"
    port: int = 3000
    mlflow_port: int = 5000
    watch_port: int = 9464
    code_port: int = 4000
    workspace: Path = WORKSPACE


def command(server: Server, at: Addresses, log_format: str = "text") -> list[str]:
    """Command line of a process."""
    # Dagster's own name of it; of what runs the platform's code, `logs.py` writes the lines.
    lines = ["--log-format", "json"] if log_format == "json" else []
    match server:
        case Server.CODE:
            return [
                _program("dagster"), "api", "grpc", "--module-name", _DEFINITIONS,
                "--host", at.host, "--port", str(at.code_port), *lines,
            ]  # fmt: skip
        case Server.WEBSERVER:
            return [
                _program("dagster-webserver"), "--workspace", str(at.workspace),
                "--host", at.host, "--port", str(at.port), *lines,
            ]  # fmt: skip
        case Server.DAEMON:
            return [_program("dagster-daemon"), "run", "--workspace", str(at.workspace), *lines]
        case Server.LIVENESS:
            return [_program("dagster-daemon"), "liveness-check"]
        case Server.MLFLOW:
            return [
                _program("mlflow"), "server", "--host", at.host, "--port", str(at.mlflow_port),
                "--workers", "1",
            ]  # fmt: skip
        case Server.WATCH:
            return [
                sys.executable, "-W", "ignore", "-m", "forecast_platform.watching",
                "--host", at.host, "--port", str(at.watch_port),
            ]  # fmt: skip


def serve(settings: Settings, at: Addresses, say: Callable[[str], None]) -> None:
    """Start the pages and the daemon and wait until one ends or Ctrl-C.

    Raises:
        ConfigurationError: If a port is taken.
    """
    for number in (at.port, at.mlflow_port, at.watch_port):
        _require_free(at.host, number)
    _prepare(settings)
    # Warnings are for those who write the code; the children's logs are for those who run it.
    os.environ["PYTHONWARNINGS"] = "ignore"
    logs = settings.home / "logs"
    logs.mkdir(exist_ok=True)
    names = {
        Server.WEBSERVER: "dagster-ui", Server.DAEMON: "dagster-daemon",
        Server.MLFLOW: "mlflow-ui", Server.WATCH: "watch",
    }  # fmt: skip
    running: list[subprocess.Popen[bytes]] = []
    # A supervisor stops us by SIGTERM; the children have to end then as with Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        for server, name in names.items():
            words = command(server, at, settings.log_format)
            with (logs / f"{name}.log").open("wb") as log:
                running.append(subprocess.Popen(words, stdout=log, stderr=subprocess.STDOUT))
        say(f"Dagster   http://{at.host}:{at.port}")
        say(f"MLflow    http://{at.host}:{at.mlflow_port}")
        say(f"Health    http://{at.host}:{at.watch_port}    (metrics: /metrics)")
        say(f"logs      {logs}")
        say("Stop with Ctrl-C.")
        while all(process.poll() is None for process in running):
            time.sleep(_POLL_SECONDS)
        ended = [str(process.args) for process in running if process.poll() is not None]
        say(f"Ended: {ended}; see {logs}")
    finally:
        _stop(running)


def become(server: Server, settings: Settings, at: Addresses) -> NoReturn:
    """Turn this process into one of the servers: signals, log and exit code are its own."""
    _prepare(settings)
    words = command(server, at, settings.log_format)
    os.execv(words[0], words)


def _prepare(settings: Settings) -> None:
    # Not at the top: it imports Dagster, and the command line names the servers before that.
    from forecast_platform.defs.instance import prepare

    prepare(settings)
    settings.mlflow_home.mkdir(parents=True, exist_ok=True)
    # The address of the database goes by environment: a command line is for all to see.
    os.environ |= {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        # Jobs that whoever reaches the page could start; the platform has none.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_BACKEND_STORE_URI": mlflow_address(settings),
        **artifacts_environment(settings.storage),
    }
    # A code location that is told to stop lets calls in progress, such as sensors', end: not for
    # Dagster's minute, which is longer than a container has.
    os.environ.setdefault("DAGSTER_GRPC_SHUTDOWN_GRACE_PERIOD", "5")


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


def _require_free(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except socket.gaierror as error:
            raise ConfigurationError(
                f"{host} is no address of this machine: choose another --host."
            ) from error
        except OSError as error:
            raise ConfigurationError(
                f"Port {port} is taken: stop what uses it, or choose another (--port, "
                "--mlflow-port, --watch-port)."
            ) from error
