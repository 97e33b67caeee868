"""M5 (Walmart): Kaggle's calendar.csv, sales_train_evaluation.csv and sell_prices.csv."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from forecast_platform.errors import LandingError
from forecast_platform.sources.importers.base import ImportReport, read_source
from forecast_platform.sources.writing import LandingWriter, Progress
from forecast_platform.storage import Place

_SERIES = ("item_id", "dept_id", "cat_id", "store_id", "state_id")
_YEAR = pl.col("date").dt.strftime("%Y")
_NOTES = (
    "M5 has no stock, purchase orders or suppliers: opening stock and terms come from settings.",
    "M5 has no promotions; price cuts show in the weekly prices.",
    "An item is on offer in the weeks that have a price; other days without sales are no demand.",
)


def import_m5(source: Path, landing: Place, progress: Progress | None = None) -> ImportReport:
    """Turn the M5 files into landing files.

    Sales are the days with units; a price row per item, store and week says when an item was on
    offer. Only weeks within the days of the sales file get a price row.

    Args:
        source: Folder with Kaggle's three CSV files; the sales may hold any run of d_ columns.
        landing: Landing folder.
        progress: Told how far the import is.

    Returns:
        What was written, with the settings that fit Walmart's stores.

    Raises:
        LandingError: If a file is missing, unreadable or not the expected one.
    """
    writer = LandingWriter(landing, progress)
    writer.progress("reading M5", 0.0)
    calendar = read_source(
        source / "calendar.csv",
        ("date", "wm_yr_wk", "d", "event_name_1", "event_type_1", "event_name_2", "event_type_2"),
        "the M5 calendar",
        lambda path: pl.read_csv(path, schema_overrides={"date": pl.Date}),
    )
    sales = read_source(
        source / "sales_train_evaluation.csv", _SERIES, "the M5 sales", _read_sales
    ).sort("item_id", "store_id")
    prices = read_source(
        source / "sell_prices.csv",
        ("store_id", "item_id", "wm_yr_wk", "sell_price"),
        "the M5 prices",
        pl.read_csv,
    )
    days = _sales_days(sales, calendar, source)
    writer.progress("writing M5", 0.4)
    writer.write_by("sales", _sales_rows(sales, days), _YEAR)
    writer.write_by("prices", _price_rows(prices, sales, days), _YEAR)
    writer.write("products", "products.parquet", _products(sales))
    writer.write("locations", "locations.parquet", _locations(sales))
    writer.write("calendar", "events.parquet", _events(calendar))
    return ImportReport.of(
        writer,
        days["date"][0],
        days["date"][-1],
        {"currency": "USD", "country": "US", "timezone": "America/Chicago"},
        _NOTES,
    )


def _read_sales(path: Path) -> pl.DataFrame:
    header = pl.read_csv(path, n_rows=0).columns
    units = {name: pl.Int64 for name in header if name.startswith("d_")}
    return pl.read_csv(path, schema_overrides=units)


def _sales_days(sales: pl.DataFrame, calendar: pl.DataFrame, source: Path) -> pl.DataFrame:
    """The sold days in order: d, date, wm_yr_wk."""
    columns = [name for name in sales.columns if name.startswith("d_")]
    days = calendar.select("d", "date", "wm_yr_wk").filter(pl.col("d").is_in(columns)).sort("date")
    unknown = sorted(set(columns) - set(days["d"]))
    if not columns or unknown:
        raise LandingError(
            f"{source}/sales_train_evaluation.csv should have day columns (d_1, d_2, ...) that "
            f"calendar.csv dates, but {f'{unknown[:3]} are not in it' if unknown else 'has none'}. "
            "Give both files of the same download."
        )
    return days


def _sales_rows(sales: pl.DataFrame, days: pl.DataFrame) -> pl.DataFrame:
    """Days with units, ordered by day, item and store."""
    units = sales.select(days["d"].to_list()).to_numpy().T
    if not np.issubdtype(units.dtype, np.integer):
        raise LandingError(
            "The M5 sales should give the units of every day, but some cells are empty. "
            "Give sales_train_evaluation.csv as its publisher ships it."
        )
    day, series = np.nonzero(units)
    return pl.DataFrame(
        {
            "date": days["date"].gather(day),
            "item_id": sales["item_id"].gather(series),
            "location_id": sales["store_id"].gather(series),
            "units": units[day, series],
        }
    )


def _price_rows(prices: pl.DataFrame, sales: pl.DataFrame, days: pl.DataFrame) -> pl.DataFrame:
    """One row per item, store and week, dated by the week's first sold day."""
    weeks = days.group_by("wm_yr_wk").agg(pl.col("date").min())
    return (
        prices.join(weeks, on="wm_yr_wk")
        .join(sales.select("item_id", "store_id"), on=["item_id", "store_id"], how="semi")
        .select("date", "item_id", pl.col("store_id").alias("location_id"),
                pl.col("sell_price").alias("price"))
        .sort("date", "item_id", "location_id")
    )  # fmt: skip


def _products(sales: pl.DataFrame) -> pl.DataFrame:
    return sales.select("item_id", category="cat_id", department="dept_id").unique().sort("item_id")


def _locations(sales: pl.DataFrame) -> pl.DataFrame:
    return (
        sales.select(location_id="store_id", region="state_id")
        .unique()
        .sort("location_id")
        .with_columns(pl.lit("US").alias("country"))
    )


def _events(calendar: pl.DataFrame) -> pl.DataFrame:
    """Named events everywhere, and the days of food assistance (SNAP) in each state."""
    text = pl.String
    named = [
        calendar.select(
            "date",
            event=pl.col(f"event_name_{i}").cast(text),
            kind=pl.col(f"event_type_{i}").cast(text),
            region=pl.lit(None, text),
        )
        for i in (1, 2)
    ]
    snap = [
        calendar.filter(pl.col(name) == 1).select(
            "date",
            event=pl.lit("SNAP"),
            kind=pl.lit("snap"),
            region=pl.lit(name.removeprefix("snap_")),
        )
        for name in calendar.columns
        if name.startswith("snap_")
    ]
    return (
        pl.concat([*named, *snap])
        .drop_nulls("event")
        .sort("date", "event", "region", nulls_last=False)
    )
