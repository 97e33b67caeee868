"""The processes of `docker/compose.yaml`, each alone over Postgres: stopped, started, none lost."""

from __future__ import annotations

import json
import socket
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests import command_line as shop
from tests import database
from tests.running.conftest import COMMAND, Running, answers, free_port, process, until

WORKSPACE = Path(__file__).resolve().parents[2] / "docker" / "workspace.yaml"
RUNS = "{ runsOrError(limit: 200) { ... on Runs { results { runId status } } } }"
ISSUED = "home.lake.ledger.history().filter(pl.col('table') == 'replenishment_plan').height"
PLAN = "home.read('replenishment_plan', *[dt.date.fromisoformat('{day}')] * 2).to_dicts()"


@pytest.fixture
def records() -> Iterator[Path]:
    with database.records() as folder:
        yield folder


@contextmanager
def postgres(folder: Path, secrets: Path) -> Iterator[dict[str, str]]:
    """A database in `folder`, and the variable by which its address is found in a file."""
    secrets.mkdir(exist_ok=True)
    with database.postgres(folder) as server:
        (secrets / "forecast_platform_database_url").write_text(f"{server.get_uri()}\n")
        yield {"FORECAST_PLATFORM_SECRETS_DIR": str(secrets)}


@contextmanager
def topology(folder: Path, records: Path) -> Iterator[Running]:
    """Postgres, code location, MLflow, webserver and daemon, from start to stop."""
    code, page, mlflow = (free_port() for _ in range(3))
    content = yaml.safe_load(WORKSPACE.read_text())
    content["load_from"][0]["grpc_server"] |= {"host": "127.0.0.1", "port": code}
    workspace = folder / "workspace.yaml"
    workspace.write_text(yaml.safe_dump(content))
    home = folder / "home"
    with ExitStack() as stack:
        secrets = stack.enter_context(postgres(records, folder / "secrets"))
        environment = shop.environment(home, **secrets)
        running = Running(
            home, environment, f"http://127.0.0.1:{page}", f"http://127.0.0.1:{mlflow}"
        )

        def start(only: str, *options: object) -> None:
            stack.enter_context(process(environment, "ui", "--only", only, *options))

        start("code", "--code-port", code)
        start("mlflow", "--mlflow-port", mlflow)
        until(lambda: listens(code), "the code location")
        until(lambda: answers(f"{running.mlflow}/health"), "MLflow")
        start("webserver", "--port", page, "--workspace", workspace)
        start("daemon", "--workspace", workspace)
        until(lambda: answers(f"{running.dagster}/server_info"), "the Dagster page")
        yield running


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def posted(address: str, question: dict[str, object]) -> dict[str, object]:
    request = urllib.request.Request(
        address, json.dumps(question).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as response:
        return json.load(response)


def runs(running: Running) -> dict[str, str]:
    """Status by run id, as the page shows them."""
    answer = posted(f"{running.dagster}/graphql", {"query": RUNS})
    return {run["runId"]: run["status"] for run in answer["data"]["runsOrError"]["results"]}


def trainings(running: Running) -> set[str]:
    """Ids of the runs that MLflow shows."""
    answer = posted(f"{running.mlflow}/api/2.0/mlflow/runs/search", {"experiment_ids": ["1"]})
    return {run["info"]["run_id"] for run in answer["runs"]}


def alive(running: Running) -> bool:
    command = [COMMAND, "ui", "--only", "liveness"]
    done = subprocess.run(command, env=running.environment, capture_output=True, check=False)
    return done.returncode == 0


@dataclass(frozen=True)
class Left:
    """What a followed day left behind: runs and trainings by id, and the day's plan."""

    runs: dict[str, str]
    trainings: set[str]
    day: str
    plan: object


def a_day_is_followed(
    running: Running, folder: Path, land: Callable[[str, Path], object]
) -> Left:  # fmt: skip
    """Have sales of a new day land, and wait until the daemon has made all that follows."""
    plans = running.ask(ISSUED)
    newest = running.ask("home.state().span()[1]")
    item = running.ask("home.read('validated_sales')['item_id'][0]")
    day = str(running.ask(f"dt.date.fromisoformat('{newest}') + dt.timedelta(1)"))
    file = folder / "next.csv"
    sold = f"{day},{item},S01,3,2.5"
    file.write_text(shop.csv("date,item_id,location_id,units,unit_price", sold))
    land("sales", file)
    until(
        lambda: running.ask(f"[{ISSUED} > {plans}, home.stale()]") == [True, {}],
        "the plan of the new day",
        state=lambda: (running.ask(f"[{ISSUED}, home.stale()]"), runs(running)),
    )
    until(
        lambda: {*runs(running).values()} == {"SUCCESS"},
        "all runs to end",
        state=lambda: runs(running),
    )
    left = Left(runs(running), trainings(running), day, running.ask(PLAN.format(day=day)))
    assert len(left.runs) > 3
    assert left.trainings
    assert left.plan != []
    return left


def is_as_left(running: Running, left: Left) -> None:
    """Check that everything is still there after a new start."""
    assert left.runs.items() <= runs(running).items()
    assert left.trainings <= trainings(running)
    assert running.ask("home.stale()") == {}
    assert running.ask(PLAN.format(day=left.day)) == left.plan


def test_a_day_is_followed_to_the_plan_and_outlives_the_processes(
    tmp_path: Path, records: Path
) -> None:
    home = tmp_path / "home"
    with postgres(records, tmp_path / "secrets") as secrets:
        shop.works(
            home, "demo", "--items", 3, "--locations", 1, "--days", 70, "--issued", 2, **secrets
        )
    with topology(tmp_path, records) as running:
        left = a_day_is_followed(
            running, tmp_path, lambda table, file: file.rename(home / "landing" / table / file.name)
        )
        until(lambda: alive(running), "the daemon's heartbeat")
    with topology(tmp_path, records) as running:
        is_as_left(running, left)
    assert not list(home.rglob("*.db"))
