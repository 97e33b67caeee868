"""Drills of the processes: two daemons over one Postgres, and what they need is killed."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import drill_driver as drills
import law_runs
import law_shop as shop
import pgserver
import pytest
import yaml

from tests.database import records
from tests.running.conftest import COMMAND, free_port, until
from tests.running.test_topology import WORKSPACE, listens

_SECONDS = 900


class Process:
    """A process of the platform with its children, which can be killed and started again."""

    def __init__(self, environment: dict[str, str], only: str, *options: object) -> None:
        self._environment = environment
        self._command = [COMMAND, "ui", "--only", only, *map(str, options)]
        self.start()

    def start(self) -> None:
        with Path(self._environment["DRILL_LOG"]).open("ab") as log:
            self._process = subprocess.Popen(
                self._command, env=self._environment, start_new_session=True,
                stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def replaced(self) -> None:
        self.kill()
        self.start()


class Platform:
    """A home with Postgres, a code location and two daemons."""

    def __init__(self, folder: Path, records: Path) -> None:
        self.home, self._records = folder / "home", records
        self.database = pgserver.get_server(records, cleanup_mode="stop")
        port = free_port()
        content = yaml.safe_load(WORKSPACE.read_text())
        content["load_from"][0]["grpc_server"] |= {"host": "127.0.0.1", "port": port}
        workspace = folder / "workspace.yaml"
        workspace.write_text(yaml.safe_dump(content))
        environment = {
            **os.environ, **law_runs.ENVIRONMENT, "DRILL_LOG": str(folder / "log"),
            "FORECAST_PLATFORM_HOME": str(self.home),
            "FORECAST_PLATFORM_TIMEZONE": "America/New_York",
            "FORECAST_PLATFORM_DATABASE_URL": self.database.get_uri(),
        }  # fmt: skip
        self.code = Process(environment, "code", "--code-port", port)
        until(lambda: listens(port), "the code location", _SECONDS)
        self.daemons = [Process(environment, "daemon", "--workspace", workspace) for _ in range(2)]

    def restart_database(self) -> None:
        """Connections break, and for a moment none is answered."""
        self.database.cleanup()
        time.sleep(1)
        self.database = pgserver.get_server(self._records, cleanup_mode="stop")

    def stop(self) -> None:
        for process in (*self.daemons, self.code):
            process.kill()
        self.database.cleanup()

    def strikes(self, draw: random.Random) -> dict[str, Callable[[], None]]:
        return {
            "code location replaced": self.code.replaced,
            "daemon killed": draw.choice(self.daemons).replaced,
            "Postgres restarted": self.restart_database,
        }

    def commits(self) -> int:
        """Publications so far."""
        return len([*(self.home / "lake" / "_ledger" / "_delta_log").glob("*.json")])

    def settled(self, files: shop.Files) -> bool:
        """Whether all that was sent has landed and nothing is stale."""
        return bool(drills.ask("settled", self.home, shop.rows_in(files)))


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drills.opened(tmp_path_factory.mktemp("opened"))


@contextmanager
def platform(opened: Path, folder: Path) -> Iterator[Platform]:
    shutil.copytree(opened, folder / "home")
    with ExitStack() as stack:
        started = Platform(folder, stack.enter_context(records()))
        stack.callback(started.stop)
        yield started


def live(seed: int, opened: Path, folder: Path) -> tuple[list[str], list[float]]:
    """What is wrong after two arrivals with strikes, and how long each recovery took."""
    draw = random.Random(seed)
    files: dict[str, bytes] = dict(shop.opening())
    took: list[float] = []
    with platform(opened, folder) as running:
        for _ in range(2):
            sent = shop.new_days(draw.randint(1, 3)) | drills.arrivals(draw)
            files |= sent
            before = running.commits()
            shop.put(running.home / "landing", sent)
            strikes: dict[str, Any] = running.strikes(draw)
            for name in draw.sample(sorted(strikes), 2):
                most = before + draw.randint(1, 9)
                until(lambda m=most, f=files: running.commits() >= m or running.settled(f),
                      f"work before: {name}", _SECONDS)  # fmt: skip
                strikes[name]()
                before = running.commits()
            struck = time.monotonic()
            until(lambda f=files: running.settled(f), "the tables", _SECONDS)
            took.append(time.monotonic() - struck)
        made = folder / "made"
        shutil.copytree(running.home / "landing", made / "landing")
        assert drills.do("rebuild", made, running.home) == drills.DONE
        wrong, _ = drills.ask("judge", running.home, made, shop.rows_in(files))
    return wrong, took


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(2))
def test_two_daemons_struck_meanwhile_end_in_the_tables_of_a_rebuild(
    seed: int, opened: Path, tmp_path: Path
) -> None:
    wrong, took = live(seed, opened, tmp_path)
    print(f"recovered after {[round(seconds) for seconds in took]} s")
    assert wrong == []
