"""Finished pieces of a training, kept so that one that was broken off need not estimate them again.

A piece is a folder with a note beside it: of what it was made from, and of what it held when it was
finished. It counts only while both are as noted.
"""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import polars as pl

from forecast_platform.home import Home
from forecast_platform.storage import write_whole
from forecast_platform.tracking.provenance import code_digest, packages_digest

_READ = r"^(features|signal_features|validated_.*)$"
"""Tables that trainings read, and more: a change too many only estimates again."""


def once(folder: Path, key: str, make: Callable[[], object]) -> bool:
    """Let `make` fill a folder, unless it holds what was made from the same before.

    Args:
        folder: Emptied before.
        key: Of all that the content depends on.
        make: Writes into the folder, and nowhere else.

    Returns:
        Whether it was made now.
    """
    note = folder.with_name(f"{folder.name}.finished")
    if note.exists() and note.read_text() == f"{key} {_content(folder)}":
        return False
    note.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    make()
    write_whole(note, f"{key} {_content(folder)}".encode())
    return True


def pieces(home: Home, cutoff: dt.date) -> Path:
    """Where judged origins and fitted models wait until the champion of the cutoff is chosen."""
    return _all(home) / str(cutoff)


def forget(home: Home, before: dt.datetime) -> list[str]:
    """Delete the pieces of trainings that were broken off before a time, and never went on.

    Returns:
        Their cutoffs.
    """
    old = [one for one in sorted(_all(home).glob("*")) if one.stat().st_mtime < before.timestamp()]
    for folder in old:
        shutil.rmtree(folder)
    return [folder.name for folder in old]


def training_key(home: Home, cutoff: dt.date) -> str:
    """Fingerprint of the code, the settings and the data of a training up to `cutoff`."""
    ledger = home.lake.ledger.current().filter(
        pl.col("table").str.contains(_READ), pl.col("day") <= cutoff
    )
    data = ledger.select("table", "day", "content").sort("table", "day").write_csv()
    said = home.settings.model_dump_json()  # secrets are stars in it
    made_by = code_digest(), packages_digest(), said, str(cutoff), data
    return sha256("\n".join(made_by).encode()).hexdigest()


def _all(home: Home) -> Path:
    return home.settings.home / "models" / "_judged"


def _content(folder: Path) -> str:
    digest = sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(folder).as_posix()} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()
