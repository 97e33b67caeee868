"""The demo shop and a person at a terminal: try, pull, run to a plan; Dagster's view of it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from forecast_platform.connect.config import load_sources
from forecast_platform.connect.demo_shop import open_demo_shop
from forecast_platform.defs.assets.sources import source_assets
from forecast_platform.defs.resources import HomeResource
from forecast_platform.errors import ConfigurationError
from forecast_platform.settings import Settings, settings
from tests import command_line as terminal
from tests.connect.conftest import Execute

DAYS = 70


@pytest.fixture
def demo_home(tmp_path: Path, execute: Execute) -> Iterator[Path]:
    """A home folder with the sources of an open demo shop."""
    execute("drop schema shop")
    server = open_demo_shop(Settings(home=tmp_path / "home"), items=4, locations=1, days=DAYS)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield tmp_path / "home"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_person_tries_and_pulls_the_demo_shop(demo_home: Path, postgres: str) -> None:
    told = terminal.works(demo_home, "sources", "test", SHOP_DATABASE_URL=postgres)
    assert told.count(" ok ") == 12
    assert "7 of 7 columns matched" in told
    told += terminal.works(demo_home, "sources", "pull", SHOP_DATABASE_URL=postgres)
    again = terminal.works(demo_home, "sources", "pull", SHOP_DATABASE_URL=postgres)
    assert "sesame" not in told + again
    assert all(" 0 files" in line for line in again.splitlines() if "rows," in line)


@pytest.mark.nightly
def test_the_demo_shop_is_planned(demo_home: Path, postgres: str, tmp_path: Path) -> None:
    terminal.works(demo_home, "sources", "pull", SHOP_DATABASE_URL=postgres)
    terminal.works(demo_home, "run")
    plan = tmp_path / "plan.csv"
    terminal.works(demo_home, "plan", "--date", "2024-03-10", "--out", plan)
    assert len(plan.read_text().splitlines()) == 5


def test_a_port_in_use_is_told(demo_home: Path) -> None:
    port = int(load_sources(demo_home / "sources.yaml")["shop_service"].address.rpartition(":")[2])
    with pytest.raises(ConfigurationError, match="--port"):
        open_demo_shop(Settings(home=demo_home), items=1, locations=1, days=7, port=port)


def closed(settings: Settings) -> None:
    """Make the demo shop of a home, without serving it."""
    open_demo_shop(settings, items=1, locations=1, days=7).server_close()


def test_a_schema_that_no_demo_made_is_kept(tmp_path: Path, execute: Execute) -> None:
    execute("create table shop.customers (name text)")
    with pytest.raises(ConfigurationError, match=r"no demo made.*empty database"):
        closed(Settings(home=tmp_path))
    execute("drop table shop.customers")
    assert not list(tmp_path.iterdir())


def test_a_demo_shop_is_made_anew_in_its_own_home(tmp_path: Path, execute: Execute) -> None:
    execute("drop schema shop")
    home = Settings(home=tmp_path)
    closed(home)
    written = (tmp_path / "settings.toml").read_text()
    execute("delete from shop.stock")
    closed(home)
    execute("do $$ begin assert (select count(*) from shop.stock) > 0; end $$")
    assert (tmp_path / "settings.toml").read_text() == written


@pytest.mark.parametrize("used", ["settings.toml", "landing/sales", "lake/raw_sales"])
def test_a_home_of_another_shop_is_left_as_it_is(
    tmp_path: Path, execute: Execute, used: str
) -> None:
    execute("drop schema shop")
    (tmp_path / used).parent.mkdir(exist_ok=True)
    (tmp_path / used).write_text("")
    with pytest.raises(ConfigurationError, match=r"another shop.*FORECAST_PLATFORM_HOME"):
        closed(Settings(home=tmp_path))
    execute("create schema shop")
    assert (tmp_path / used).read_text() == ""


def test_a_source_that_does_not_exist_is_told(tmp_path: Path) -> None:
    assert "names no source" in terminal.refusal(tmp_path, "sources", "pull")
    (tmp_path / "sources.yaml").write_text(
        "sources: {a: {kind: sql, address: {env: NOT_SET}, tables: {sales: {table: x}}}}"
    )
    assert "no source 'b'" in terminal.refusal(tmp_path, "sources", "pull", "--source", "b")
    assert "NOT_SET" in terminal.refusal(tmp_path, "sources", "pull")


def test_each_source_is_an_asset_with_a_schedule(
    tmp_path: Path, execute: Execute, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute("create table shop.goods (item_id text); insert into shop.goods values ('A')")
    monkeypatch.setenv("FORECAST_PLATFORM_HOME", str(tmp_path))
    settings.cache_clear()
    path = tmp_path / "sources.yaml"
    path.write_text("sources: {erp: {kind: sql, address: {env: SHOP_DATABASE_URL}, schedule: "
                    "'@daily', tables: {products: {table: shop.goods}}}}")  # fmt: skip
    try:
        assets, (job,), (schedule,) = source_assets(load_sources(path), "Europe/Berlin")
        done = dg.materialize(assets, resources={"home": HomeResource()})
    finally:
        monkeypatch.undo()
        settings.cache_clear()
    assert done.success
    (made,) = done.asset_materializations_for_node("source_erp")
    assert made.metadata["dagster/row_count"].value == 1
    assert (tmp_path / "landing" / "products" / "erp.parquet").exists()
    assert (job.name, schedule.cron_schedule) == ("pull_erp", "@daily")
    assert schedule.default_status == dg.DefaultScheduleStatus.STOPPED


@pytest.mark.parametrize("cron", ["60 2 * * *", "0 0 30 2 *"])
def test_a_schedule_that_never_comes_is_named_by_its_key(tmp_path: Path, cron: str) -> None:
    (tmp_path / "sources.yaml").write_text(
        "sources: {till: {kind: sql, address: {env: SHOP_DATABASE_URL}, "
        f"schedule: '{cron}', tables: {{sales: {{table: x}}}}}}}}"
    )
    assert f"sources.till.schedule is '{cron}'" in terminal.refusal(tmp_path, "run")


def test_definitions_with_sources_load_without_what_reads_them(tmp_path: Path) -> None:
    (tmp_path / "sources.yaml").write_text(
        "sources: {erp: {kind: sql, address: {env: NOT_SET}, tables: {sales: {table: x}}}}"
    )
    program = (
        "import sys; from forecast_platform.definitions import defs; "
        "assert defs.get_job_def('pull_erp'); print({'dlt', 'psycopg2', 'polars'} & {*sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True,
        env=os.environ | {"FORECAST_PLATFORM_HOME": str(tmp_path), "PYTHONWARNINGS": "ignore"},
    )  # fmt: skip
    assert done.stdout.strip().splitlines()[-1] == "set()"
