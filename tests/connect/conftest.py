"""A shop's Postgres database and web service, both real and on this machine."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from forecast_platform.connect.demo_service import Handler, Rows, ShopService
from forecast_platform.settings import Settings
from tests import database

TOKEN = "sesame-token"
Execute = Callable[[str], None]


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Address of a database of the shop's owner."""
    with database.postgres() as server:
        server.psql("create role owner login password 'sesame'; create database shop owner owner;")
        yield server.get_uri("shop").replace("postgres:@", "owner:sesame@")


@pytest.fixture
def execute(postgres: str, monkeypatch: pytest.MonkeyPatch) -> Execute:
    """Runs statements in the shop's database, which is empty at first."""
    monkeypatch.setenv("SHOP_DATABASE_URL", postgres)
    monkeypatch.setenv("SHOP_TOKEN", TOKEN)

    def run(statements: str) -> None:
        connection = psycopg2.connect(postgres)
        with connection, connection.cursor() as cursor:
            cursor.execute(statements)
        connection.close()

    run("drop schema if exists shop cascade; create schema shop")
    return run


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    """Settings of an empty home folder."""
    return Settings(home=tmp_path, start_date="2026-03-01", end_date="2026-03-10",
                    timezone="Europe/Berlin", settle_seconds=0)  # type: ignore[arg-type]  # fmt: skip


class Faulty(Handler):
    """Misbehaves as often as it is told, once for each request, then answers well."""

    server: FaultyService

    def do_GET(self) -> None:  # noqa: N802
        self.server.asked.append(self.path)
        for number, fault in enumerate(self.server.faults):
            if fault(self) is not False:
                del self.server.faults[number]
                return
        super().do_GET()


class FaultyService(ShopService):
    """The shop's web service with its faults still to come and the paths it was asked for.

    A fault that gives False does not concern the request.
    """

    def __init__(self, tables: dict[str, Rows]) -> None:
        super().__init__(tables, TOKEN, handler=Faulty)
        self.faults: list[Callable[[Faulty], Any]] = []
        self.asked: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def serving() -> Iterator[FaultyService]:
    """The shop's web service, from start to stop."""
    server = FaultyService({})
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyService]:
    monkeypatch.setenv("SHOP_TOKEN", TOKEN)
    with serving() as server:
        yield server
