"""The roles of `docker/sql/` on a real Postgres: each can do its work, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pgserver
import psycopg2
import pytest
from psycopg2.errors import InsufficientPrivilege, ReadOnlySqlTransaction
from pydantic import SecretStr

from forecast_platform.databases import make_schemas
from forecast_platform.settings import Settings
from tests.database import postgres

SQL = Path(__file__).resolve().parents[1] / "docker" / "sql"
SHOP = """
create role owner login; create database shop owner owner;
\\connect shop
set role owner;
create schema shop;
create table shop.till (day date, units int);
insert into shop.till values (now(), 3);
create schema people;
create table people.customers (name text);
insert into people.customers values ('Ann');
reset role;
"""


@pytest.fixture(scope="module")
def server() -> Iterator[pgserver.PostgresServer]:
    with postgres() as server:
        server.psql((SQL / "platform.sql").read_text())
        server.psql(f"{SHOP}\n{(SQL / 'shop_reader.sql').read_text()}")
        yield server


def asked(server: pgserver.PostgresServer, role: str, database: str, statement: str) -> Any:
    """What one statement of a role gives."""
    address = server.get_uri(database).replace("postgres:@", f"{role}:@")
    connection = psycopg2.connect(address)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else None
    finally:
        connection.close()


def test_the_reader_reads_the_shop(server: pgserver.PostgresServer) -> None:
    assert asked(server, "forecast_reader", "shop", "select units from shop.till") == [(3,)]


@pytest.mark.parametrize(
    "statement",
    [
        "insert into shop.till values (now(), 1)",
        "delete from shop.till",
        "drop table shop.till",
        "create table shop.mine (a int)",
        "create table public.mine (a int)",
        "select * from people.customers",
        "select * from pg_authid",
        "create role other",
        "copy (select 1) to program 'true'",
        "select pg_read_file('/etc/passwd')",
    ],
)
@pytest.mark.parametrize("writing", ["", "set session characteristics as transaction read write; "])
def test_the_reader_can_do_nothing_else(
    server: pgserver.PostgresServer, statement: str, writing: str
) -> None:
    refused = InsufficientPrivilege if writing else (InsufficientPrivilege, ReadOnlySqlTransaction)
    with pytest.raises(refused):
        asked(server, "forecast_reader", "shop", f"{writing}commit; {statement}")


def test_the_platform_has_its_schemas_and_makes_none(
    server: pgserver.PostgresServer, tmp_path: Path
) -> None:
    address = server.get_uri("platform").replace("postgres:@", "platform:@")
    make_schemas(Settings(home=tmp_path, database_url=SecretStr(address)))
    asked(server, "platform", "platform", "create table dagster.mine (a int)")
    owned = "select nspname from pg_namespace where nspowner = 'platform'::regrole order by 1"
    assert asked(server, "platform", "platform", owned) == [("dagster",), ("mlflow",)]


@pytest.mark.parametrize(
    ("database", "statement"),
    [
        ("platform", "create schema mine"),
        ("platform", "create table public.mine (a int)"),
        ("platform", "create role other"),
        ("platform", "select * from pg_authid"),
        ("platform", "copy (select 1) to program 'true'"),
        ("shop", "select * from shop.till"),
        ("shop", "select * from people.customers"),
    ],
)
def test_the_platform_can_do_nothing_else(
    server: pgserver.PostgresServer, database: str, statement: str
) -> None:
    with pytest.raises(InsufficientPrivilege):
        asked(server, "platform", database, statement)


def test_the_reader_does_not_reach_the_platform(server: pgserver.PostgresServer) -> None:
    with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
        asked(server, "forecast_reader", "platform", "select 1")
