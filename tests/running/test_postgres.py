"""Dagster and MLflow on a real Postgres instead of SQLite files."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from forecast_platform.databases import Schema, masked_address, postgres_address
from forecast_platform.settings import Settings
from tests import command_line as shop
from tests.database import postgres

URL = "FORECAST_PLATFORM_DATABASE_URL"
_TLS_REQUEST = bytes.fromhex("0000000804d2162f")
SQL = Path(__file__).resolve().parents[2] / "docker" / "sql"


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    with postgres() as server:
        server.psql(f"{(SQL / 'platform.sql').read_text()}; alter role platform password 'sesame';")
        yield server.get_uri("platform").replace("postgres:@", "platform:sesame@")


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
    # Neither run nor event nor file tells the password.
    kept = [path.read_bytes() for path in home.rglob("*") if path.is_file()]
    assert [content for content in kept if b"sesame" in content] == []
    with create_engine(database.replace("postgresql", "postgresql+psycopg2", 1)).connect() as held:
        tables = held.execute(
            text("select schemaname, tablename from pg_tables where tableowner = 'platform'")
        )
        for schema, table in tables.all():
            rows = f"select count(*) from {schema}.{table} as t where t::text like '%sesame%'"
            assert held.execute(text(rows)).scalar_one() == 0, table
    told = shop.works(home, "doctor", **more)
    assert "Postgres" in told
    assert "sesame" not in told


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


@pytest.mark.parametrize("schema", ["dagster", "mlflow"])
def test_encryption_that_is_asked_for_is_insisted_on(schema: Schema, tmp_path: Path) -> None:
    """The driver asks for TLS first, and tells nothing to a server that has none."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def refuse() -> None:
            connection, _ = server.accept()
            heard.append(connection.recv(1024))
            connection.sendall(b"N")
            heard.append(connection.recv(1024))
            connection.close()

        thread = threading.Thread(target=refuse)
        thread.start()
        said = f"postgresql://shop:sesame@127.0.0.1:{server.getsockname()[1]}/db?sslmode=require"
        settings = Settings(home=tmp_path, database_url=SecretStr(said))
        with pytest.raises(OperationalError, match="SSL was required"):
            create_engine(postgres_address(settings, schema) or "").connect()
        thread.join()
    assert heard == [_TLS_REQUEST, b""]


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
