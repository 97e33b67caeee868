"""Delta commits: create, append, overwrite by predicate, retried when another process was first."""

from __future__ import annotations

import datetime as dt
import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import polars as pl
from deltalake import (
    ColumnProperties,
    CommitProperties,
    DeltaTable,
    Schema,
    WriterProperties,
    write_deltalake,
)
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from forecast_platform.errors import LakeError
from forecast_platform.storage import Place, StorePath

Span = tuple[dt.date, dt.date]
"""First and last of consecutive days."""
Confirm = Callable[[], object]
"""Called before each attempt: raises if what is written was allowed by a lock that is lost."""

_ATTEMPTS = 12
_thread = threading.local()
_MARK = "forecast_platform"
_LATEST = 50
"""Commits looked through for our own after a conflict: more than others make meanwhile."""

_CONFIGURATION = {
    "delta.logRetentionDuration": "interval 7 days",
    "delta.deletedFileRetentionDuration": "interval 1 days",
    "delta.checkpointInterval": "20",
}


def _unlocked() -> None:
    """There is no lock to lose."""


def exists(path: Place) -> bool:
    """Whether a Delta table lies at `path`."""
    if _known(path) or _known(path, stays=True):
        return True
    # A log folder alone is a creation that was broken off, or is going on.
    with _asking(path):
        return DeltaTable.is_deltatable(str(path), _options(path))


def tables_under(root: Place) -> list[str]:
    """Names of the tables that lie in a folder."""
    if isinstance(root, StorePath):
        return [place.name for place in root.iterdir() if exists(place)]
    return sorted(log.parent.name for log in root.glob("*/_delta_log"))


def opened(path: Place) -> DeltaTable:
    """The newest version of the table at `path`.

    The thread gets the same object again, with what was committed since: opening a table anew
    reads its whole log.
    """
    with _asking(path):
        table = _known(path)
        if table is None:
            return _open(path)
        table.update_incremental()
        return table


def _snapshot(path: Path) -> DeltaTable:
    """The newest version, in an object that stays at it: who scans it reads no other."""
    with _asking(path):
        table = _known(path, stays=True)
        if table is None or _commit_file(path, table.version() + 1):
            return _open(path, stays=True)
        return table


class _CommitFile(NamedTuple):
    """What tells a table in a folder from one that is put there later."""

    version: int
    inode: int
    changed: int


def _open(path: Place, stays: bool = False) -> DeltaTable:
    table = DeltaTable(str(path), storage_options=_options(path))
    _open_tables()[path, stays] = table, _commit_file(path, table.version())
    return table


def _known(path: Place, stays: bool = False) -> DeltaTable | None:
    """The table that this thread opened, unless another lies in its place by now."""
    table, commit = _open_tables().get((path, stays), (None, None))
    if isinstance(path, StorePath) or (commit and commit == _commit_file(path, commit.version)):
        return table
    return None


def _commit_file(path: Place, version: int) -> _CommitFile | None:
    if isinstance(path, StorePath):
        return None
    try:
        found = (path / "_delta_log" / f"{version:020}.json").stat()
    except OSError:
        return None
    return _CommitFile(version, found.st_ino, found.st_mtime_ns)


def _open_tables() -> dict[tuple[Place, bool], tuple[DeltaTable, _CommitFile | None]]:
    """This thread's tables by where they are and whether they stay at their version."""
    if not hasattr(_thread, "tables"):
        _thread.tables = {}
    tables: dict[tuple[Place, bool], tuple[DeltaTable, _CommitFile | None]] = _thread.tables
    return tables


def newest_commit(path: Place, known: str = "") -> str:
    """Name of the newest commit of the table at `path`; empty if there is no table.

    Args:
        path: Of the table.
        known: A commit it has, if one is known: object storage then lists only later ones.
    """
    log = path / "_delta_log"
    if isinstance(log, StorePath):
        names = [entry.path.name for entry in log.walk(after=log / known if known else None)]
        return max([known, *(name for name in names if name.endswith(".json"))])
    return max((file.name for file in log.glob("*.json")), default="")


def commit_after(commit: str) -> str:
    """Name of the commit that follows `commit`, of a table that had none if it is empty."""
    version = int(commit.partition(".")[0]) + 1 if commit else 0
    return f"{version:020}.json"


def create(path: Place, frame: pl.DataFrame, partition_by: list[str], description: str) -> None:
    """Create an empty table with the schema of `frame`, unless it is there."""
    with _asking(path):
        DeltaTable.create(
            str(path),
            schema=Schema.from_arrow(frame.to_arrow().schema),
            mode="ignore",
            partition_by=partition_by or None,
            description=description,
            configuration=_CONFIGURATION,
            storage_options=_options(path),
        )


def append(path: Place, frame: pl.DataFrame, confirm: Confirm = _unlocked) -> None:
    """Append `frame`, creating the table if needed."""

    def write(mark: CommitProperties | None) -> None:
        confirm()
        # A table that is opened is not looked for again, which takes as long as the rest.
        write_deltalake(
            opened(path) if exists(path) else str(path), frame.to_arrow(), mode="append",
            configuration=_CONFIGURATION, writer_properties=_properties(frame),
            storage_options=_options(path), commit_properties=mark,
        )  # fmt: skip

    _commit(path, write)


