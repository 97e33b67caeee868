"""The register of landed files and the rows that no day holds, kept while files land."""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl

from forecast_platform.contracts.derived import LANDING_FILES, UNREADABLE_ROWS
from forecast_platform.lake import Lake, polars_schema
from forecast_platform.sources.dates import parse_day


class Register:
    """The tables `landing_files` and `unreadable_rows`, held while files land."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._files = lake.scan(LANDING_FILES).sort(LANDING_FILES.key).collect()
        self._unreadable = lake.scan(UNREADABLE_ROWS).sort(UNREADABLE_ROWS.key).collect()
        self._saved_files, self._saved_unreadable = self._files, self._unreadable

    def entries(self, table: str) -> dict[str, dict[str, Any]]:
        """Register rows of one table by file."""
        rows = self._files.filter(pl.col("table_name") == table)
        return {row["file"]: row for row in rows.iter_rows(named=True)}

    def outdated(self, table: str, first: dt.date, last: dt.date) -> set[str]:
        """Landed files that have to be read again though they did not change.

        They were read when other days were accepted, and a row of theirs changes sides; or their
        unreadable rows are not as many as were counted: a call was killed between the two tables.
        """
        day = parse_day(pl.col("content").str.json_path_match("$.date"))
        unreadable = (
            self._unreadable.filter(pl.col("table_name") == table)
            .with_columns(enters=day.is_between(first, last))
            .group_by("file").agg(held=pl.len(), enters=pl.col("enters").any())
        )  # fmt: skip
        files = self._files.filter(pl.col("table_name") == table, pl.col("status") != "refused")
        leaves = (pl.col("first_day") < first) | (pl.col("last_day") > last)
        miscounted = pl.col("unreadable_rows") != pl.col("held").fill_null(0)
        again = leaves | pl.col("enters") | miscounted
        return {*files.join(unreadable, "file", "left").filter(again)["file"]}

    def record(self, table: str, entries: list[dict[str, Any]], unreadable: pl.DataFrame) -> None:
        """Replace what is known of some files; `save` writes it."""
        accepted = [entry["file"] for entry in entries if entry["status"] == "landed"]
        rows = self._without(self._unreadable, table, accepted)
        self._unreadable = pl.concat([rows, unreadable])
        new = pl.DataFrame(entries, schema=polars_schema(LANDING_FILES))
        files = self._without(self._files, table, new["file"].to_list())
        self._files = pl.concat([files, new])

    def save(self) -> None:
        """Write what has changed, the refused rows before the register."""
        rows = self._unreadable.sort(UNREADABLE_ROWS.key)
        if not rows.equals(self._saved_unreadable):
            self._lake.replace_all(UNREADABLE_ROWS, rows)
            self._saved_unreadable = rows
        files = self._files.sort(LANDING_FILES.key)
        if not files.equals(self._saved_files):
            self._lake.replace_all(LANDING_FILES, files)
            self._saved_files = files

    @staticmethod
    def _without(frame: pl.DataFrame, table: str, files: list[str]) -> pl.DataFrame:
        return frame.filter((pl.col("table_name") != table) | ~pl.col("file").is_in(files))
