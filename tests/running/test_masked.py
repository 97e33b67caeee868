"""No process of Dagster tells the database's password: not without a database, nor when code fails.

What fails here is code of a shop's own that tells the address, the worst that an error can do.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from forecast_platform.databases import make_schemas, postgres_address
from forecast_platform.defs.instance import configuration
from forecast_platform.settings import Settings
from tests import command_line as shop
from tests import database
from tests.running.conftest import free_port, until

PASSWORD = "sesame-of-the-records"
EVENTS = "\\c platform\n\\t\nselect dagster_event_type || event from dagster.event_logs"
TELLING = """
import os
import dagster as dg
from forecast_platform.logs import configure
from forecast_platform.settings import settings

configure(settings())
told = "cannot reach " + os.environ["DAGSTER_DATABASE_URL"]
running = dg.DefaultSensorStatus.RUNNING

@dg.asset
def sesame(context):
    context.log.error(told)
    raise ValueError(told)

@dg.sensor(asset_selection=["sesame"], minimum_interval_seconds=1, default_status=running)
def starting(context):
    return dg.RunRequest(run_key="once")

@dg.sensor(asset_selection=["sesame"], minimum_interval_seconds=1, default_status=running)
def failing(context):
    raise ValueError(told)

defs = dg.Definitions([sesame], sensors=[starting, failing], executor=dg.in_process_executor)
"""


def environment(home: Path, address: str) -> dict[str, str]:
    """Of a process of Dagster's over a home whose records lie in that database."""
    chosen = Settings(home=home, database_url=address)  # type: ignore[arg-type]
    chosen.dagster_home.mkdir(parents=True)
    (chosen.dagster_home / "dagster.yaml").write_text(yaml.safe_dump(configuration(chosen)))
    return shop.environment(
        home, FORECAST_PLATFORM_DATABASE_URL=address, DAGSTER_HOME=str(chosen.dagster_home),
        DAGSTER_DATABASE_URL=postgres_address(chosen, "dagster") or "",
        PYTHONPATH=os.pathsep.join([str(home), *sys.path]), PYTHONWARNINGS="ignore",
    )  # fmt: skip


def program(name: str, *words: object) -> list[str]:
    return [str(Path(sys.executable).with_name(name)), *map(str, words)]


@pytest.mark.nightly
@pytest.mark.parametrize(
    "words",
    [
        ("dagster-daemon", "run", "--empty-workspace"),
        ("dagster-webserver", "--empty-workspace", "--port", free_port()),
        ("dagster", "api", "grpc", "--module-name", "telling", "--port", free_port()),
    ],
    ids=lambda words: words[0],
)
def test_a_database_that_refuses_is_told_without_its_password(
    tmp_path: Path, words: tuple[object, ...]
) -> None:
    (tmp_path / "telling.py").write_text("import dagster as dg\ndefs = dg.Definitions()\n")
    address = f"postgresql://platform:{PASSWORD}@127.0.0.1:{free_port()}/platform"
    done = subprocess.run(
        program(*words), env=environment(tmp_path, address), capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert "Connection refused" in done.stderr + done.stdout
    assert PASSWORD not in done.stderr + done.stdout


def told_both(daemon: subprocess.Popen[bytes], log: Path, server: Any) -> bool:
    """Whether the run's failure is among the events and the sensor's in the log."""
    assert daemon.poll() is None, log.read_text()
    has_events = "event_logs" in server.psql("\\c platform\n\\dt dagster.*")
    return (
        has_events and "PIPELINE_FAILURE" in server.psql(EVENTS) and "ValueError" in log.read_text()
    )


@pytest.fixture
def told(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """What the daemon logged while code told the address, and the events it left."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "telling.py").write_text(TELLING)
    with database.postgres() as server:
        server.psql(f"create database platform; create role platform superuser login "
                    f"password '{PASSWORD}'")  # fmt: skip
        address = server.get_uri("platform").replace("postgres:@", f"platform:{PASSWORD}@")
        around = environment(home, address)
        make_schemas(Settings(home=home, database_url=address))  # type: ignore[arg-type]
        log = tmp_path / "daemon.log"
        with log.open("wb") as lines:
            daemon = subprocess.Popen(
                program("dagster-daemon", "run", "--module-name", "telling"),
                env=around, stdout=lines, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        try:
            until(lambda: told_both(daemon, log, server), "the errors", state=log.read_text)
            events = server.psql(EVENTS)
        finally:
            daemon.terminate()
            daemon.wait()
            # Its code location waits for a database that is about to go.
            with suppress(ProcessLookupError):
                os.killpg(daemon.pid, signal.SIGKILL)
        yield log.read_text(), events


@pytest.mark.nightly
def test_errors_of_code_are_told_without_the_password(told: tuple[str, str]) -> None:
    log, events = told
    assert "cannot reach postgresql+psycopg2://platform:***@" in log
    assert "cannot reach" in events
    assert PASSWORD not in log + events
