"""Landed files as bytes: which there are, whether they are complete, and their checksum.

Belongs here: listing and reading bytes. Does not belong here: what the bytes mean (`reader.py`).
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import re
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from forecast_platform.errors import LandingError
from forecast_platform.storage import Place, StorePath

SUFFIXES = (".csv", ".csv.gz", ".parquet", ".jsonl", ".jsonl.gz")
LINE_LIMIT = 64 * 1024 * 1024
"""Bytes; a longer line is no row of a table, and reading it whole could exhaust the memory."""

_CHUNK = 4 * 1024 * 1024
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class UnsettledFileError(LandingError):
    """The file disappeared or changed while it was read; it is read the next time."""


class RefusedFileError(LandingError):
    """The file was read and cannot be landed.

    Args:
        reason: The sentence the register keeps.
        checksum: Of the refused bytes, empty where they could not be read.
        size: Bytes.
    """

    def __init__(self, reason: str, checksum: str, size: int) -> None:
        super().__init__(reason)
        self.checksum = checksum
        self.size = size


@dataclass(frozen=True, slots=True)
class LandedFile:
    """One file of a table's landing folder.

    Args:
        path: Where it lies.
        name: Path relative to the table's folder, with forward slashes, printable.
        size: Bytes.
        mtime: Last change, seconds since 1970.
        etag: Name of this version; None on disk, where there is none.
    """

    path: Place
    name: str
    size: int
    mtime: float
    etag: str | None = None

    def settled(self, now: float, settle_seconds: float) -> bool:
        """Whether nobody is writing the file any more; a clock that runs ahead does no harm."""
        return abs(now - self.mtime) >= settle_seconds


@dataclass(frozen=True, slots=True)
class Content:
    """The unpacked bytes of one file, the checksum and size of its packed ones, and its defect."""

    data: bytes
    checksum: str
    size: int
    defect: str | None


def list_landed(folder: Place, table: str, now: float, settle_seconds: float) -> list[LandedFile]:
    """The complete files of one table, by name; none where there is no folder.

    Args:
        folder: The landing folder.
        table: Landed table, the name of its sub-folder.
        now: Seconds since 1970.
        settle_seconds: A file changed later than this before `now` may still be being written.

    Raises:
        LandingError: If the table's folder cannot be read.
    """
    root = folder / table
    files: list[LandedFile] = []
    if isinstance(root, StorePath):
        return sorted(_stored(root, now, settle_seconds), key=lambda file: file.name)
    try:
        if not root.exists():
            return []
        if not root.is_dir():
            raise NotADirectoryError(f"{root} is a file")
        for parent, folders, names in os.walk(root, onerror=_raise):
            folders[:] = [name for name in folders if not name.startswith(".")]
            files += _landed(root, [Path(parent, name) for name in names if _is_table(name)])
    except OSError as error:
        raise LandingError(
            f"The landing folder {root} cannot be read: {error.strerror or error}. "
            "Give the platform's user the right to list and read it."
        ) from error
    settled = [file for file in files if file.settled(now, settle_seconds)]
    return sorted(settled, key=lambda file: file.name)


def checksum_of(path: Place, salt: bytes = b"") -> str:
    """SHA-256 of the file's bytes followed by `salt`, in hexadecimal.

    Raises:
        UnsettledFileError: If the file disappears or changes meanwhile.
        RefusedFileError: If the file may not be read.
    """
    digest = hashlib.sha256()
    with _unchanged(path), _opened(path) as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    digest.update(salt)
    return digest.hexdigest()


def load(path: Place, salt: bytes = b"") -> Content:
    """Read and unpack a file in one pass, so that the checksum is that of what was read.

    Raises:
        UnsettledFileError: If the file disappears or changes meanwhile.
        RefusedFileError: If the file may not be read.
    """
    name = path.name.lower()
    with _unchanged(path), _opened(path) as file:
        source = _Hashing(file)
        if name.endswith(".parquet"):
            data, defect = source.read(), None
        elif name.endswith(".gz"):
            data, defect = _text(gzip.GzipFile(fileobj=io.BytesIO(source.read())))
        else:
            data, defect = _text(source)
        while source.read(_CHUNK):
            pass  # What a defect left unread still belongs to the checksum.
    source.digest.update(salt)
    return Content(data, source.digest.hexdigest(), source.size, defect)


def printable(name: str) -> str:
    """A name whose control characters are spelled out: terminals and logs obey such."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", name)


