"""A real home that falls ill and is mended: what the sensor, `doctor` and the page tell of it."""

from __future__ import annotations

import datetime as dt
import json
import re
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from forecast_platform.servers import Addresses, Server
from forecast_platform.settings import Settings
from forecast_platform.watching.findings import sources
from forecast_platform.watching.metrics import Metrics, exposition
from forecast_platform.watching.sight import Sight
from tests import command_line as shop
from tests.running.conftest import answers, free_port, until
from tests.watching.listeners import webhook

ROOT = Path(__file__).resolve().parents[2]
WATCHING = ROOT / "docker" / "watching"
_TICK = """
import sys, warnings
warnings.filterwarnings("ignore")
from pathlib import Path
import dagster as dg
from forecast_platform.definitions import defs
from forecast_platform.defs.instance import open_instance
from forecast_platform.defs.resources import HomeResource
from forecast_platform.settings import settings

cursor = Path(sys.argv[1])
repository = defs.get_repository_def()
sensor = repository.get_sensor_def("alert_sensor")
with open_instance(settings()) as opened, dg.build_sensor_context(
    instance=opened, repository_def=repository, resources={"home": HomeResource()},
    cursor=cursor.read_text() if cursor.exists() else None,
) as context:
    ticked = sensor.evaluate_tick(context)
    cursor.write_text(ticked.cursor)
    print(ticked.skip_message)
"""


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Path:
    return shop.copy(shop.demo(tmp_path_factory.getbasetemp())[0], tmp_path / "home")


def tick(home: Path, **more: str) -> str:
    """A tick of the sensor in a process of its own; its cursor lies beside the home."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _TICK, str(home.parent / "cursor")],
        env=shop.environment(home, **more), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "s3cret" not in done.stderr + done.stdout
    return done.stdout.strip()


def late_sale(home: Path, file: str = "late.csv") -> None:
    item = shop.old_items(home)[0]
    header = "date,item_id,location_id,units,unit_price"
    shop.land(home, "sales", file, shop.csv(header, f"{shop.LAST_DAY},{item},S01,9,2.5"))


def test_alerts_outlive_a_webhook_that_fails_and_processes_that_end(home: Path) -> None:
    shop.land(home, "sales", "bad.csv", "date,units\n2024-04-01,3\n")
    shop.works(home, "run")
    with webhook() as hook:
        address = {"FORECAST_PLATFORM_WEBHOOK_URL": hook.address}
        hook.answer = 503
        assert tick(home, **address) == "sales/bad.csv"
        hook.answer = 200
        for _ in range(2):
            assert tick(home, **address) == "sales/bad.csv"
        late_sale(home, "bad.csv")
        shop.works(home, "run")
        assert tick(home, **address) == "Nothing is wrong."
    began, over = hook.messages
    (alert,) = began["began"]
    assert "['item_id', 'location_id'] are missing" in alert["told"]
    assert "forecast-platform run" in alert["mend"]
    assert [ended["what"] for ended in over["ended"]] == ["sales/bad.csv"]


def test_a_failed_run_is_wrong_until_what_it_makes_is_made(home: Path) -> None:
    late_sale(home)
    (rows,) = (home / "lake" / "validated_sales" / "month=2024-04").glob("*.parquet")
    held = rows.read_bytes()
    rows.unlink()
    assert "validated_sales failed" in shop.refusal(home, "run")
    assert tick(home) == "validated_sales failed"
    rows.write_bytes(held)
    shop.works(home, "run")
    assert tick(home) == "Nothing is wrong."


def test_runs_kept_too_long_are_named_and_deleted_by_maintenance(home: Path) -> None:
    runs = home / "dagster" / "history" / "runs.db"
    with closing(sqlite3.connect(runs)) as database, database:
        database.execute("update runs set update_timestamp = '2020-01-01 00:00:00'")
        (count,) = database.execute("select count(*) from runs").fetchone()
    done = shop.command(home, "doctor")
    assert done.returncode == 1
    assert f"mend  messages: {count} runs are kept longer than 90 days" in done.stdout
    shop.works(home, "maintain")
    assert tick(home) == "Nothing is wrong."


def test_sources_are_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = {"kind": "sql", "address": {"env": "SHOP"}, "tables": {"sales": {"table": "sold"}}}
    (tmp_path / "sources.yaml").write_text(yaml.safe_dump({"sources": {"till": source}}))
    monkeypatch.setenv("SHOP", "postgresql://u:s3cret@127.0.0.1:1/shop")
    (found,) = sources(Settings(home=tmp_path))
    assert not found.ok
    assert found.what.startswith("source till")
    assert "forecast-platform sources test --source till" in str(found)
    assert "s3cret" not in str(found)


@contextmanager
def watched(home: Path) -> Iterator[str]:
    """The address of the watching process, alone."""
    port = free_port()
    command = [shop.PROGRAM, "ui", "--only", "watch", "--watch-port", str(port)]
    process = subprocess.Popen(command, env=shop.environment(home))
    try:
        until(lambda: answers(f"http://127.0.0.1:{port}/health/live"), "the health page")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        assert process.wait(timeout=30) == 0


def get(address: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(address) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def samples(text: str) -> dict[str, dict[tuple[str, ...], float]]:
    """Values by labels in the order of their names, by metric."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(text):
        found[family.name] = {
            tuple(value for _, value in sorted(s.labels.items())): s.value for s in family.samples
        }
    return found


