"""The image itself: what is in it, and the roles of `docker/compose.yaml` run from it.

No container engine is needed: buildah runs each role in the image's files, by the command, the
health check, the environment, the volumes and the secrets that compose.yaml has for it. Postgres is
a plain process, set up as the image of Postgres would be. docs/containers.md says how to run it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pgserver
import psutil
import pytest
import yaml

from tests import command_line as shop
from tests.running.conftest import Running, until
from tests.running.test_topology import ISSUED, PLAN, listens, runs, trainings

IMAGE = os.environ.get("FORECAST_PLATFORM_TEST_IMAGE", "")
ROOT = Path(__file__).resolve().parents[2]
SERVICES: dict[str, Any] = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text())[
    "services"
]
ROLES = ("code", "mlflow", "webserver", "daemon", "watch")
PORTS = (3000, 4000, 5000, 5432, 9464)
_USER, _NOBODY = 1000, 65534
_MOST_BYTES = 2.5e9
_UNITS = {"MB": 1e6, "GB": 1e9}
_PROGRAMS = Path(pgserver.__file__).parent / "pginstall" / "bin"

pytestmark = [
    pytest.mark.nightly,
    pytest.mark.skipif(
        not IMAGE or not shutil.which("buildah") or os.geteuid() != 0,
        reason="needs buildah, root, and the image named by FORECAST_PLATFORM_TEST_IMAGE",
    ),
]


def buildah(*words: str) -> str:
    done = subprocess.run(["buildah", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@dataclass(frozen=True)
class Container:
    """The image's files with the volumes and the environment of a service."""

    name: str
    options: tuple[str, ...]

    def words(self, command: list[str]) -> list[str]:
        return ["buildah", "run", "--isolation", "chroot", *self.options, self.name, "--", *command]

    def does(self, *command: str) -> str:
        done = subprocess.run(self.words([*command]), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    def refuses(self, *command: str) -> bool:
        return subprocess.run(self.words([*command]), capture_output=True, check=False).returncode

    @contextmanager
    def serving(self, command: list[str], log: Path) -> Iterator[psutil.Process]:
        """The command in it, stopped as an engine does: asked, then made to."""
        with log.open("ab") as lines:
            process = subprocess.Popen(self.words(command), stdout=lines, stderr=lines)
        try:
            yield psutil.Process(process.pid)
            assert process.poll() is None, log.read_text()[-3000:]
        finally:
            inside = psutil.Process(process.pid).children(recursive=True)
            for each in inside:
                if "buildah" not in each.name():
                    each.terminate()
                    break
            psutil.wait_procs(inside, timeout=30)
            process.terminate()
            process.wait(timeout=30)
            for each in inside:
                if each.is_running():
                    each.kill()


@contextmanager
def container(service: str, home: Path, secrets: Path) -> Iterator[Container]:
    """A container for one service of compose.yaml."""
    said = SERVICES[service]
    hosts = (f"--add-host={name}:127.0.0.1" for name in ("code", "postgres"))
    name = buildah("from", *hosts, IMAGE)
    (volume,) = [each.partition(":")[2] for each in said["volumes"]]
    # Of the image's own volume and the one given at the same place, buildah takes either.
    buildah("config", f"--volume={volume}-", name)
    given = {**shop.SETTINGS, **said["environment"]}
    try:
        yield Container(
            name,
            (
                f"--volume={home}:{volume}", f"--volume={secrets}:/run/secrets:ro",
                *(f"--env={key}={value}" for key, value in given.items()),
            ),
        )  # fmt: skip
    finally:
        buildah("rm", name)


@dataclass(frozen=True)
class FromImage(Running):
    """Asked by a process of the image, as a person would who looks in."""

    inside: Container | None = None

    def ask(self, question: str) -> object:
        assert self.inside
        program = (
            "import json, datetime as dt, polars as pl\n"
            "from forecast_platform.home import Home\n"
            "from forecast_platform.settings import settings\n"
            f"home = Home(settings())\nprint(json.dumps({question}, default=str))"
        )
        return json.loads(self.inside.does("python", "-W", "ignore", "-c", program))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Folders of home, secrets, records and logs, where each user may enter its own."""
    if taken := [port for port in PORTS if listens(port)]:
        pytest.skip(f"containers share this machine's ports, of which {taken} are taken")
    folder = Path(f"/tmp/forecast-platform-image-{os.getpid()}")
    for name, owner in (("home", _USER), ("secrets", 0), ("records", _NOBODY), ("logs", 0)):
        (folder / name).mkdir(parents=True)
        os.chown(folder / name, owner, owner)
    for name, text in {
        "postgres_password": "s3same-root",
        "platform_password": "s3same-own",
        "forecast_platform_database_url": "postgresql://platform:s3same-own@postgres/platform",
    }.items():
        (folder / "secrets" / name).write_text(text)
    yield folder
    shutil.rmtree(folder)


@contextmanager
def postgres(place: Path) -> Iterator[None]:
    """Postgres over TCP with passwords; at its first start the scripts of compose.yaml are run."""
    records, secrets = place / "records", place / "secrets"
    as_nobody: dict[str, Any] = {"user": _NOBODY, "group": _NOBODY, "cwd": records}
    data, is_new = records / "data", not (records / "data").exists()
    if is_new:
        subprocess.run(
            [_PROGRAMS / "initdb", "-D", data, "-U", "postgres", "--auth-local=trust",
             "--auth-host=scram-sha-256", f"--pwfile={secrets / 'postgres_password'}"],
            check=True, capture_output=True, **as_nobody,
        )  # fmt: skip
    with (place / "logs" / "postgres").open("ab") as log:
        server = subprocess.Popen(
            [_PROGRAMS / "postgres", "-D", data, "-h", "127.0.0.1", "-k", records],
            stdout=log, stderr=log, **as_nobody,
        )  # fmt: skip
    try:
        until(lambda: listens(5432), "Postgres")
        scripts = [each.split(":")[0] for each in SERVICES["postgres"]["volumes"] if ".sql" in each]
        for script in scripts if is_new else []:
            text = (ROOT / "docker" / script).read_text().replace("/run/secrets", str(secrets))
            psql = [_PROGRAMS / "psql", "-v", "ON_ERROR_STOP=1", "-h", records, "-U", "postgres"]
            done = subprocess.run(psql, input=text, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
        _, program, *words = SERVICES["postgres"]["healthcheck"]["test"]
        ready = [_PROGRAMS / program, "--quiet", *words]
        until(lambda: not subprocess.run(ready, check=False).returncode, "Postgres to be healthy")
        yield
    finally:
        server.send_signal(signal.SIGINT)  # As the image of Postgres is stopped.
        server.wait(timeout=60)


@contextmanager
def roles(place: Path) -> Iterator[FromImage]:
    """All roles, each started when those it depends on are healthy, from start to stop."""
    with ExitStack() as stack:
        stack.enter_context(postgres(place))
        for role in ROLES:
            said = SERVICES[role]
            own = stack.enter_context(container(role, place / "home", place / "secrets"))
            started = time.monotonic()
            process = stack.enter_context(own.serving(said["command"], place / "logs" / role))
            _, *check = said["healthcheck"]["test"]
            healthy = lambda own=own, check=check: not own.refuses(*check)  # noqa: E731
            until(healthy, f"{role} to be healthy", 600)
            took, used = time.monotonic() - started, _processor_seconds(process)
            print(f"{role}: healthy {took:.1f} s after its start, processor time {used:.1f} s")
        yield FromImage(
            place / "home", {}, "http://127.0.0.1:3000", "http://127.0.0.1:5000", inside=own
        )


def _processor_seconds(process: psutil.Process) -> float:
    times = [each.cpu_times() for each in process.children(recursive=True)]
    return sum(each.user + each.system for each in times)


@pytest.fixture(scope="module")
def opened(place: Path) -> Iterator[Container]:
    """A container of the image in which to look around."""
    with container("code", place / "home", place / "secrets") as own:
        yield own


def test_it_is_small_enough() -> None:
    (image,) = json.loads(buildah("images", "--json", IMAGE))
    number, unit = image["size"].split()
    print(f"size: {image['size']}")
    assert float(number) * _UNITS[unit] < _MOST_BYTES


def test_nobody_in_it_is_root_or_can_change_the_program(opened: Container) -> None:
    assert opened.does("id", "-u").strip() == str(_USER)
    assert opened.refuses("touch", "/app/forecast_platform/mine.py")
    assert opened.refuses("touch", "/opt/venv/mine")
    assert opened.refuses("cat", "/etc/shadow")


def test_it_holds_the_program_and_no_more(opened: Container) -> None:
    there = {*opened.does("ls", "-A", "/app").split()}
    assert there == {
        "README.md", "LICENSE", "workspace.yaml", "docker", "forecast_platform", "dbt_like_sql",
        "requirements.lock", "pyproject.toml",
    }  # fmt: skip
    for program in ("gcc", "strip", "git", "curl"):
        assert opened.refuses("sh", "-c", f"command -v {program}")
    left = opened.does("sh", "-c", "ls -A /root/.cache /tmp /var/lib/apt/lists 2>/dev/null || true")
    assert [line for line in left.split() if not line.startswith("/")] == []


def test_its_layers_and_their_history_name_no_secret() -> None:
    about = json.loads(buildah("inspect", "--type", "image", IMAGE))
    assert about["OCIv1"]["config"]["User"] == f"{_USER}:{_USER}"
    assert about["Docker"]["config"]["Healthcheck"]["Test"][0] == "CMD"
    told = json.dumps(about).lower()
    assert [word for word in ("password", "secret", "token", "://user") if word in told] == []


def test_a_day_is_followed_to_the_plan_and_outlives_the_containers(place: Path) -> None:
    home = place / "home"
    with postgres(place), container("code", home, place / "secrets") as own:
        own.does("forecast-platform", "demo", "--items", "3", "--locations", "1", "--days", "70",
                 "--issued", "2")  # fmt: skip
    with roles(place) as running:
        newest = running.ask("home.state().span()[1]")
        item = running.ask("home.read('validated_sales')['item_id'][0]")
        day = running.ask(f"dt.date.fromisoformat('{newest}') + dt.timedelta(1)")
        plans = running.ask(ISSUED)
        sales = shop.csv("date,item_id,location_id,units,unit_price", f"{day},{item},S01,3,2.5")
        os.chown(shop.land(home, "sales", "next.csv", sales), _USER, _USER)
        until(
            lambda: running.ask(f"[{ISSUED} > {plans}, home.stale()]") == [True, {}],
            "the plan of the new day",
            900,
        )
        until(lambda: {*runs(running).values()} == {"SUCCESS"}, "all runs to end")
        made, trained = runs(running), trainings(running)
        plan = running.ask(PLAN.format(day=day))
        assert len(made) > 3
        assert trained
    with roles(place) as running:
        assert made.items() <= runs(running).items()
        assert trained <= trainings(running)
        assert running.ask("home.stale()") == {}
        assert running.ask(PLAN.format(day=day)) == plan != []
    said = "".join(path.read_text(errors="replace") for path in (place / "logs").iterdir())
    assert "s3same" not in said
    assert not list(home.rglob("*.db"))
    kept = [path for path in home.rglob("*") if path.is_file()]
    assert [path for path in kept if b"s3same" in path.read_bytes()] == []
