"""What is shown of the address of a database, and what a look at it leaves behind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from forecast_platform.databases import (
    make_schemas,
    masked_address,
    postgres_address,
    records_bytes,
    server_version,
)
from forecast_platform.errors import ConfigurationError
from forecast_platform.settings import Settings
from tests.database import postgres


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://shop:sesame@host:5433/records",
        "postgresql://host/records?user=shop&password=sesame",
        "postgresql://shop@host/records?sslmode=verify-full&sslpassword=sesame",
    ],
)
def test_no_password_is_shown_wherever_it_stands(tmp_path: Path, address: str) -> None:
    shown = masked_address(Settings(home=tmp_path, database_url=SecretStr(address)))
    assert "sesame" not in shown
    assert "host" in shown
    assert "records" in shown


def settings_of(home: Path, address: str) -> Settings:
    return Settings(home=home, database_url=SecretStr(address))


def test_a_look_at_the_server_changes_nothing_in_it(tmp_path: Path) -> None:
    with postgres() as server:
        chosen = settings_of(tmp_path, server.get_uri())
        schemas = "select count(*) from pg_namespace where nspname in ('dagster', 'mlflow')"
        assert server_version(chosen).split(".")[0].isdigit()
        assert "0" in server.psql(schemas)
        with pytest.raises(ConfigurationError, match='schema "dagster" does not exist'):
            records_bytes(chosen)
        make_schemas(chosen)
        assert "2" in server.psql(schemas)
        assert records_bytes(chosen) == 0


@pytest.mark.parametrize("ask", [make_schemas, server_version, records_bytes])
def test_a_server_that_does_not_answer_is_said_without_its_password(
    ask: Callable[[Settings], object], tmp_path: Path
) -> None:
    chosen = settings_of(tmp_path, "postgresql://shop:sesame@127.0.0.1:1/records")
    with pytest.raises(ConfigurationError, match=r"127\.0\.0\.1:1/records cannot be used") as said:
        ask(chosen)
    assert "mend the setting database_url" in str(said.value)
    assert "sesame" not in str(said.value)


@pytest.mark.parametrize("ask", [masked_address, lambda chosen: postgres_address(chosen, "mlflow")])
def test_an_address_that_is_none_is_said_without_its_password(
    ask: Callable[[Settings], object], tmp_path: Path
) -> None:
    chosen = settings_of(tmp_path, "postgresql://shop:sesame@host:54x/records")
    with pytest.raises(ConfigurationError, match="database_url is no address") as said:
        ask(chosen)
    assert "sesame" not in str(said.value)
