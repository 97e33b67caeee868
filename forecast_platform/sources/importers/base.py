"""What importers and the demo share: reading what was published, reporting what was written."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from forecast_platform.errors import LandingError
from forecast_platform.sources.writing import LandingWriter
from forecast_platform.storage import Place


@dataclass(frozen=True)
class ImportReport:
    """What an import left in the landing folder.

    Attributes:
        files: Landing files written, sorted.
        rows: Rows written per table.
        first_day: First day of sales.
        last_day: Last day of sales.
        settings: Settings that fit this data, to be saved in the home folder.
        notes: One sentence for each thing the source lacks or that was decided for it.
    """

    files: tuple[Place, ...]
    rows: Mapping[str, int]
    first_day: dt.date
    last_day: dt.date
    settings: Mapping[str, str | dt.date]
    notes: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        writer: LandingWriter,
        first_day: dt.date,
        last_day: dt.date,
        settings: Mapping[str, str],
        notes: Iterable[str] = (),
    ) -> ImportReport:
        """Sum up what was written; start and end of the history are added to `settings`."""
        writer.progress("done", 1.0)
        return cls(
            files=tuple(sorted(writer.files, key=str)),
            rows=writer.rows,
            first_day=first_day,
            last_day=last_day,
            settings={"start_date": first_day, "end_date": last_day, **settings},
            notes=tuple(notes),
        )


def read_source(
    path: Path, columns: Iterable[str], what: str, read: Callable[[Path], pl.DataFrame]
) -> pl.DataFrame:
    """Read one file of a data set and make sure that it is the expected one.

    Args:
        path: File to read.
        columns: Columns it must have.
        what: The publisher's name of the file, for the message.
        read: Reader of the whole file.

    Returns:
        The file's rows, with at least `columns`.

    Raises:
        LandingError: If the file is missing, unreadable, empty or lacks a column.
    """
    if not path.is_file():
        raise LandingError(
            f"{what} was expected at {path}, but there is no such file. "
            "Give the path under which the data set was unpacked."
        )
    try:
        frame = read(path)
    except (OSError, pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        raise LandingError(
            f"{path} cannot be read as {what}: {str(error).splitlines()[0]}. "
            "Download the file again, or give the right one."
        ) from error
    missing = [name for name in columns if name not in frame.columns]
    if missing or frame.is_empty():
        came = f"lacks the columns {missing}; it has {frame.columns[:12]}"
        raise LandingError(
            f"{path} is not {what}: it {came if missing else 'has no rows'}. "
            "Give the file as its publisher ships it."
        )
    return frame
