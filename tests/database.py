"""A real Postgres for tests."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pgserver


@contextmanager
def records() -> Iterator[Path]:
    """A folder for Postgres, which as root runs as a user of its own.

    It is not below pytest's: a pytest that starts closes that one to everyone else, and a server
    whose folder lies there then refuses all connections.
    """
    with tempfile.TemporaryDirectory(prefix="records-") as folder:
        yield Path(folder)


@contextmanager
def postgres(folder: Path | None = None) -> Iterator[pgserver.PostgresServer]:
    """A server over `folder`, whose databases stay there; else over one that is then deleted."""
    if folder is None:
        with records() as own, postgres(own) as server:
            yield server
        return
    server = pgserver.get_server(folder, cleanup_mode="stop")
    try:
        yield server
    finally:
        server.cleanup()
