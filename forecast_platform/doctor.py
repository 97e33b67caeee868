"""Checks of the installation and the home folder, each with what to do about it."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from forecast_platform.executing import nodes
from forecast_platform.home import Home
from forecast_platform.settings import Settings
from forecast_platform.tracking.artifacts import artifacts_address
from forecast_platform.watching.findings import Finding, databases, home_looks, look, sources

_PACKAGES = (
    "dagster", "dagster-postgres", "deltalake", "duckdb", "great-expectations", "mlflow", "pandas",
    "polars", "statsmodels", "torch",
)  # fmt: skip
_SETUP = "`make setup`"


def examine(settings: Settings) -> list[Finding]:
    """Look at everything; a check that breaks is a finding too."""
    from forecast_platform.defs.records import recorded

    home = Home(settings)
    return look(
        {
            "installation": _installation,
            "device": _device,
            "Ray cluster": lambda: _cluster(settings),
            **home_looks(home),
            "storage": lambda: _storage(settings),
            "databases": lambda: databases(settings, whole=True),
            "sources": lambda: sources(settings),
            "records": lambda: recorded(settings),
        }
    )


def _installation() -> Iterator[Finding]:
    python = ".".join(map(str, sys.version_info[:3]))
    is_known = (3, 11) <= sys.version_info < (3, 13)
    yield Finding("python", is_known, f"{python}; 3.11 or 3.12 needed", _SETUP)
    for package in _PACKAGES:
        try:
            yield Finding(package, True, version(package))
        except PackageNotFoundError:
            yield Finding(package, False, "not installed", _SETUP)


def _device() -> Iterator[Finding]:
    import torch

    if torch.cuda.is_available():
        yield Finding("device", True, torch.cuda.get_device_name())
    else:
        yield Finding("device", True, "CPU; nets train slower than on a GPU")


def _cluster(settings: Settings) -> Iterator[Finding]:
    if settings.ray_address:
        cores = [cores for _, cores in nodes(settings.ray_address)]
        told = f"{len(cores)} nodes, {sum(cores)} cores at {settings.ray_address}"
        yield Finding("Ray cluster", True, told)


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
        told = "takes no conditional puts, so writers would lose rows"
        yield Finding("storage", False, f"{settings.storage.url} {told}", "use another storage")
        return
    yield Finding("storage", True, f"{settings.storage.url} can be written to")
    if settings.database_url is None:
        yield Finding(
            "records", True,
            "SQLite in this home, so for this machine alone: set database_url before another "
            "machine uses the same storage",
        )  # fmt: skip
