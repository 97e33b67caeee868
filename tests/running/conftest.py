"""A small shop with the real pages and the real daemon running over it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
COMMAND = str(Path(sys.executable).parent / "forecast-platform")
_GRACE_SECONDS = 20


def until(condition: Callable[[], object], what: str, seconds: float = 600,
          state: Callable[[], object] = str) -> None:  # fmt: skip
    """Wait for what another process does; `state` says how far it is where it does not."""
    pause, end = threading.Event(), time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds:.0f} s for {what}: {state()}"
        pause.wait(0.5)


@dataclass(frozen=True)
class Running:
    """Where the shop lies and where its pages are."""

    home: Path
    environment: dict[str, str]
    dagster: str
    mlflow: str
    watch: str = ""

    @staticmethod
    def program(question: str) -> str:
        """A program that prints a Python expression over `home: Home` as JSON."""
        return (
            "import json, datetime as dt, polars as pl\n"
            "from forecast_platform.home import Home\n"
            "from forecast_platform.settings import settings\n"
            f"home = Home(settings())\nprint(json.dumps({question}, default=str))"
        )

    def ask(self, question: str) -> object:
        """Evaluate a Python expression over `home: Home` in a process of its own."""
        answer = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", self.program(question)],
            env=self.environment, capture_output=True, text=True, check=True,
        )  # fmt: skip
        return json.loads(answer.stdout)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@contextmanager
def process(environment: dict[str, str], *words: object) -> Iterator[None]:
    """A process of the platform, stopped as a container is: asked, then made to with all of its."""
    started = subprocess.Popen(
        [COMMAND, *map(str, words)],
        env=environment, stdout=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        yield
        assert started.poll() is None, f"{words} ended by itself"
    finally:
        started.terminate()
        with suppress(subprocess.TimeoutExpired):
            started.wait(timeout=_GRACE_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGKILL)
        started.wait()


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    home = tmp_path_factory.mktemp("running")
    environment = {
        **os.environ,
        "FORECAST_PLATFORM_HOME": str(home),
        "FORECAST_PLATFORM_MODELS": '["seasonal_naive"]',
        "FORECAST_PLATFORM_SAMPLE_PATHS": "20",
        "FORECAST_PLATFORM_BACKTEST_ORIGINS": "1",
        "FORECAST_PLATFORM_SETTLE_SECONDS": "0",
        "OMP_NUM_THREADS": "1",
    }
    demo = [COMMAND, "demo", "--items", "6", "--locations", "1", "--days", "100", "--issued", "3"]
    subprocess.run(demo, env=environment, check=True, capture_output=True)
    ports = free_port(), free_port(), free_port()
    pages = [f"http://127.0.0.1:{port}" for port in ports]
    names = ("--port", "--mlflow-port", "--watch-port")
    options = (word for option in zip(names, ports, strict=True) for word in option)
    with process(environment, "ui", *options):
        until(lambda: answers(f"{pages[0]}/server_info"), "the Dagster page")
        yield Running(home, environment, *pages)