def test_pages_and_metrics_tell_what_the_lake_and_the_records_hold(home: Path) -> None:
    shop.land(home, "sales", "bad<b>.csv", "date,units\n2024-04-01,3\n")
    shop.works(home, "run")
    with watched(home) as address:
        status, text = get(f"{address}/health")
        body: dict[str, Any] = json.loads(text)
        assert (status, body["status"]) == (200, "ready")
        assert [wrong["what"] for wrong in body["wrong"]] == ["sales/bad<b>.csv"]
        metrics = samples(get(f"{address}/metrics")[1])
        status, page = get(address)
        assert get(f"{address}/else")[0] == 404
    assert status == 200
    assert "1 to mend" in page
    assert "sales/bad&lt;b&gt;.csv" in page
    assert "<code>forecast-platform run</code>" in page
    rows = {key[0]: value for key, value in metrics["forecast_platform_rows"].items()}
    for table in ("raw_sales", "validated_sales", "rejected_sales", "forecasts",
                  "replenishment_plan"):  # fmt: skip
        assert rows[table] == shop.read(home, table).height
    assert {*metrics["forecast_platform_stale_days"].values()} == {0}
    assert metrics["forecast_platform_problems"]["landing",] == 1
    judged = shop.read(home, "accuracy")
    one_day = judged.filter(judged["horizon"] == 1)
    wape = one_day["error"].abs().sum() / one_day["actual"].sum()
    assert metrics["forecast_platform_wape"]["1", "seasonal_naive"] == pytest.approx(wape)
    inside = metrics["forecast_platform_coverage"]["1", "80", "seasonal_naive"]
    assert inside == one_day["inside_80"].mean()
    assert metrics["forecast_platform_step_seconds"]["features",] > 0
    assert metrics["forecast_platform_runs_of_a_day"]["success",] > 3


def test_a_broken_database_makes_the_platform_unready(home: Path) -> None:
    with watched(home) as address:
        (home / "mlflow" / "mlflow.db").write_bytes(b"this is no database" * 1000)
        status, text = get(f"{address}/health")
        assert get(f"{address}/health/live")[0] == 200
    assert status == 503
    (wrong,) = json.loads(text)["wrong"]
    assert wrong["what"] == "MLflow database"
    assert wrong["vital"]


def named(text: str) -> set[str]:
    """Metrics of ours that a text names."""
    return set(re.findall(r"\bforecast_platform_\w+", text))


def test_rules_and_dashboard_name_metrics_that_exist() -> None:
    # A look at nothing has every metric, without samples.
    nothing = Sight(dt.datetime.now(dt.UTC), 0.0, [], accuracy=pl.DataFrame())
    text = exposition(Metrics(lambda: nothing, lambda: dt.date(2026, 1, 1))).decode()
    known = {family.name for family in text_string_to_metric_families(text)}
    rules = yaml.safe_load((WATCHING / "rules.yaml").read_text())
    (group,) = rules["groups"]
    shown = json.loads((WATCHING / "dashboard.json").read_text())
    asked = [target["expr"] for panel in shown["panels"] for target in panel["targets"]]
    told = [rule["expr"] for rule in group["rules"]]
    assert named(" ".join(told)) <= known
    assert named(" ".join(asked)) <= known
    assert known - named(" ".join([*told, *asked])) <= {
        f"forecast_platform_{name}" for name in ("alerts", "run_age_seconds")
    }
    assert all(rule["annotations"]["mend"] for rule in group["rules"])


def test_prometheus_scrapes_the_port_that_is_served() -> None:
    (job,) = yaml.safe_load((WATCHING / "prometheus.yaml").read_text())["scrape_configs"]
    assert job["static_configs"][0]["targets"] == [f"{Server.WATCH}:{Addresses().watch_port}"]
    rules = (WATCHING / "rules.yaml").read_text()
    assert f'job="{job["job_name"]}"' in rules
