"""Writing landing files: by importers, the demo, and what reads databases and web services."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable

import polars as pl

from forecast_platform.errors import LandingError
from forecast_platform.storage import Place, write_whole

Progress = Callable[[str, float], None]
"""Called with what is being done and the share done so far, 0 to 1."""


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
