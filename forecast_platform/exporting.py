"""One day of a table as a file for people and other systems."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

from forecast_platform.errors import ConfigurationError, PlatformError
from forecast_platform.home import Home

_SHEET_ROWS = 1_048_575
"""Rows of a sheet, less its heading."""


def export(
    home: Home,
    table: str,
    day: dt.date,
    out: Path,
    order: Callable[[pl.DataFrame], pl.DataFrame] | None = None,
) -> int:
    """Write one day of a table, as the ending of `out` says; returns the number of rows.

    Args:
        home: The home folder.
        table: Table by name.
        day: The day.
        out: File ending in .csv, .parquet or .xlsx.
        order: Puts the rows into the order a reader wants.

    Raises:
        PlatformError: If there is nothing of that day.
        ConfigurationError: If the file cannot be written, or has another ending.
    """
    frame = home.read(table, day, day)
    if frame.is_empty():
        raise PlatformError(
            f"{table} holds nothing for {day}: issue it with "
            f"`forecast-platform run --from {day} --to {day}`."
        )
    frame = order(frame) if order else frame
    writers: dict[str, Callable[[Path], Any]] = {
        ".csv": frame.write_csv,
        ".parquet": frame.write_parquet,
        ".xlsx": lambda path: _write_sheet(frame, path, table),
    }
    if out.suffix not in writers:
        raise ConfigurationError(f"{out} should end in .csv, .parquet or .xlsx.")
    try:
        writers[out.suffix](out)
    except OSError as error:
        raise ConfigurationError(f"{out} cannot be written: {error}.") from error
    return frame.height


def _write_sheet(frame: pl.DataFrame, out: Path, table: str) -> None:
    if frame.height > _SHEET_ROWS:
        raise ConfigurationError(
            f"{frame.height:,} rows do not fit into a sheet of {_SHEET_ROWS:,}: write .csv or "
            ".parquet."
        )
    # Written here first: the writer of sheets reports a folder that refuses the file as its own.
    with out.open("wb") as file:
        frame.write_excel(file, worksheet=table[:31], autofit=True, freeze_panes=(1, 0))
