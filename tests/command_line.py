"""A person at a terminal: a small shop's home folder, and `forecast-platform` as they would run it.

The demo is run once; each test works on a copy of the home folder that it left.
"""

from __future__ import annotations

import datetime as dt
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import polars as pl
from deltalake import write_deltalake
from polars.testing import assert_frame_equal

from forecast_platform.contracts import Table, tables
from forecast_platform.lake import Lake

PROGRAM = str(Path(sys.executable).with_name("forecast-platform"))
SETTINGS = {
    "FORECAST_PLATFORM_MODELS": '["seasonal_naive"]',
    "FORECAST_PLATFORM_SETTLE_SECONDS": "0",
    "FORECAST_PLATFORM_SAMPLE_PATHS": "20",
    "FORECAST_PLATFORM_BACKTEST_ORIGINS": "1",
    "FORECAST_PLATFORM_WORKERS": "1",
    "OMP_NUM_THREADS": "1",
    "COLUMNS": "160",
}
ITEMS, LOCATIONS, DAYS, ISSUED = 4, 1, 100, 3
FIRST_DAY = dt.date(2024, 1, 1)
LAST_DAY = FIRST_DAY + dt.timedelta(DAYS - 1)
NEXT_DAY = LAST_DAY + dt.timedelta(1)
CUTOFF = dt.date(2024, 4, 7)

Done = subprocess.CompletedProcess[str]


def environment(home: Path, **more: str) -> dict[str, str]:
    """What a person's shell holds: their own variables, the home folder, fast settings."""
    own = {k: v for k, v in os.environ.items() if not k.startswith("FORECAST_PLATFORM_")}
    return own | SETTINGS | {"FORECAST_PLATFORM_HOME": str(home)} | more


def command(home: Path, *words: object, **more: str) -> Done:
    """Run one command to its end."""
    return subprocess.run(
        [PROGRAM, *map(str, words)], env=environment(home, **more),
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def works(home: Path, *words: object, **more: str) -> str:
    """Run a command that has to end well; returns what it printed."""
    done = command(home, *words, **more)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def refusal(home: Path, *words: object, **more: str) -> str:
    """Run a command that has to end with one sentence about what is wrong; returns it."""
    return sentence(command(home, *words, **more))


def sentence(done: Done) -> str:
    """The one line on stderr of a command that was refused."""
    assert done.returncode == 1, done.stderr or done.stdout
    assert "Traceback" not in done.stderr + done.stdout
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


@cache
def demo(folder: Path) -> tuple[Path, Done]:
    """The home folder that one run of the demo left, and how the run ended."""
    home = folder / "demo home"  # People's folders have spaces.
    done = command(
        home, "demo", "--items", ITEMS, "--locations", LOCATIONS, "--days", DAYS,
        "--issued", ISSUED,
    )  # fmt: skip
    return home, done


@cache
def grown(folder: Path) -> Path:
    """The demo's home folder after one more day, in which a new item was sold, and a run."""
    home = copy(demo(folder)[0], folder / "grown")
    land_next_day(home)
    works(home, "run")
    return home


def copy(home: Path, to: Path) -> Path:
    """A copy of a home folder."""
    shutil.copytree(home, to, symlinks=True)
    return to


def read(home: Path, name: str) -> pl.DataFrame:
    """A table of the lake, sorted."""
    table = tables()[name]
    return Lake(home / "lake").scan(table).sort(_order(table)).collect()


def assert_same_tables(one: Path, other: Path) -> None:
    """Every table of two lakes holds the same rows."""
    for name in tables():
        assert_frame_equal(read(one, name), read(other, name))


DROPPED = {"forecasts": "revision", "replenishment_plan": "plan_gap"}
"""Columns that a table of an older version does not have."""


def make_older(home: Path) -> None:
    """Turn a home into one that an older version wrote: fewer columns, an older layout."""
    for name, column in DROPPED.items():
        path = str(home / "lake" / name)
        rows = pl.read_delta(path).drop(column)
        write_deltalake(
            path, rows.to_arrow(), mode="overwrite", schema_mode="overwrite",
            partition_by=["month"],
        )  # fmt: skip
    (home / "lake" / "_layout").write_text("2\n")


def contract_day(name: str) -> str:
    """The business-day column of a table."""
    return tables()[name].day or ""


def old_items(home: Path) -> list[str]:
    """Items with sales on the demo's last days."""
    sales = read(home, "validated_sales").filter(pl.col("date") > LAST_DAY - dt.timedelta(28))
    return sorted(set(sales["item_id"]))


def land(home: Path, table: str, name: str, content: str | bytes) -> Path:
    """Drop a file into the landing folder."""
    path = home / "landing" / table / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def land_next_day(home: Path) -> None:
    """One more day of sales, in which an item is sold for the first time."""
    lines = [f"{NEXT_DAY},{item},S01,{3 + n},2.5" for n, item in enumerate(old_items(home))]
    lines.append(f"{NEXT_DAY},NEW-1,S01,4,9.9")
    land(home, "sales", "next.csv", csv("date,item_id,location_id,units,unit_price", *lines))
    land(home, "products", "new.csv", csv("item_id,name,category", "NEW-1,Brand new,snacks"))


def csv(*lines: str) -> str:
    """Lines as the text of a file."""
    return "\n".join(lines) + "\n"


def _order(table: Table) -> list[str]:
    return [name for name in (*table.key, "file", "row_number") if name in table.column_names]
