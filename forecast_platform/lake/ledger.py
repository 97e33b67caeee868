"""What each table's day holds and what it was made from, as fingerprints.

One row per publication: table, day, fingerprint of the content, fingerprint of the inputs at the
time, and a sequence that only grows. The newest row of a (table, day) counts; older rows tell what
changed. Whole tables have the day WHOLE. Does not belong here: who depends on whom
(`incremental.py`).
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Sequence

import polars as pl

from forecast_platform.lake import delta
from forecast_platform.storage import Place

WHOLE = dt.date(1, 1, 1)
"""The day under which a table without business days is recorded."""

SCHEMA = pl.Schema(
    {
        "table": pl.String(),
        "day": pl.Date(),
        "content": pl.Int64(),
        "inputs": pl.Int64(),
        "rows": pl.Int64(),
        "sequence": pl.Int64(),
    }
)


class Ledger:
    """The publications of one lake, an append-only Delta table."""

    def __init__(self, root: Place) -> None:
        self._path = root / "_ledger"
        self._read: tuple[str, pl.DataFrame] | None = None

    def append(self, entries: Sequence[tuple[str, pl.DataFrame]]) -> None:
        """Record publications in one commit, in their order: of two of a day the later counts.

        Args:
            entries: Table, and its columns day, content, inputs (null: nothing) and rows.
        """
        newest = self.current()["sequence"].max()
        # A clock that was set back must not make what is newest look old.
        start = max(time.time_ns() // 1000, (newest if isinstance(newest, int) else 0) + 1)
        rows = pl.concat(
            days.with_columns(table=pl.lit(table), sequence=pl.lit(sequence)).select(
                pl.col(name).cast(dtype) for name, dtype in SCHEMA.items()
            )
            for sequence, (table, days) in enumerate(entries, start=start)
        )
        delta.append(self._path, rows)
        commit = delta.newest_commit(self._path, self._read[0] if self._read else "")
        # One commit since the last reading is this one: nothing else needs to be read.
        if self._read is not None and commit == delta.commit_after(self._read[0]):
            self._read = (commit, _newest(pl.concat([self._read[1], rows])))

    def history(self) -> pl.DataFrame:
        """All publications, in the order they were made."""
        if not delta.exists(self._path):
            return pl.DataFrame(schema=SCHEMA)
        return _in_order(delta.scan(self._path).collect())

    def current(self) -> pl.DataFrame:
        """The newest publication of every table and day; the same frame until one is added."""
        # Asked for before it is read: what is added meanwhile is read at the next call.
        commit = delta.newest_commit(self._path, self._read[0] if self._read else "")
        if self._read is None or self._read[0] != commit:
            self._read = (commit, _newest(self.history()))
        return self._read[1]


def _in_order(publications: pl.DataFrame) -> pl.DataFrame:
    return publications.sort("sequence", maintain_order=True)


def _newest(publications: pl.DataFrame) -> pl.DataFrame:
    """The last publication of every table and day."""
    return _in_order(publications).unique(["table", "day"], keep="last", maintain_order=True)
