"""Small tables and rows for the tests of the lake, and what other processes do to them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from forecast_platform.contracts import Column, DType, Table
from forecast_platform.lake import Lake

FIRST = dt.date(2024, 1, 30)

STOCK = Table(
    name="stock",
    description="Stock of an item at the close of a day.",
    grain="one row per item and day",
    key=("date", "item_id"),
    columns=(
        Column("date", DType.DATE, "Day."),
        Column("item_id", DType.STRING, "Item."),
        Column("units", DType.FLOAT, "Units."),
    ),
)

ITEMS = Table(
    name="items",
    description="Items.",
    grain="one row per item",
    key=("item_id",),
    day=None,
    columns=(Column("item_id", DType.STRING, "Item."), Column("units", DType.INT, "Units.")),
)

LANDED_STOCK = Table(
    name="landed_stock",
    description="Landed stock.",
    grain="one row per landed row",
    key=("file", "row_number"),
    day="business_day",
    columns=(
        Column("file", DType.STRING, "File."),
        Column("row_number", DType.INT, "Row."),
        Column("business_day", DType.DATE, "Day, if one can be read.", required=False),
    ),
)


def day(n: int) -> dt.date:
    """The n-th day; day 2 begins a month."""
    return FIRST + dt.timedelta(days=n)


def stock(days: Sequence[dt.date], units: float = 1.0, items: int = 3) -> pl.DataFrame:
    """`items` rows for each day."""
    rows = [(d, f"i{i}", units + i) for d in days for i in range(items)]
    return pl.DataFrame(
        rows, schema={"date": pl.Date, "item_id": pl.String, "units": pl.Float64}, orient="row"
    )


def landed(file: str, days: Sequence[dt.date | None]) -> pl.DataFrame:
    """One row of a file for each of `days`."""
    return pl.DataFrame(
        {"file": file, "row_number": range(1, len(days) + 1), "business_day": days},
        schema={"file": pl.String, "row_number": pl.Int64, "business_day": pl.Date},
    )


def write_days(root: Path, days: Sequence[dt.date], writer: int, rounds: int) -> None:
    """Replace each of `days` `rounds` times; the units say which writer it was."""
    lake = Lake(root)
    for _ in range(rounds):
        for d in days:
            lake.replace_days(STOCK, stock([d], units=100.0 * writer), [d], {d: writer})


def append_raw(root: Path, writer: int) -> None:
    """Write a day of the ledger's Delta table without the lake's lock, as another host would."""
    lake = Lake(root)
    for n in range(4):
        entry = pl.DataFrame(
            {"day": [day(n)], "content": [writer], "inputs": [n], "rows": [1]},
            schema={"day": pl.Date, "content": pl.Int64, "inputs": pl.Int64, "rows": pl.Int64},
        )
        lake.ledger.append([(f"writer {writer}", entry)])


def overwrite_unlocked(root: Path, d: dt.date, writer: int, rounds: int) -> None:
    """Commit one day of the table past the lake's lock, so that only Delta keeps the order."""
    from forecast_platform.lake import delta

    path = root / STOCK.name
    for n in range(rounds):
        rows = stock([d], units=100.0 * writer + n).with_columns(month=pl.lit(f"{d:%Y-%m}"))
        delta.overwrite(path, rows, f"date >= '{d}' AND date <= '{d}'")


def alternate(root: Path, days: Sequence[dt.date], rounds: int) -> None:
    """Replace all of `days` at once, in turn with few and with many rows."""
    lake = Lake(root)
    for n in range(rounds):
        items = 2 if n % 2 else 40
        lake.replace_days(STOCK, stock(days, units=float(items), items=items), days)


def fingerprints(root: Path) -> list[tuple[dt.date, int]]:
    """Day and content of the stock table, written by this process into a lake of its own."""
    lake = Lake(root)
    days = [day(n) for n in range(4)]
    lake.replace_days(STOCK, stock(days).sample(fraction=1.0, shuffle=True, seed=3), days)
    return lake.ledger.current().sort("day").select("day", "content").rows()


def open_lake(root: Path) -> int:
    """Open (or make) a lake and write to it; the number of rows seen then."""
    lake = Lake(root)
    lake.replace_days(STOCK, stock([day(0)]), [day(0)])
    return lake.scan(STOCK).collect().height
