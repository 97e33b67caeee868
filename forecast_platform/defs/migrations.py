"""The databases of Dagster and MLflow, brought to the schema of the versions that are installed.

Done at the first start after another version was installed, and by one process: others wait.
"""

from __future__ import annotations

import contextlib
import io
import json
from importlib.metadata import version
from pathlib import Path

import dagster as dg
from filelock import FileLock

from forecast_platform import progress
from forecast_platform.databases import masked_address, mlflow_address
from forecast_platform.settings import Settings
from forecast_platform.storage import write_whole

_PACKAGES = ("dagster", "mlflow")


def migrate(settings: Settings) -> None:
    """Migrate both databases unless these versions have done so; needs the instance's environment.

    The records of what was done lie in `<home>/databases.json`.
    """
    now = {name: version(name) for name in _PACKAGES} | {"database": masked_address(settings)}
    done = settings.home / "databases.json"
    if _read(done) == now:
        return
    with FileLock(settings.home / "databases.lock"):
        if _read(done) == now:
            return
        _migrate_dagster()
        _migrate_mlflow(settings)
        write_whole(done, json.dumps(now, indent=1).encode())


def _read(done: Path) -> object:
    try:
        return json.loads(done.read_text())
    except (FileNotFoundError, ValueError):
        return None


def _migrate_dagster() -> None:
    with dg.DagsterInstance.get() as opened:
        storages = (opened.run_storage, opened.event_log_storage, opened.schedule_storage)
        versions = [storage.alembic_version() for storage in storages if storage]
        if all(held == wanted for held, wanted in filter(None, versions)):
            return
        progress.tell("migrating Dagster's database")
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            opened.upgrade()


def _migrate_mlflow(settings: Settings) -> None:
    if settings.database_url is None and not (settings.mlflow_home / "mlflow.db").exists():
        return
    from sqlalchemy import create_engine, inspect

    engine = create_engine(mlflow_address(settings))
    try:
        # A new database is made by MLflow itself, on first use.
        if inspect(engine).has_table("alembic_version"):
            from mlflow.store.db.utils import _upgrade_db

            progress.tell("migrating MLflow's database")
            _upgrade_db(engine)  # type: ignore[no-untyped-call]
    finally:
        engine.dispose()
