"""Saved models in object storage: one archive each, and copies of them on this machine.

An archive is put whole, so nobody sees half a model. Models are loaded from the copy, which is
fetched again when the archive is another than the one it was made from.
"""

from __future__ import annotations

import io
import shutil
import tarfile
from pathlib import Path

from filelock import FileLock

from forecast_platform.storage.paths import Place, StorePath

_ARCHIVE, _FETCHED = ".tar", ".etag"


def published(copy: Path, stored: Place) -> None:
    """Put the model in the folder `copy` where others find it; nothing if that is the folder."""
    if not isinstance(stored, StorePath):
        return
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.add(copy, arcname=".")
    target = stored.parent / (stored.name + _ARCHIVE)
    _beside(copy, _FETCHED).write_text(target.write_bytes(buffer.getvalue()) or "")


def fetched(copy: Path, stored: Place) -> Path:
    """The folder with the model, brought up to date if it is a copy; perhaps it does not exist."""
    if not isinstance(stored, StorePath):
        return copy
    source = stored.parent / (stored.name + _ARCHIVE)
    copy.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(_beside(copy, ".lock")):
        marker = _beside(copy, _FETCHED)
        etag = source.etag()
        if etag is None or (marker.exists() and marker.read_text() == etag and copy.exists()):
            return copy
        part = _beside(copy, ".fetched")
        shutil.rmtree(part, ignore_errors=True)
        with tarfile.open(fileobj=source.open()) as archive:
            archive.extractall(part, filter="data")
        marker.unlink(missing_ok=True)
        shutil.rmtree(copy, ignore_errors=True)
        part.rename(copy)
        marker.write_text(etag)
    return copy


def _beside(folder: Path, ending: str) -> Path:
    return folder.with_name(f".{folder.name}{ending}")
