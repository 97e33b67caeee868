"""Dagster and MLflow on a real Postgres instead of SQLite files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pgserver
import pytest
from pydantic import SecretStr
from sqlalchemy import create_engine, text

from forecast_platform.databases import Schema, masked_address, postgres_address
from forecast_platform.settings import Settings
from tests import command_line as shop

URL = "FORECAST_PLATFORM_DATABASE_URL"
SQL = Path(__file__).resolve().parents[2] / "docker" / "sql"


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = pgserver.get_server(tmp_path_factory.mktemp("pg"), cleanup_mode="delete")
    server.psql(f"{(SQL / 'platform.sql').read_text()}; alter role platform password 'sesame';")
    yield server.get_uri("platform").replace("postgres:@", "platform:sesame@")
    server.cleanup()


def counted(database: str, home: Path, schema: Schema, table: str) -> int:
    """Rows of a table in the schema of Dagster or MLflow."""
    settings = Settings(home=home, database_url=SecretStr(database))
    engine = create_engine(postgres_address(settings, schema) or "")
    with engine.connect() as connection:
        rows = connection.execute(text(f"select count(*) from {table}")).scalar_one()
    engine.dispose()
    return int(rows)


def test_a_shop_runs_on_postgres_alone(database: str, tmp_path: Path) -> None:
    home, more = tmp_path / "home", {URL: database}
    shop.works(home, "demo", "--items", 3, "--locations", 1, "--days", 70, "--issued", 2, **more)
    assert counted(database, home, "dagster", "runs") > 3
    assert counted(database, home, "dagster", "event_logs") > 100
    assert counted(database, home, "mlflow", "registered_models") == 1
    assert not list(home.rglob("*.db"))
    told = shop.works(home, "doctor", **more)
    assert "Postgres" in told
    assert "sesame" not in told
    assert [path for path in home.rglob("*.yaml") if "sesame" in path.read_text()] == []


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("postgresql://shop:sesame@/records?host=/nowhere", "database_url"),
        ("mysql://shop:sesame@host/records", "postgresql://"),
    ],
)
def test_a_database_that_cannot_be_used_is_said_without_its_password(
    address: str, expected: str, tmp_path: Path
) -> None:
    told = shop.refusal(tmp_path / "home", "run", **{URL: address})
    assert expected in told
    assert "sesame" not in told


def test_what_the_address_says_itself_is_kept(tmp_path: Path) -> None:
    said = (
        "postgresql://shop:s%40same@host:5433/records"
        "?options=-cstatement_timeout%3D9s&sslmode=require"
    )
    settings = Settings(home=tmp_path, database_url=SecretStr(said))
    address = postgres_address(settings, "mlflow") or ""
    assert "s%40same@host:5433/records" in address
    assert "sslmode=require" in address
    assert "statement_timeout" in address
    assert "search_path%3Dmlflow" in address
    assert "s%40same" not in masked_address(settings)