def overwrite(
    path: Place, frame: pl.DataFrame, predicate: str | None, confirm: Confirm = _unlocked
) -> None:
    """Replace the rows that meet `predicate` (all rows if None) by `frame`, in one commit."""

    def write(mark: CommitProperties | None) -> None:
        confirm()
        _overwrite(opened(path), frame, predicate, mark)

    _commit(path, write)


def replace_days(
    path: Place,
    frame: pl.DataFrame,
    column: str,
    spans: Sequence[Span],
    confirm: Confirm = _unlocked,
) -> None:
    """Replace the rows whose `column` lies in one of the spans by `frame`, in one commit.

    Where no file can hold such a row, none is rewritten: rows of a new day are only added.
    """
    predicate = " OR ".join(
        f"({column} >= '{first}' AND {column} <= '{last}')" for first, last in spans
    )

    def write(mark: CommitProperties | None) -> None:
        confirm()
        table = opened(path)
        if _may_hold(table, column, spans):
            _overwrite(table, frame, predicate, mark)
        elif not frame.is_empty():
            write_deltalake(
                table, frame.to_arrow(), mode="append", writer_properties=_properties(frame),
                commit_properties=mark,
            )  # fmt: skip

    _commit(path, write)


def _overwrite(
    table: DeltaTable, frame: pl.DataFrame, predicate: str | None, mark: CommitProperties | None
) -> None:
    if frame.is_empty():
        table.delete(predicate, commit_properties=mark)
    else:
        write_deltalake(
            table, frame.to_arrow(), mode="overwrite", predicate=predicate,
            writer_properties=_properties(frame), commit_properties=mark,
        )  # fmt: skip


def _may_hold(table: DeltaTable, column: str, spans: Sequence[Span]) -> bool:
    """Whether rows may lie in one of these spans of a date column, by the files' statistics."""
    files = pl.DataFrame(table.get_add_actions(flatten=True))
    least, most = f"min.{column}", f"max.{column}"
    if files.is_empty() or least not in files.columns:
        return not files.is_empty()
    beyond = [(pl.col(least) > last) | (pl.col(most) < first) for first, last in spans]
    return not files.select(pl.all_horizontal(beyond).fill_null(False).all()).item()


def scan(path: Place) -> pl.LazyFrame:
    """A snapshot of the newest version."""
    if isinstance(path, StorePath):
        return pl.scan_delta(opened(path), storage_options=path.storage.polars_options)
    # Deltalake percent-encodes the addresses of files, which polars' own reader takes for names.
    is_plain = quote(str(path)) == str(path)
    return pl.scan_delta(_snapshot(path), use_pyarrow=not is_plain)


def compact(path: Place) -> None:
    """Merge small files, then delete files no snapshot of the last day needs."""
    table = opened(path)
    with _asking(path):
        table.optimize.compact()
        table.vacuum(dry_run=False)


def _properties(frame: pl.DataFrame) -> WriterProperties:
    """Dictionaries for text only: those of numbers take as long to make as all other writing."""
    plain = ColumnProperties(dictionary_enabled=False)
    numbers = [name for name, dtype in frame.schema.items() if dtype != pl.String]
    return WriterProperties(compression="SNAPPY", column_properties=dict.fromkeys(numbers, plain))


def _commit(path: Place, write: Callable[[CommitProperties | None], None]) -> None:
    mark = _mark(path)
    for attempt in range(_ATTEMPTS):
        try:
            with _asking(path):
                return write(mark)
        except CommitFailedError as error:
            if mark and _holds_commit(path, mark):
                return None
            if attempt == _ATTEMPTS - 1:
                raise LakeError(
                    f"{path.name} is being written by others without pause; run again later."
                ) from error
            time.sleep(random.uniform(0, 0.05) * 2 ** min(attempt, 5))
        except TableNotFoundError as error:
            raise LakeError(f"There is no table {path.name} under {path.parent}.") from error
        except (DeltaError, OSError) as error:
            raise LakeError(f"{path.name} could not be written: {error}") from error
    return None


def _mark(path: Place) -> CommitProperties | None:
    """What tells a commit from others, where it can be made and answered by an error all the same.

    Object storage is asked again then, and refuses: the commit is there. Deltalake would take it
    for another's and add the rows once more, so it is told to leave retries to `_commit`.
    """
    if not isinstance(path, StorePath):
        return None
    return CommitProperties(custom_metadata={_MARK: uuid.uuid4().hex}, max_commit_retries=0)


def _holds_commit(path: Place, mark: CommitProperties) -> bool:
    wanted = (mark.custom_metadata or {})[_MARK]
    with _asking(path):
        return any(one.get(_MARK) == wanted for one in opened(path).history(_LATEST))


def _options(path: Place) -> dict[str, str] | None:
    return path.storage.delta_options if isinstance(path, StorePath) else None


@contextmanager
def _asking(path: Place) -> Iterator[None]:
    """Say in a sentence what object storage refused."""
    try:
        yield
    except (CommitFailedError, TableNotFoundError):
        _open_tables().pop((path, False), None)
        raise
    except (DeltaError, OSError) as error:
        _open_tables().pop((path, False), None)
        if isinstance(path, StorePath):
            raise path.storage.refused(error, f"failed at the table {path.name}") from None
        raise
