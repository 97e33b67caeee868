"""The tables of an older version moved aside: records carried over, the rest made again.

Carried over is what no run can make again: forecasts and plans as issued, the versions of models,
and the rows of landed files that the landing folder no longer holds. The new lake is made beside
the old one and takes its place when it is whole, so an upgrade that was killed is begun again.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import NamedTuple

import polars as pl
from filelock import FileLock

from forecast_platform import progress
from forecast_platform.contracts import LANDED, Table, raw, tables
from forecast_platform.contracts.derived import LANDING_FILES, UNREADABLE_ROWS
from forecast_platform.errors import HomeVersionError
from forecast_platform.graph import Kind
from forecast_platform.home import Home
from forecast_platform.lake import Lake, conform, delta, polars_schema
from forecast_platform.lake.layout import UNFINISHED, require_readable
from forecast_platform.settings import Settings
from forecast_platform.sources.files import list_landed

_WHOLE = "_upgraded"
"""Marks a new lake that holds all that is carried over."""


class Upgraded(NamedTuple):
    """What an upgrade did."""

    aside: Path
    """Where the tables of the older version lie now."""
    rows: dict[str, int]
    """Rows carried over by table."""


def upgrade_lake(settings: Settings) -> Upgraded | None:
    """Give a home of an older version a lake of this one; None if it has one already.

    Raises:
        HomeVersionError: If the home was written by a newer version.
        LakeError: If the lake cannot be written.
    """
    old = settings.lake
    if not isinstance(old, Path):
        raise HomeVersionError(
            f"{old} lies in object storage, where tables are not moved: copy the landing folder to "
            "another prefix, name that in `storage_url`, and run; forecasts and plans as issued "
            "stay under the old prefix."
        )
    new = old.with_name(UNFINISHED)
    with FileLock(settings.home / "upgrade.lock"):
        rows: dict[str, int] = {}
        if not (new / _WHOLE).exists():
            if not new.exists() and not _is_older(old):
                return None
            require_readable(old)
            shutil.rmtree(new, ignore_errors=True)
            rows = dict(_carry(settings, old, Lake(new)))
            (new / _WHOLE).touch()
        aside = _aside(old)
        if old.exists():
            old.rename(aside)
        new.rename(old)
    return Upgraded(aside, rows)


def _is_older(root: Path) -> bool:
    try:
        lake = Lake(root)
        for table in tables().values():
            lake.scan(table)
    except HomeVersionError:
        return True
    return False


def _aside(root: Path) -> Path:
    """A name for the old lake that is not taken; the newest one taken if the old lake is there."""
    names = (root.with_name(f"{root.name}.before-{number}") for number in count(1))
    taken: Path | None = None
    for path in names:
        if not path.exists():
            return path if root.exists() or taken is None else taken
        taken = path
    raise AssertionError


def _carry(settings: Settings, old: Path, lake: Lake) -> Iterator[tuple[str, int]]:
    for table in _records(settings):
        if not delta.exists(old / table.name):
            continue
        progress.tell(f"keeping {table.name}")
        rows = _fitted(delta.scan(old / table.name).collect(), table)
        if table.day:
            rows = rows.drop_nulls(table.day)
            lake.replace_days(table, rows, sorted(set(rows[table.day])))
        else:
            lake.replace_all(table, rows)
        yield table.name, rows.height
    yield from _carry_files(settings, old, lake)


def _records(settings: Settings) -> Iterable[Table]:
    """Tables that no run makes again: those that follow no other and were not landed."""
    made = {name for node in Home(settings).nodes if node.kind is Kind.DATA
            for name in (node.table, *node.also)}  # fmt: skip
    made |= {"landing_files", "unreadable_rows", "record_marks"}
    made |= {raw(table).name for table in LANDED}
    return [table for name, table in tables().items() if name not in made]


def _carry_files(settings: Settings, old: Path, lake: Lake) -> Iterator[tuple[str, int]]:
    """Rows that count although the landing folder has no file, or only a refused one, for them."""
    if not delta.exists(old / LANDING_FILES.name):
        return
    register = _fitted(delta.scan(old / LANDING_FILES.name).collect(), LANDING_FILES)
    kept = register.clear()
    for table in LANDED:
        there = {file.name for file in list_landed(settings.landing, table.name, time.time(), 0)}
        orphans = register.filter(
            pl.col("table_name") == table.name,
            pl.col("rows") > 0,
            (pl.col("status") == "refused") | ~pl.col("file").is_in(there),
        )
        contract = raw(table)
        files = orphans["file"].to_list()
        if not files or not delta.exists(old / contract.name):
            continue
        stored = delta.scan(old / contract.name).filter(pl.col("file").is_in(files)).collect()
        rows = _fitted(stored, contract)
        days = sorted(set(rows[contract.day].drop_nulls())) if contract.day else None
        lake.replace_files(contract, rows, files, days)
        kept = pl.concat([kept, orphans])
        yield contract.name, rows.height
    undated = old / UNREADABLE_ROWS.name
    if kept.height and delta.exists(undated):
        rows = _fitted(delta.scan(undated).collect(), UNREADABLE_ROWS)
        lake.replace_all(UNREADABLE_ROWS, rows.join(kept, on=["table_name", "file"], how="semi"))
    if kept.height:
        lake.replace_all(LANDING_FILES, kept)


def _fitted(rows: pl.DataFrame, table: Table) -> pl.DataFrame:
    """Rows of an older contract under the columns of this one; what was added is empty."""
    added = {
        name: pl.lit(None, dtype)
        for name, dtype in polars_schema(table).items()
        if name not in rows.columns
    }
    return conform(rows.with_columns(**added), table)
