"""What importers and the demo share: writing landing files and reporting what was written."""

from __future__ import annotations

import datetime as dt
import gzip
import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from forecast_platform.errors import LandingError
from forecast_platform.storage import Place, write_whole

Progress = Callable[[str, float], None]
"""Called with what is being done and the share done so far, 0 to 1."""


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


class LandingWriter:
    """Writes landing files whole: a reader sees the old bytes or the new ones, never a part.

    The same frame gives the same bytes.

    Args:
        landing: Landing folder; one sub-folder per table is made in it.
        progress: Told about each table as it is written.
    """

    def __init__(self, landing: Place, progress: Progress | None = None) -> None:
        self.landing = landing
        self.files: list[Place] = []
        self.rows: dict[str, int] = {}
        self._progress = progress

    def progress(self, what: str, share: float) -> None:
        """Tell the caller that `share` (0 to 1) of the work is done."""
        if self._progress is not None:
            self._progress(what, share)

    def write(self, table: str, name: str, frame: pl.DataFrame) -> None:
        """Write `frame` to `<landing>/<table>/<name>` in the format that the name ends in.

        Args:
            table: Landed table, the sub-folder.
            name: File name ending in .parquet, .csv, .csv.gz or .jsonl.
            frame: Rows under the documented column names.

        Raises:
            LandingError: If the file cannot be written.
        """
        path = self.landing / table / name
        try:
            write_whole(path, _encode(name, frame))
        except OSError as error:
            raise LandingError(
                f"Landing file {path} could not be written: {error.strerror}. "
                "Give a landing folder that can be written to, with room on its disk."
            ) from error
        self.files.append(path)
        self.rows[table] = self.rows.get(table, 0) + frame.height

    def write_by(self, table: str, frame: pl.DataFrame, period: pl.Expr) -> None:
        """Write one parquet file per value of `period`, a text such as "2011" or "2011-01".

        Args:
            table: Landed table.
            frame: Rows; their order is kept within each file.
            period: Expression over `frame` that names the file of each row.
        """
        parts = frame.with_columns(period.alias("_period")).partition_by(
            "_period", as_dict=True, include_key=False
        )
        for (name,), part in sorted(parts.items(), key=lambda entry: str(entry[0][0])):
            self.write(table, f"{name}.parquet", part)

    def report(
        self,
        first_day: dt.date,
        last_day: dt.date,
        settings: Mapping[str, str],
        notes: Iterable[str] = (),
    ) -> ImportReport:
        """Sum up what was written; start and end of the history are added to `settings`."""
        self.progress("done", 1.0)
        return ImportReport(
            files=tuple(sorted(self.files, key=str)),
            rows=self.rows,
            first_day=first_day,
            last_day=last_day,
            settings={"start_date": first_day, "end_date": last_day, **settings},
            notes=tuple(notes),
        )


def _encode(name: str, frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    if name.endswith(".parquet"):
        frame.write_parquet(buffer, compression="zstd", compression_level=1)
    elif name.endswith(".jsonl"):
        frame.write_ndjson(buffer)
    else:
        frame.write_csv(buffer)
    content = buffer.getvalue()
    # The time in a gzip header would make each run's bytes differ.
    return gzip.compress(content, compresslevel=6, mtime=0) if name.endswith(".gz") else content


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
