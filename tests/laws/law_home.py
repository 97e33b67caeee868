"""What a home of the laws' shop holds, and where two homes differ: plain data to judge by."""

from __future__ import annotations

import datetime as dt
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from forecast_platform.contracts import LANDED, tables
from forecast_platform.graph import ISSUED
from forecast_platform.home import Home
from forecast_platform.lake import Lake
from forecast_platform.lake.tables import _fingerprints
from forecast_platform.settings import settings

RECORDS = (*ISSUED, "replenishment_plan")
DATA = (
    "landing_files", "unreadable_rows",
    *(f"{stage}_{table.name}" for table in LANDED for stage in ("raw", "validated", "rejected")),
    "clean_demand", "features", "lead_times", "accuracy", "plan_outcome", "user_behaviour",
    "signal_features", "input_drift", "accuracy_drift",
)  # fmt: skip
READ = ("raw_sales", "validated_sales", "clean_demand", "features", *RECORDS)
"""What readers of a home look at meanwhile."""
Content = tuple[str, dt.date, int]
"""Table, day, fingerprint of its rows."""


def at(folder: Path) -> Home:
    """A home folder to read from."""
    os.environ["FORECAST_PLATFORM_HOME"] = str(folder)
    settings.cache_clear()
    return Home(settings())


def newest(folder: Path) -> tuple[dt.date, dt.date]:
    """First issued origin and newest day of a home."""
    state = at(folder).state()
    span = state.span()
    assert span is not None
    return state.days("forecasts")[0], span[1]


def differences(
    ours: Path,
    theirs: Path,
    names: Sequence[str],
    *,
    days: tuple[dt.date, dt.date] | None = None,
    ignore: Sequence[str] = ("revision",),
) -> list[str]:
    """Sentences about rows that only one of two homes holds; none if all are equal."""
    found, homes = [], [at(folder) for folder in (ours, theirs)]
    for name in names:
        left, right = (_rows(home, name, days, ignore) for home in homes)
        only = {"ours": _minus(left, right), "theirs": _minus(right, left)}
        found += [f"{name}, only {who}: {rows[:3]} ({len(rows)} rows)"
                  for who, rows in only.items() if rows]  # fmt: skip
    return found


def _rows(
    home: Home, name: str, days: tuple[dt.date, dt.date] | None, ignore: Sequence[str]
) -> pl.DataFrame:
    if tables()[name].day is None:
        return home.read(name)
    return home.read(name, *(days or ())).drop(ignore, strict=False)


def _minus(left: pl.DataFrame, right: pl.DataFrame) -> list[dict[str, Any]]:
    """Rows of `left` that `right` holds less often; NaN and null compare equal to themselves."""
    by = left.columns
    counted = left.group_by(by).len("n").join(
        right.group_by(by).len("m"), on=by, how="left", nulls_equal=True
    )  # fmt: skip
    missing = counted.filter(pl.col("n") > pl.col("m").fill_null(0)).drop("n", "m")
    return missing.sort(by).to_dicts()


def seen(lake: Lake, name: str) -> set[Content]:
    """Fingerprint of every day with rows of a table, by what a reader sees."""
    contract = tables()[name]
    rows = lake.scan(contract).drop_nulls(contract.day or "").collect()
    days = rows[contract.day or ""].unique().to_list()
    prints = _fingerprints(rows, contract, days, None)
    return {(name, day, content) for day, content in prints.select("day", "content").rows()}


def closed_records(source: Path, names: Sequence[str]) -> list[tuple[str, pl.DataFrame, list[Any]]]:
    """Records of a home, by name, of all its origins but the newest, and those origins."""
    theirs = at(source)
    state = theirs.state()
    closed = [day for day in state.days("forecasts") if day != state.span()[1]]  # type: ignore[index]
    return [
        (name, theirs.read(name).filter(pl.col(tables()[name].day or "").is_in(closed)), closed)
        for name in names
    ]


def contents(folder: Path, last: dt.date | None = None) -> dict[tuple[str, dt.date], int]:
    """Fingerprint of every table and day up to `last`, from the ledger."""
    current = at(folder).lake.ledger.current()
    kept = current if last is None else current.filter(pl.col("day") <= last)
    return {(table, day): content
            for table, day, content in kept.select("table", "day", "content").rows()}  # fmt: skip


def unaccounted(home: Home) -> list[str]:
    """Files and days whose landed rows are not validated, rejected, duplicates or undated."""
    found = []
    undated = home.read("unreadable_rows")
    for table in LANDED:
        landed_day = raw_day(table.name)
        landed = _by_file_and_day(home.read(f"raw_{table.name}"), landed_day)
        parts = [
            _by_file_and_day(home.read(f"validated_{table.name}"), table.day),
            _by_file_and_day(home.read(f"rejected_{table.name}"), landed_day),
            _by_file_and_day(undated.filter(pl.col("table_name") == table.name), None),
        ]
        kept = pl.concat(parts).group_by("file", "day").agg(pl.col("rows").sum())
        lost, gained = _minus(landed, kept), _minus(kept, landed)
        if lost or gained:
            found.append(f"{table.name}: landed {lost}, kept {gained}")
    return found


def raw_day(table: str) -> str | None:
    """Business-day column of a raw table."""
    return tables()[f"raw_{table}"].day


def _by_file_and_day(frame: pl.DataFrame, column: str | None) -> pl.DataFrame:
    known = pl.col(column) if column else pl.lit(None, dtype=pl.Date)
    return frame.group_by("file", known.alias("day")).len("rows")


def landed_rows(folder: Path) -> dict[str, int]:
    """Rows of every landed file in the raw tables."""
    home = at(folder)
    return {f"{table.name}/{file}": rows
            for table in LANDED
            for file, rows in home.read(f"raw_{table.name}").group_by("file").len().rows()
            }  # fmt: skip


def copy(template: Path, folder: Path) -> Path:
    """A copy of a home."""
    return Path(shutil.copytree(template, folder))


def stale(folder: Path) -> dict[str, list[dt.date]]:
    """What a home has to make."""
    return at(folder).stale()


def read(folder: Path, name: str) -> pl.DataFrame:
    """All rows of a table."""
    return at(folder).read(name)
