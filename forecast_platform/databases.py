"""Where Dagster and MLflow keep their records: SQLite in the home folder, or one Postgres database.

Both have a table `runs`, so in Postgres each has a schema of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from forecast_platform.errors import ConfigurationError

if TYPE_CHECKING:
    from pydantic import SecretStr
    from sqlalchemy import URL, Connection

    from forecast_platform.settings import Settings

Schema = Literal["dagster", "mlflow"]
_DRIVER = "postgresql+psycopg2"
"""Named, because SQLAlchemy takes another where none is."""
_CONNECT_SECONDS = 10


def postgres_address(settings: Settings, schema: Schema) -> str | None:
    """SQLAlchemy address of a schema in the Postgres database; None where SQLite is used.

    It holds the password: pass it on in memory or environment, never write it down.

    Raises:
        ConfigurationError: If the setting is no address.
    """
    if settings.database_url is None:
        return None
    address = _parsed(settings.database_url)
    said = address.query.get("options", "")
    options = f"{said if isinstance(said, str) else ' '.join(said)} -csearch_path={schema}"
    query = {"options": options.strip(), "connect_timeout": str(_CONNECT_SECONDS)}
    return (
        address.set(drivername=_DRIVER)
        .update_query_dict(query)
        .render_as_string(hide_password=False)
    )


def mlflow_address(settings: Settings) -> str:
    """SQLAlchemy address of MLflow's records."""
    embedded = f"sqlite:///{settings.mlflow_home / 'mlflow.db'}"
    return postgres_address(settings, "mlflow") or embedded


def make_schemas(settings: Settings) -> None:
    """Make the schemas in the Postgres database where they are not there yet.

    Raises:
        ConfigurationError: If the database cannot be reached or refuses.
    """
    if settings.database_url is None:
        return
    from sqlalchemy import text

    with _connected(settings) as connection:
        # Made one after the other: of two that make a schema at once, one would fail.
        connection.execute(text("select pg_advisory_lock(hashtext('forecast_platform'))"))
        known: set[str] = set(connection.scalars(text("select nspname from pg_namespace")))
        # Only what is missing: a role that may make none works with schemas made for it.
        for schema in {"dagster", "mlflow"} - known:
            connection.execute(text(f"create schema {schema}"))


def server_version(settings: Settings) -> str:
    """Version of the Postgres server.

    Raises:
        ConfigurationError: If it cannot be reached.
    """
    from sqlalchemy import text

    with _connected(settings) as connection:
        return str(connection.execute(text("show server_version")).scalar_one())


def records_bytes(settings: Settings) -> int:
    """Bytes that Dagster's records take on disk.

    Raises:
        ConfigurationError: If the database cannot be reached or refuses.
    """
    if settings.database_url is None:
        files = (path.stat().st_size for path in settings.dagster_home.glob("**/*.db*"))
        return sum(files)
    from sqlalchemy import text

    size = text(
        "select coalesce(sum(pg_total_relation_size(oid)), 0) from pg_class "
        "where relkind = 'r' and relnamespace = 'dagster'::regnamespace"
    )
    with _connected(settings) as connection:
        return int(connection.execute(size).scalar_one())


@contextmanager
def _connected(settings: Settings) -> Iterator[Connection]:
    """A connection to the Postgres database; what it refuses is said as one sentence."""
    from sqlalchemy import create_engine
    from sqlalchemy.exc import SQLAlchemyError

    engine = create_engine(
        postgres_address(settings, "dagster") or "", isolation_level="AUTOCOMMIT"
    )
    try:
        with engine.connect() as connection:
            yield connection
    except SQLAlchemyError as error:
        raise ConfigurationError(
            f"The database {masked_address(settings)} cannot be used: "
            f"{_reason(error)}. Start it, or mend the setting database_url."
        ) from error
    finally:
        engine.dispose()


def masked_address(settings: Settings) -> str:
    """The address of the database without password and options, which can hold one too."""
    if settings.database_url is None:
        return "sqlite"
    address = _parsed(settings.database_url)
    return address.set(query={}).render_as_string(hide_password=True)


def _parsed(address: SecretStr) -> URL:
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return make_url(address.get_secret_value())
    except (ArgumentError, ValueError):
        # Not told: it may hold a part of the password.
        raise ConfigurationError(
            "The setting database_url is no address: write postgresql://user:password@host/name, "
            "signs such as @ / : of the password as %40 %2F %3A."
        ) from None


def _reason(error: Exception) -> str:
    """The driver's own first line: what the server or the network said."""
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0].rstrip(".")
