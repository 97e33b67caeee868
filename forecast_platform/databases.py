"""Where Dagster and MLflow keep their records: SQLite in the home folder, or one Postgres database.

Both have a table `runs`, so in Postgres each has a schema of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from forecast_platform.errors import ConfigurationError

if TYPE_CHECKING:
    from forecast_platform.settings import Settings

Schema = Literal["dagster", "mlflow"]
_DRIVER = "postgresql+psycopg2"
"""Named, because SQLAlchemy takes another where none is."""
_CONNECT_SECONDS = 10


def postgres_address(settings: Settings, schema: Schema) -> str | None:
    """SQLAlchemy address of a schema in the Postgres database; None where SQLite is used.

    It holds the password: pass it on in memory or environment, never write it down.
    """
    if settings.database_url is None:
        return None
    from sqlalchemy import make_url

    address = make_url(settings.database_url.get_secret_value())
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
    from sqlalchemy import create_engine, text
    from sqlalchemy.exc import SQLAlchemyError

    address = postgres_address(settings, "dagster")
    if address is None:
        return
    engine = create_engine(address, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            # Made one after the other: of two that make a schema at once, one would fail.
            connection.execute(text("select pg_advisory_lock(hashtext('forecast_platform'))"))
            known: set[str] = set(
                connection.execute(text("select nspname from pg_namespace")).scalars()
            )
            # Only what is missing: a role that may make none works with schemas made for it.
            for schema in {"dagster", "mlflow"} - known:
                connection.execute(text(f"create schema {schema}"))
    except SQLAlchemyError as error:
        raise ConfigurationError(
            f"The database {masked_address(settings)} cannot be used: "
            f"{_reason(error)}. Start it, or mend the setting database_url."
        ) from error
    finally:
        engine.dispose()


def server_version(settings: Settings) -> str:
    """Version of the Postgres server.

    Raises:
        ConfigurationError: If it cannot be reached.
    """
    make_schemas(settings)
    from sqlalchemy import create_engine, text

    engine = create_engine(postgres_address(settings, "dagster") or "")
    try:
        with engine.connect() as connection:
            return str(connection.execute(text("show server_version")).scalar_one())
    finally:
        engine.dispose()


def masked_address(settings: Settings) -> str:
    """The address of the database without password and options, which can hold one too."""
    if settings.database_url is None:
        return "sqlite"
    from sqlalchemy import make_url

    address = make_url(settings.database_url.get_secret_value())
    return address.set(query={}).render_as_string(hide_password=True)


def _reason(error: Exception) -> str:
    """The driver's own first line: what the server or the network said."""
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0].rstrip(".")
