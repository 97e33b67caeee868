"""Delta commits: create, append, overwrite by predicate, retried when another process was first."""

from __future__ import annotations

import datetime as dt
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import quote

import polars as pl
from deltalake import ColumnProperties, DeltaTable, Schema, WriterProperties, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from forecast_platform.errors import LakeError

Span = tuple[dt.date, dt.date]
"""First and last of consecutive days."""

_ATTEMPTS = 12
_CONFIGURATION = {
    "delta.logRetentionDuration": "interval 7 days",
    "delta.deletedFileRetentionDuration": "interval 1 days",
    "delta.checkpointInterval": "20",
}


def exists(path: Path) -> bool:
    """Whether a Delta table lies at `path`."""
    # A log folder alone is a creation that was broken off, or is going on.
    return DeltaTable.is_deltatable(str(path))


def newest_commit(path: Path) -> str:
    """Name of the newest commit of the table at `path`; empty if there is no table."""
    return max((file.name for file in (path / "_delta_log").glob("*.json")), default="")


def commit_after(commit: str) -> str:
    """Name of the commit that follows `commit`, of a table that had none if it is empty."""
    version = int(commit.partition(".")[0]) + 1 if commit else 0
    return f"{version:020}.json"


def create(path: Path, frame: pl.DataFrame, partition_by: list[str], description: str) -> None:
    """Create an empty table with the schema of `frame`, unless it is there."""
    DeltaTable.create(
        str(path),
        schema=Schema.from_arrow(frame.to_arrow().schema),
        mode="ignore",
        partition_by=partition_by or None,
        description=description,
        configuration=_CONFIGURATION,
    )


def append(path: Path, frame: pl.DataFrame) -> None:
    """Append `frame`, creating the table if needed."""
    _commit(path, lambda: write_deltalake(
        str(path), frame.to_arrow(), mode="append", configuration=_CONFIGURATION,
        writer_properties=_properties(frame),
    ))  # fmt: skip


def overwrite(path: Path, frame: pl.DataFrame, predicate: str | None) -> None:
    """Replace the rows that meet `predicate` (all rows if None) by `frame`, in one commit."""
    _commit(path, lambda: _overwrite(DeltaTable(str(path)), frame, predicate))


def replace_days(path: Path, frame: pl.DataFrame, column: str, spans: Sequence[Span]) -> None:
    """Replace the rows whose `column` lies in one of the spans by `frame`, in one commit.

    Where no file can hold such a row, none is rewritten: rows of a new day are only added.
    """
    predicate = " OR ".join(
        f"({column} >= '{first}' AND {column} <= '{last}')" for first, last in spans
    )

    def write() -> None:
        table = DeltaTable(str(path))
        if _may_hold(table, column, spans):
            _overwrite(table, frame, predicate)
        elif not frame.is_empty():
            write_deltalake(
                table, frame.to_arrow(), mode="append", writer_properties=_properties(frame)
            )

    _commit(path, write)


def _overwrite(table: DeltaTable, frame: pl.DataFrame, predicate: str | None) -> None:
    if frame.is_empty():
        table.delete(predicate)
    else:
        write_deltalake(
            table, frame.to_arrow(), mode="overwrite", predicate=predicate,
            writer_properties=_properties(frame),
        )  # fmt: skip


def _may_hold(table: DeltaTable, column: str, spans: Sequence[Span]) -> bool:
    """Whether rows may lie in one of these spans of a date column, by the files' statistics."""
    files = pl.DataFrame(table.get_add_actions(flatten=True))
    least, most = f"min.{column}", f"max.{column}"
    if files.is_empty() or least not in files.columns:
        return not files.is_empty()
    beyond = [(pl.col(least) > last) | (pl.col(most) < first) for first, last in spans]
    return not files.select(pl.all_horizontal(beyond).fill_null(False).all()).item()


def scan(path: Path) -> pl.LazyFrame:
    """A snapshot of the newest version."""
    # Deltalake percent-encodes the addresses of files, which polars' own reader takes for names.
    is_plain = quote(str(path)) == str(path)
    return pl.scan_delta(DeltaTable(str(path)), use_pyarrow=not is_plain)


def compact(path: Path) -> None:
    """Merge small files, then delete files no snapshot of the last day needs."""
    table = DeltaTable(str(path))
    table.optimize.compact()
    table.vacuum(dry_run=False)


def _properties(frame: pl.DataFrame) -> WriterProperties:
    """Dictionaries for text only: those of numbers take as long to make as all other writing."""
    plain = ColumnProperties(dictionary_enabled=False)
    numbers = [name for name, dtype in frame.schema.items() if dtype != pl.String]
    return WriterProperties(compression="SNAPPY", column_properties=dict.fromkeys(numbers, plain))


def _commit(path: Path, write: Callable[[], None]) -> None:
    for attempt in range(_ATTEMPTS):
        try:
            return write()
        except CommitFailedError as error:
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
