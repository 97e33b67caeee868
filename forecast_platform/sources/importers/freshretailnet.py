"""FreshRetailNet-50K (Dingdong): perishables of 898 stores by day, with stock-out hours."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from forecast_platform.errors import LandingError
from forecast_platform.sources.importers.base import ImportReport, read_source
from forecast_platform.sources.writing import LandingWriter, Progress
from forecast_platform.storage import Place
from forecast_platform.text import filled

_FILES = ("train.parquet", "train_sample.parquet", "daily_50000_series.parquet")
_COLUMNS = (
    "city_id",
    "store_id",
    "management_group_id",
    "first_category_id",
    "second_category_id",
    "third_category_id",
    "product_id",
    "dt",
    "sale_amount",
    "stock_hour6_22_cnt",
    "discount",
    "holiday_flag",
)
_KEY = ("date", "item_id", "location_id")
# Numbers group millions of rows several times faster than the texts made from them.
_SERIES = ("product_id", "store_id")
_OPENING_HOURS = 16
# Nothing is sold at a twentieth of its price: the publisher's values near 0 mean unknown.
_UNKNOWN_DISCOUNT = 0.05
_MONTH = pl.col("date").dt.strftime("%Y-%m")
_NOTES = (
    "Units are the publisher's normalised sale amounts; they have no physical unit.",
    "Prices are shares of the list price (price / list price), so money has no currency (XXX).",
    "A price row on the first day of each week says that the item was on offer; "
    "days without sales in between are no demand.",
    "Stock on hand is unknown; the share of hours (6 to 22) in stock lands where it is below 1.",
    "No suppliers or purchase orders: terms come from settings.",
    "Promotions are not derived from discounts, and activity flag and weather are not imported.",
    "The publisher's holiday flag marks weekends too; it lands as the event 'day off'.",
)


def import_freshretailnet(
    source: Path, landing: Place, progress: Progress | None = None
) -> ImportReport:
    """Turn FreshRetailNet-50K into landing files.

    Args:
        source: The parquet file, or a folder with train.parquet (else train_sample.parquet, else
            daily_50000_series.parquet).
        landing: Landing folder.
        progress: Told how far the import is.

    Returns:
        What was written, with the settings that fit the data.

    Raises:
        LandingError: If the file is missing, unreadable or not the expected one.
    """
    writer = LandingWriter(landing, progress)
    writer.progress("reading FreshRetailNet", 0.0)
    path = _find(source)
    frame = read_source(path, _COLUMNS, "FreshRetailNet-50K", _read)
    writer.progress("writing FreshRetailNet", 0.4)
    writer.write_by("sales", _sales(frame), _MONTH)
    writer.write_by("inventory", _inventory(frame), _MONTH)
    writer.write_by("prices", _prices(frame), _MONTH)
    writer.write("products", "products.parquet", _products(frame))
    writer.write("locations", "locations.parquet", _locations(frame))
    writer.write("calendar", "days_off.parquet", _days_off(frame))
    return ImportReport.of(
        writer,
        frame["date"][0],
        frame["date"][-1],
        {"currency": "XXX", "country": "CN", "timezone": "Asia/Shanghai"},
        (f"Read from {path.name}.", *_NOTES),
    )


def _find(source: Path) -> Path:
    if not source.is_dir():
        return source
    for name in _FILES:
        if (source / name).is_file():
            return source / name
    raise LandingError(
        f"One of {', '.join(_FILES)} was expected in {source}, but none is there. "
        "Give the parquet file itself."
    )


def _read(path: Path) -> pl.DataFrame:
    """The needed columns of all series-days, sorted by day, item and store."""
    lazy = pl.scan_parquet(path)
    known = lazy.collect_schema().names()
    frame = lazy.select([name for name in _COLUMNS if name in known]).collect()
    if len(frame.columns) < len(_COLUMNS):
        return frame
    return frame.sort("dt", "product_id", "store_id").with_columns(
        date=pl.col("dt").cast(pl.Date),
        item_id=pl.col("product_id").cast(pl.String),
        location_id=pl.col("store_id").cast(pl.String),
        # 32-bit values: 0.9 reads 0.8999999762 unless rounded.
        units=pl.col("sale_amount").cast(pl.Float64).round(4),
        unit_price=pl.when(pl.col("discount") > _UNKNOWN_DISCOUNT).then(
            pl.col("discount").cast(pl.Float64).round(4)
        ),
    )


def _sales(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.filter(pl.col("units") > 0).select(*_KEY, "units", "unit_price")


def _inventory(frame: pl.DataFrame) -> pl.DataFrame:
    share = 1 - pl.col("stock_hour6_22_cnt").cast(pl.Float64) / _OPENING_HOURS
    return frame.select(*_KEY, in_stock_share=share.clip(0, 1)).filter(pl.col("in_stock_share") < 1)


def _prices(frame: pl.DataFrame) -> pl.DataFrame:
    """The price on the first day of each week (a mean over the week would know its future)."""
    known = pl.col("unit_price").forward_fill().over(_SERIES)
    first_of_week = pl.struct(*_SERIES, pl.col("date").dt.truncate("1w")).is_first_distinct()
    return (
        frame.select(*_KEY, price=known.fill_null(1.0), first=first_of_week)
        .filter("first")
        .drop("first")
    )


def _products(frame: pl.DataFrame) -> pl.DataFrame:
    levels = [f"{level}_category_id" for level in ("first", "second", "third")]
    return (
        frame.select("product_id", *levels, "management_group_id")
        .unique()
        .select(
            item_id=pl.col("product_id").cast(pl.String),
            category=pl.concat_str(levels, separator="/"),
            department=pl.col("management_group_id").cast(pl.String),
        )
        .sort("item_id")
    )


def _locations(frame: pl.DataFrame) -> pl.DataFrame:
    return (
        frame.select("store_id", "city_id")
        .unique()
        .select(
            location_id=pl.col("store_id").cast(pl.String),
            region=filled("city {}", "city_id"),
            country=pl.lit("CN"),
        )
        .sort("location_id")
    )


def _days_off(frame: pl.DataFrame) -> pl.DataFrame:
    return (
        frame.filter(pl.col("holiday_flag") == 1)
        .select("date", event=pl.lit("day off"), kind=pl.lit("holiday"))
        .unique()
        .sort("date")
    )
