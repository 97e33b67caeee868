from __future__ import annotations

from pathlib import Path

import pytest

from forecast_platform.doctor import examine
from forecast_platform.settings import Settings
from forecast_platform.watching import findings as looks
from forecast_platform.watching.findings import Finding
from tests import command_line as shop


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shop.demo(tmp_path_factory.getbasetemp())[0]


@pytest.fixture
def home(demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    copied = shop.copy(demo, tmp_path / "home")
    for name, value in shop.environment(copied).items():
        monkeypatch.setenv(name, value)
    return copied


def found(home: Path) -> dict[str, Finding]:
    return {finding.what: finding for finding in examine(Settings(home=home))}


def test_healthy_home_has_nothing_to_mend(home: Path) -> None:
    findings = found(home)
    assert [f for f in findings.values() if not f.ok] == []
    assert str(shop.LAST_DAY) in findings["lake"].told


def test_command_ends_with_one_line_per_finding(home: Path) -> None:
    lines = shop.works(home, "doctor").splitlines()
    assert all(line.strip().startswith("ok") for line in lines)
    assert any("torch" in line for line in lines)


def test_command_fails_on_a_refused_file_and_says_why(home: Path) -> None:
    shop.land(home, "sales", "[b]ad.csv", "date,units\n2024-04-01,3\n")
    assert "sales/[b]ad.csv refused: columns ['item_id'" in shop.works(home, "run")
    done = shop.command(home, "doctor")
    assert done.returncode == 1
    assert "mend  sales/[b]ad.csv: columns ['item_id', 'location_id'] are missing" in done.stdout


def test_landed_days_that_nothing_has_followed_are_stale(home: Path) -> None:
    line = f"{shop.NEXT_DAY},{shop.old_items(home)[0]},S01,3"
    shop.land(home, "sales", "next.csv", shop.csv("date,item_id,location_id,units", line))
    shop.works(home, "run", "--select", "validated_sales")
    finding = found(home)["up to date"]
    assert not finding.ok
    assert "clean_demand (1 days)" in finding.told
    assert "forecast-platform run" in finding.mend


def test_changed_setting_makes_the_plan_stale(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORECAST_PLATFORM_SERVICE_LEVEL", "0.99")
    told = found(home)["up to date"].told
    assert "replenishment_plan (1 days)" in told
    assert "features" not in told


@pytest.mark.parametrize(
    ("database", "what"),
    [("mlflow/mlflow.db", "MLflow"), ("dagster/history/runs/index.db", "Dagster")],
)
def test_broken_database_is_found(home: Path, database: str, what: str) -> None:
    (home / database).write_bytes(b"this is no database, and never was one" * 1000)
    findings = [f for f in found(home).values() if not f.ok]
    # Dagster's records cannot be looked at then either.
    assert [f.what for f in findings if not f.unseen] == [f"{what} database"]
    assert str(home / database) in findings[0].told


def test_home_of_another_version_is_found(home: Path) -> None:
    (home / "lake" / "_layout").write_text("0\n")
    assert "forecast-platform upgrade" in found(home)["lake"].told


def test_full_disk_is_found(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looks, "LEAST_FREE_BYTES", 2**62)
    assert not found(home)["disk"].ok
