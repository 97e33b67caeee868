"""Databases of older versions are migrated once, at the first start of a newer one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import mlflow.store.db.utils as mlflow_database
import pytest
from alembic import command
from dagster._core.storage.sql import run_alembic_downgrade
from dagster_postgres.utils import pg_alembic_config
from pydantic import SecretStr
from sqlalchemy import create_engine, text

from forecast_platform.databases import mlflow_address
from forecast_platform.defs.instance import instance
from forecast_platform.settings import Settings
from tests.database import postgres


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    for name in ("DAGSTER_HOME", "DAGSTER_DATABASE_URL", "FORECAST_PLATFORM_HOME"):
        monkeypatch.setenv(name, "")
    with postgres() as server:
        yield Settings(home=tmp_path / "home", database_url=SecretStr(server.get_uri()))


def test_databases_of_an_older_version_are_migrated_once(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with instance(settings) as opened:
        newest = opened.event_log_storage.alembic_version()
        assert newest is not None
        config = pg_alembic_config(dg_postgres_event_log())
        with opened.event_log_storage._connect() as connection:
            run_alembic_downgrade(config, connection, "-1")
        assert opened.event_log_storage.alembic_version() != newest
    engine = create_engine(mlflow_address(settings))
    mlflow_database._initialize_tables(engine)
    head = mlflow_database._get_schema_version(engine)
    older = mlflow_database._get_alembic_config(str(engine.url))
    with engine.begin() as connection:
        older.attributes["connection"] = connection
        command.downgrade(older, "-1")
    assert mlflow_database._get_schema_version(engine) != head
    done = settings.home / "databases.json"
    done.write_text(json.dumps(json.loads(done.read_text()) | {"dagster": "1.0", "mlflow": "1.0"}))

    with instance(settings) as opened:
        assert opened.event_log_storage.alembic_version() == newest
    assert mlflow_database._get_schema_version(engine) == head

    def again(*_: object) -> None:
        raise AssertionError("migrated again")

    monkeypatch.setattr(dg.DagsterInstance, "upgrade", again)
    monkeypatch.setattr(mlflow_database, "_upgrade_db", again)
    with instance(settings):
        pass
    with engine.connect() as connection:
        assert connection.execute(text("select 1")).scalar_one() == 1
    engine.dispose()


def dg_postgres_event_log() -> str:
    from dagster_postgres.event_log import event_log

    return str(event_log.__file__)
