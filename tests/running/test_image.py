"""The image itself, and `docker/compose.yaml` as an engine starts it.

    FORECAST_PLATFORM_TEST_ENGINE=docker python -m pytest -s tests/running/test_image.py

The image has to be built before; docs/containers.md says how, also where no engine is installed.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests import command_line as shop
from tests.running.conftest import Running
from tests.running.test_topology import a_day_is_followed, is_as_left, listens

ENGINE = shlex.split(os.environ.get("FORECAST_PLATFORM_TEST_ENGINE", ""))
IMAGE = os.environ.get("FORECAST_PLATFORM_IMAGE", "forecast-platform:0.1.0")
DOCKER = Path(__file__).resolve().parents[2] / "docker"
HOME = "/home/platform/home"
ROLES = ("code", "mlflow", "webserver", "daemon", "watch")
PORTS = (3000, 5000, 9464)
_USER = "1000"
_MOST_BYTES = 2.5e9

pytestmark = [
    pytest.mark.nightly,
    pytest.mark.skipif(
        not ENGINE, reason="needs a container engine, named by FORECAST_PLATFORM_TEST_ENGINE"
    ),
]


def engine(*words: object) -> str:
    done = subprocess.run(
        [*ENGINE, *map(str, words)], capture_output=True, text=True, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def does(*command: str) -> str:
    """What a command says in a container of its own."""
    return engine("run", "--rm", IMAGE, *command)


def refuses(*command: str) -> bool:
    words = [*ENGINE, "run", "--rm", IMAGE, *command]
    return bool(subprocess.run(words, capture_output=True, check=False).returncode)


@dataclass(frozen=True)
class Compose(Running):
    """All services of a copy of `docker/`, asked from within the code location's container."""

    files: tuple[Path, ...] = ()

    def does(self, *words: object) -> str:
        given = [word for file in self.files for word in ("--file", file)]
        return engine("compose", "--project-name", "forecast-platform-test", *given, *words)

    def runs_here(self, *command: str) -> str:
        return self.does("exec", "-T", "code", *command)

    def ask(self, question: str) -> object:
        return json.loads(self.runs_here("python", "-W", "ignore", "-c", self.program(question)))

    @contextmanager
    def up(self) -> Iterator[None]:
        """All of it, from the start until each is healthy to the stop."""
        began = engine("info", "--format", "{{.SystemTime}}").strip()
        self.does("up", "--detach", "--wait")
        until = engine("info", "--format", "{{.SystemTime}}").strip()
        print(*_seconds_to_health(began, until), sep="\n")
        yield
        self.does("stop")

    def land(self, table: str, file: Path) -> None:
        self.does("cp", file, f"code:{HOME}/landing/{table}/")


def _seconds_to_health(began: str, until: str) -> Iterator[str]:
    """How long each role took from its start to its first healthy answer."""
    events = engine("events", "--since", began, "--until", until, "--format", "{{json .}}")
    started: dict[str, int] = {}
    for event in map(json.loads, events.splitlines()):
        name = event["Actor"]["Attributes"].get("com.docker.compose.service")
        if event["Action"] == "start":
            started[name] = event["timeNano"]
        elif event["Action"] == "health_status: healthy" and name in started:
            yield f"{name}: healthy {(event['timeNano'] - started.pop(name)) / 1e9:.1f} s on"


@pytest.fixture(scope="module")
def compose(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compose]:
    """What compose.yaml describes, with passwords of its own and settings that make it quick."""
    if taken := [port for port in PORTS if listens(port)]:
        pytest.skip(f"containers use ports of this machine, of which {taken} are taken")
    folder = tmp_path_factory.mktemp("compose")
    shutil.copytree(DOCKER, folder, dirs_exist_ok=True)
    own = folder / "secrets" / "platform"
    own.mkdir(exist_ok=True)
    address = "postgresql://platform:s3same-own@postgres/platform"
    (own / "forecast_platform_database_url").write_text(address)
    for name, text in {
        "postgres_password": "s3same-root",
        "platform_password": "s3same-own",
    }.items():
        (folder / "secrets" / name).write_text(text)
    quick = folder / "quick.yaml"
    services = {role: {"environment": shop.SETTINGS} for role in ROLES}
    quick.write_text(yaml.safe_dump({"services": services}))
    pages = (f"http://127.0.0.1:{port}" for port in PORTS)
    one = Compose(Path(HOME), {}, *pages, files=(folder / "compose.yaml", quick))
    try:
        yield one
    finally:
        one.does("down", "--volumes")


def test_it_is_small_enough() -> None:
    size = int(engine("image", "inspect", "--format", "{{.Size}}", IMAGE))
    print(f"size: {size / 1e9:.2f} GB")
    assert size < _MOST_BYTES


def test_nobody_in_it_is_root_or_can_change_the_program() -> None:
    assert does("id", "-u").strip() == _USER
    assert refuses("touch", "/app/forecast_platform/mine.py")
    assert refuses("touch", "/opt/venv/mine")
    assert refuses("cat", "/etc/shadow")


def test_it_holds_the_program_and_no_more() -> None:
    assert {*does("ls", "-A", "/app").split()} == {
        "README.md", "LICENSE", "workspace.yaml", "docker", "forecast_platform", "dbt_like_sql",
        "requirements.lock", "pyproject.toml",
    }  # fmt: skip
    for program in ("gcc", "strip", "git", "curl"):
        assert refuses("sh", "-c", f"command -v {program}")
    left = does("sh", "-c", "ls -A /root/.cache /tmp /var/lib/apt/lists 2>/dev/null || true")
    assert [line for line in left.split() if not line.startswith("/")] == []


def test_its_layers_and_their_history_name_no_secret() -> None:
    (about,) = json.loads(engine("image", "inspect", IMAGE))
    assert about["Config"]["User"] == f"{_USER}:{_USER}"
    assert about["Config"]["Healthcheck"]["Test"][0] == "CMD"
    told = (json.dumps(about) + engine("history", "--no-trunc", IMAGE)).lower()
    assert [word for word in ("password", "secret", "token", "://user") if word in told] == []


def test_a_day_is_followed_to_the_plan_and_outlives_the_containers(
    compose: Compose, tmp_path: Path
) -> None:
    compose.does("run", "--rm", "-T", "code", "forecast-platform", "demo", "--items", "3",
                 "--locations", "1", "--days", "70", "--issued", "2")  # fmt: skip
    with compose.up():
        left = a_day_is_followed(compose, tmp_path, compose.land)
    compose.does("down")
    with compose.up():
        is_as_left(compose, left)
        assert "s3same" not in compose.does("logs")
        assert compose.runs_here("find", HOME, "-name", "*.db") == ""
        told = "grep -rl s3same . || true"
        assert compose.runs_here("sh", "-c", f"cd {HOME} && {told}") == ""
