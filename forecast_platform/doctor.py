"""Checks of the installation and the home folder, each with what to do about it."""

from __future__ import annotations

import shutil
import sqlite3
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from forecast_platform.databases import masked_address, server_version
from forecast_platform.errors import PlatformError
from forecast_platform.home import Home
from forecast_platform.settings import Settings
from forecast_platform.tracking.artifacts import artifacts_address

_PACKAGES = (
    "dagster", "dagster-postgres", "deltalake", "duckdb", "great-expectations", "mlflow", "pandas",
    "polars", "statsmodels", "torch",
)  # fmt: skip
_LEAST_FREE_BYTES = 2_000_000_000


class Finding(NamedTuple):
    """One thing looked at."""

    what: str
    ok: bool
    told: str


def examine(settings: Settings) -> list[Finding]:
    """Look at everything; a check that breaks is a finding too."""
    checks: list[tuple[str, Callable[[], Iterator[Finding]]]] = [
        ("installation", _installation),
        ("device", _device),
        ("home", lambda: _home(settings)),
        ("storage", lambda: _storage(settings)),
        ("databases", lambda: _databases(settings)),
        ("landing", lambda: _landing(settings)),
        ("lake", lambda: _lake(settings)),
    ]
    findings: list[Finding] = []
    for what, check in checks:
        try:
            findings += check()
        except (PlatformError, OSError, sqlite3.Error) as error:
            findings.append(Finding(what, False, str(error)))
    return findings


def _installation() -> Iterator[Finding]:
    python = ".".join(map(str, sys.version_info[:3]))
    yield Finding("python", (3, 11) <= sys.version_info < (3, 13), f"{python}; 3.11 or 3.12 needed")
    for package in _PACKAGES:
        try:
            yield Finding(package, True, version(package))
        except PackageNotFoundError:
            yield Finding(package, False, "not installed; run `make setup`")


def _device() -> Iterator[Finding]:
    import torch

    if torch.cuda.is_available():
        yield Finding("device", True, torch.cuda.get_device_name())
    else:
        yield Finding("device", True, "CPU; nets train slower than on a GPU")


def _home(settings: Settings) -> Iterator[Finding]:
    settings.home.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(settings.home).free
    yield Finding(
        "disk", free > _LEAST_FREE_BYTES,
        f"{free / 1e9:.1f} GB free at {settings.home}; at least 2 GB should be",
    )  # fmt: skip


def _storage(settings: Settings) -> Iterator[Finding]:
    """Whether it can be written to, and refuses the second of two writers."""
    if settings.storage is None:
        return
    probe = settings.storage / f"doctor/{uuid.uuid4().hex}"
    yield Finding("artifacts", True, artifacts_address(settings.storage))
    first = probe.put_if(b"1", None)
    keeps_apart = (
        first is not None
        and probe.put_if(b"2", None) is None
        and probe.put_if(b"3", first) is not None
        and probe.put_if(b"4", first) is None
    )
    probe.unlink()
    if not keeps_apart:
        told = "takes no conditional puts, so writers would lose rows: use another storage"
        yield Finding("storage", False, f"{settings.storage.url} {told}")
        return
    yield Finding("storage", True, f"{settings.storage.url} can be written to")
    if settings.database_url is None:
        yield Finding(
            "records", True,
            "SQLite in this home, so for this machine alone: set database_url before another "
            "machine uses the same storage",
        )  # fmt: skip


def _databases(settings: Settings) -> Iterator[Finding]:
    if settings.database_url:
        version = server_version(settings)
        yield Finding("database", True, f"Postgres {version} at {masked_address(settings)}")
        return
    files = {
        "Dagster database": settings.dagster_home / "history" / "runs" / "index.db",
        "MLflow database": settings.mlflow_home / "mlflow.db",
    }
    for what, path in files.items():
        if not path.exists():
            yield Finding(what, True, "not made yet; the first run makes it")
            continue
        yield Finding(what, (verdict := _verdict(path)) == "ok", f"{path}: {verdict}")


def _verdict(path: Path) -> str:
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            (verdict,) = connection.execute("pragma quick_check").fetchone()
    except sqlite3.Error as error:
        return f"{error}; put back a copy, or move it away: the next run makes an empty one"
    return str(verdict)


def _landing(settings: Settings) -> Iterator[Finding]:
    files = Home(settings).read("landing_files")
    refused = files.filter(files["status"] == "refused")
    yield Finding("landing", refused.is_empty(), f"{files.height} files, {refused.height} refused")
    for row in refused.head(10).iter_rows(named=True):
        yield Finding(f"{row['table_name']}/{row['file']}", False, row["reason"])


def _lake(settings: Settings) -> Iterator[Finding]:
    home = Home(settings)
    span = home.state().span()
    yield Finding("lake", True, f"sales of {span[0]} to {span[1]}" if span else "no sales yet")
    stale = home.stale() if span else {}
    told = ", ".join(f"{table} ({len(days)} days)" for table, days in stale.items())
    yield Finding(
        "up to date", not stale, f"stale: {told}; run `forecast-platform run`" if stale else "yes"
    )
