"""The demo shop's database and web service, to its order list in object storage by the daemon."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg2
import pytest

from tests import command_line as shop
from tests.database import postgres
from tests.running.conftest import Running, answers, free_port, process, until
from tests.running.test_topology import posted
from tests.storage import store_server

SOURCES = ("shop_database", "shop_service")
START = """mutation($name: String!) { startSchedule(scheduleSelector: {
    repositoryName: "__repository__", repositoryLocationName: "forecast_platform",
    scheduleName: $name}) { __typename } }"""
PLAN = "home.read('replenishment_plan').height"
SALES = "home.read('validated_sales')['units'].sum()"
DRAWN = "select sum(quantity) from shop.order_lines"


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """The pages and the daemon over an empty home, with Postgres, S3 and the shop's own servers."""
    home = tmp_path / "home"
    with ExitStack() as stack:
        database = stack.enter_context(postgres())
        database.psql("create database shop")
        s3 = stack.enter_context(store_server.s3_server())
        environment = shop.environment(
            home,
            SHOP_DATABASE_URL=database.get_uri("shop"),
            FORECAST_PLATFORM_DATABASE_URL=database.get_uri(),
            FORECAST_PLATFORM_STORAGE_URL=f"s3://{store_server.BUCKET}/platform",
            FORECAST_PLATFORM_STORAGE_OPTIONS=json.dumps(store_server.options(s3)),
        )
        size = ("--items", 3, "--locations", 1, "--days", 70, "--port", free_port())
        stack.enter_context(process(environment, "sources", "demo-shop", *size))
        written = home / "sources.yaml"
        until(lambda: (home / "settings.toml").exists() and written.exists(), "the demo shop")
        often = written.read_text().replace('"10 * * * *"', '"* * * * *"')
        written.write_text(often.replace('"@daily"', '"* * * * *"'))
        ports = free_port(), free_port(), free_port()
        pages = [f"http://127.0.0.1:{port}" for port in ports]
        options = zip(("--port", "--mlflow-port", "--watch-port"), ports, strict=True)
        words = (word for option in options for word in option)
        stack.enter_context(process(environment, "ui", *words))
        until(lambda: answers(f"{pages[0]}/server_info"), "the Dagster page")
        yield Running(home, environment, *pages)


def switch_on(running: Running, schedule: str) -> bool:
    """Start a schedule as the Automation page does."""
    question = {"query": START, "variables": {"name": schedule}}
    answer = posted(f"{running.dagster}/graphql", question)
    return bool(answer["data"]["startSchedule"]["__typename"] == "ScheduleStateResult")


@pytest.mark.nightly
def test_the_daemon_takes_the_shop_from_its_servers_to_the_plan(running: Running) -> None:
    for source in SOURCES:
        until(lambda: switch_on(running, f"pull_{source}_schedule"), "the schedule", 60)  # noqa: B023
    until(lambda: running.ask(f"{PLAN} > 0 and home.stale() == {{}}"), "the plan", 900)
    with psycopg2.connect(running.environment["SHOP_DATABASE_URL"]) as connection:
        cursor = connection.cursor()
        cursor.execute(DRAWN)
        (sold,) = cursor.fetchone() or (None,)
    assert running.ask(SALES) == pytest.approx(float(sold))
    assert running.ask("home.read('rejected_sales').height") == 0
    kept = {path.name for path in running.home.iterdir()}
    assert not kept & {"lake", "landing"}  # of models there are copies
    assert not list(running.home.rglob("*.db"))
