"""Home folders to measure on, with days held back that arrive later."""

from __future__ import annotations

import datetime as dt
import shutil
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from forecast_platform.contracts import LANDED, tables
from forecast_platform.lake import Lake
from forecast_platform.settings import save_settings
from forecast_platform.sources import importers
from forecast_platform.sources.demo import make_demo

LATE_DAYS = 30
"""How old the late day is."""


@dataclass(frozen=True)
class Shop:
    """A home folder before its newest day and one older day have landed.

    Attributes:
        home: Home folder.
        last_day: The newest day, held back.
        name: What the shop is.
    """

    home: Path
    last_day: dt.date
    name: str

    @property
    def late_day(self) -> dt.date:
        """The older day, whose sales are held back."""
        return self.last_day - dt.timedelta(days=LATE_DAYS)

    def arrive(self, day: dt.date) -> None:
        """Put the files of a day that was held back into the landing folder."""
        for file in sorted((self.home / "held" / str(day)).glob("*/*")):
            shutil.move(file, self.home / "landing" / file.parent.name / file.name)


def demo_shop(home: Path, items: int, locations: int, days: int) -> Shop:
    """The demo shop with a file per table and day."""
    report = make_demo(home / "landing", items=items, locations=locations, days=days, split="daily")
    save_settings(home, {k: v for k, v in report.settings.items() if k != "end_date"})
    shop = Shop(home, report.last_day, f"demo, {items} items x {locations} locations x {days} days")
    for day, pattern in ((shop.last_day, "*"), (shop.late_day, "sales")):
        for file in (home / "landing").glob(f"{pattern}/{day}.*"):
            held = home / "held" / str(day) / file.parent.name
            held.mkdir(parents=True, exist_ok=True)
            shutil.move(file, held / file.name)
    return shop


def m5_shop(home: Path, data: Path) -> Shop:
    """M5's 823 items of one shop, whose files are split by year."""
    report = importers.import_m5(data / "m5_tx3_foods3", home / "landing")
    save_settings(home, dict(report.settings))
    shop = Shop(home, report.last_day, "M5 TX_3/FOODS_3")
    for table, days in (("sales", (shop.last_day, shop.late_day)), ("prices", (shop.last_day,))):
        for file in sorted((home / "landing" / table).glob("*.parquet")):
            rows = pl.read_parquet(file)
            for day in days:
                of_day = rows.filter(pl.col("date") == day)
                if of_day.height:
                    held = home / "held" / str(day) / table
                    held.mkdir(parents=True, exist_ok=True)
                    of_day.write_parquet(held / f"{day}.parquet")
            rows.filter(~pl.col("date").is_in(days)).write_parquet(file)
    return shop


def imported(home: Path, data: Path, source: str) -> Path:
    """A home folder with a public data set landed; its landing folder."""
    if source == "m5":
        report = importers.import_m5(data / "m5_tx3_foods3", home / "landing")
    else:
        file = data / "freshretailnet" / "daily_50000_series.parquet"
        report = importers.import_freshretailnet(file, home / "landing")
    save_settings(home, dict(report.settings))
    return home / "landing"


def rows_of(home: Path, table: str) -> int:
    """Rows that a table of the lake holds."""
    count: int = Lake(home / "lake").scan(tables()[table]).select(pl.len()).collect().item()
    return count


def landed_rows(home: Path) -> int:
    """Rows that have landed, of all tables."""
    return sum(rows_of(home, f"raw_{table.name}") for table in LANDED)
