"""UCI Online Retail II: order lines of a British web shop, dirt included."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from forecast_platform.errors import LandingError
from forecast_platform.sources.importers.base import ImportReport, read_source
from forecast_platform.sources.writing import LandingWriter, Progress
from forecast_platform.storage import Place

_COLUMNS = (
    "Invoice",
    "StockCode",
    "Description",
    "Quantity",
    "InvoiceDate",
    "Price",
    "Customer ID",
    "Country",
)
# Five digits and a colour or size; Dotcomgiftshop's own goods; two goods with codes of their own.
# All else (POST, M, D, BANK CHARGES, gift vouchers, tests) is no merchandise.
_PRODUCT_CODE = r"^(\d{5}[A-Z]{0,2}|DCGS[A-Z0-9]+|SP\d+|PADS)$"
_NOTES = (
    "Lines land as they are, as text: cancellations, negative prices and the like are left to "
    "the platform's quarantine.",
    "Stock codes are trimmed and upper-cased, since 85123a and 85123A are the same item.",
    "The source numbers no order lines: differing lines of one invoice and item are numbered in "
    "their order, and repeats of a line share its number and count as exact duplicates.",
    "Codes that name no merchandise (postage, fees, vouchers, manual lines) are products with "
    "is_product false.",
    "No shelf prices, stock, suppliers or promotions: prices are read from the lines, terms come "
    "from settings.",
    "All lines belong to one location, WEB; customer and country of the buyer are not imported.",
)


def import_online_retail(
    source: Path, landing: Place, progress: Progress | None = None
) -> ImportReport:
    """Turn Online Retail II into landing files.

    Args:
        source: The CSV file, plain or gzipped, under UCI's column names.
        landing: Landing folder.
        progress: Told how far the import is.

    Returns:
        What was written, with the settings that fit the shop.

    Raises:
        LandingError: If the file is missing, unreadable or not the expected one.
    """
    writer = LandingWriter(landing, progress)
    writer.progress("reading Online Retail II", 0.0)
    lines = read_source(
        source,
        _COLUMNS,
        "Online Retail II",
        lambda path: pl.read_csv(path, infer_schema=False),
    ).with_columns(
        item_id=pl.col("StockCode").str.strip_chars().str.to_uppercase(),
        date=pl.col("InvoiceDate").str.slice(0, 10),
    )
    days = lines["date"].str.to_date("%Y-%m-%d", strict=False).drop_nulls().sort()
    if days.is_empty():
        raise LandingError(
            f"{source} should have invoice dates such as 2009-12-01 07:45:00, but the first is "
            f"{lines['InvoiceDate'][0]!r}. Write the dates that way."
        )
    writer.progress("writing Online Retail II", 0.4)
    month = pl.coalesce(pl.col("date").str.extract(r"^(\d{4}-\d{2})-"), pl.lit("undated"))
    writer.write_by("sales", _sales(lines), month)
    writer.write("products", "products.parquet", _products(lines))
    writer.write(
        "locations",
        "locations.parquet",
        pl.DataFrame({"location_id": ["WEB"], "name": ["Web shop"], "country": ["GB"]}),
    )
    return ImportReport.of(
        writer,
        days[0],
        days[-1],
        {"currency": "GBP", "country": "GB", "timezone": "Europe/London"},
        _NOTES,
    )


def _sales(lines: pl.DataFrame) -> pl.DataFrame:
    """All lines in their order; order_line numbers the differing lines of an invoice and item."""
    within = ("Invoice", "item_id")
    lines = lines.with_row_index("row")
    # Few lines share invoice and item: comparing whole lines only there saves most of the time.
    numbered = (
        lines.filter(pl.len().over(within) > 1)
        .with_columns(first=pl.col("row").min().over(_COLUMNS))
        .select("row", number=pl.col("first").rank("dense").over(within))
    )
    return lines.join(numbered, on="row", how="left", maintain_order="left").select(
        "date",
        "item_id",
        pl.lit("WEB").alias("location_id"),
        pl.col("Quantity").alias("units"),
        pl.col("Price").alias("unit_price"),
        pl.col("Invoice").alias("order_id"),
        pl.col("number").fill_null(1).cast(pl.String).alias("order_line"),
    )


def _products(lines: pl.DataFrame) -> pl.DataFrame:
    """Every code, named by its most frequent description (the first by alphabet among equals)."""
    description = pl.col("Description").str.strip_chars()
    names = (
        lines.select("item_id", name=description)
        .filter(pl.col("name").is_not_null() & ~pl.col("name").is_in(["", "nan"]))
        .group_by("item_id", "name")
        .len()
        .sort("item_id", "len", "name", descending=[False, True, False])
        .unique("item_id", keep="first", maintain_order=True)
    )
    return (
        lines.select("item_id")
        .drop_nulls()
        .unique()
        .join(names, on="item_id", how="left")
        .sort("item_id")
        .select("item_id", "name", is_product=pl.col("item_id").str.contains(_PRODUCT_CODE))
    )