def _opened(path: Place) -> BinaryIO:
    """The file, opened if it is one: links lead elsewhere, and pipes never end."""
    if isinstance(path, StorePath):
        return path.open()
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise _no_file()
    return file


def _no_file() -> RefusedFileError:
    return RefusedFileError(
        "the file cannot be opened (a link or a device may lead to what is no data): "
        "put the file itself there",
        checksum="",
        size=0,
    )


class _Hashing:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = hashlib.sha256()
        self.size = 0

    def read(self, size: int = -1) -> bytes:
        chunk = self._file.read(size)
        self.digest.update(chunk)
        self.size += len(chunk)
        return chunk


def _text(source: _Hashing | gzip.GzipFile) -> tuple[bytes, str | None]:
    """All bytes, or none and a defect."""
    chunks = []
    line = 0
    try:
        while chunk := source.read(_CHUNK):
            first, last = chunk.find(b"\n"), chunk.rfind(b"\n")
            if line + (first if first >= 0 else len(chunk)) > LINE_LIMIT:
                return b"", (
                    f"a line is longer than {LINE_LIMIT // 2**20} MiB, so this is no table "
                    "of rows: write one row per line"
                )
            line = line + len(chunk) if last < 0 else len(chunk) - last - 1
            chunks.append(chunk)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        return b"", f"the gzip file is cut off or damaged ({error}): write it again"
    return b"".join(chunks), None


@contextmanager
def _unchanged(path: Place) -> Iterator[None]:
    """Turn what can happen to a file while it is read into errors that tell what to do."""
    try:
        before = _state(path)
        yield
        after = _state(path)
    except FileNotFoundError as error:
        raise UnsettledFileError(f"{path.name} disappeared while it was read.") from error
    except OSError as error:
        if isinstance(path, Path) and path.is_symlink():
            raise _no_file() from error
        raise RefusedFileError(
            f"the file cannot be opened ({error.strerror or error}): "
            "give the platform's user the right to read it",
            checksum="",
            size=0,
        ) from error
    if before != after:
        raise UnsettledFileError(f"{path.name} changed while it was read.")


def _state(path: Place) -> tuple[int, int] | None:
    """What changes with a file; nothing for an object, whose bytes come from one version."""
    if isinstance(path, StorePath):
        return None
    facts = path.stat()
    return facts.st_size, facts.st_mtime_ns


def _stored(root: StorePath, now: float, settle_seconds: float) -> Iterator[LandedFile]:
    for entry in root.walk():
        name = entry.path.relative_to(root)
        *folders, last = name.split("/")
        if _is_table(last) and not any(folder.startswith(".") for folder in folders):
            file = LandedFile(entry.path, name, entry.size, entry.mtime, entry.etag)
            if file.settled(now, settle_seconds):
                yield file


def _raise(error: OSError) -> None:
    raise error


def _is_table(name: str) -> bool:
    lower = name.lower()
    return lower.endswith(SUFFIXES) and not lower.startswith(".")


def _landed(root: Path, paths: list[Path]) -> Iterator[LandedFile]:
    for path in paths:
        try:
            facts = path.stat()
            size, mtime = facts.st_size, facts.st_mtime
        except FileNotFoundError:
            continue
        except OSError:
            size, mtime = 0, 0.0  # One bad file must not hide the others; reading it will tell.
        # Names need not be text on disk, but every table that tells them does.
        name = os.fsencode(path.relative_to(root).as_posix()).decode("utf-8", "replace")
        yield LandedFile(path, printable(name), size, mtime)
