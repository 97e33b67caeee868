"""Writes the demo shop's landing files, in every format the landing folder takes."""

from __future__ import annotations

import datetime as dt
from typing import Literal

import polars as pl

from forecast_platform.errors import ConfigurationError
from forecast_platform.sources.demo import signals, tables
from forecast_platform.sources.demo.dirt import till_rows
from forecast_platform.sources.demo.shop import events, open_shop
from forecast_platform.sources.demo.trade import trade
from forecast_platform.sources.importers.base import ImportReport
from forecast_platform.sources.writing import LandingWriter, Progress
from forecast_platform.storage import Place

Split = Literal["monthly", "daily"]
FIRST_DAY = dt.date(2024, 1, 1)
_PERIODS: dict[Split, str] = {"monthly": "%Y-%m", "daily": "%Y-%m-%d"}
_SALES_ENDINGS = (".csv", ".csv.gz", ".jsonl")


def make_demo(
    landing: Place,
    *,
    items: int = 200,
    locations: int = 3,
    days: int = 730,
    first_day: dt.date = FIRST_DAY,
    seed: int = 7,
    split: Split = "monthly",
    with_signals: bool = False,
    progress: Progress | None = None,
) -> ImportReport:
    """Make a shop and write what it landed.

    Trend, weekday and yearly season, holidays and events, seasonal and lumpy items, new and ended
    ones, price changes, promotions, stock that runs out and hides demand, purchase orders that come
    late, returns, dirty and late rows. The same arguments give the same bytes. A larger `days`
    continues the same history: its rows begin with those of the smaller (only the received date
    of orders that were still open is filled in).

    Args:
        landing: Landing folder.
        items: Number of items.
        locations: Number of locations.
        days: Number of business days.
        first_day: First business day.
        seed: Seed of every draw.
        split: One file per table and month, or per table and day.
        with_signals: Whether weather, its forecasts and competitors' prices are landed as well.
        progress: Told how far the work is.

    Returns:
        What was written, with the settings that fit the shop.

    Raises:
        ConfigurationError: If a number makes no shop.
        LandingError: If a file cannot be written.
    """
    for name, value in (("items", items), ("locations", locations), ("days", days)):
        if value < 1:
            raise ConfigurationError(
                f"The demo needs at least 1 of {name}, but got {value}. Give a larger number."
            )
    if split not in _PERIODS:
        raise ConfigurationError(
            f"The demo splits its files 'monthly' or 'daily', not {split!r}. Give one of the two."
        )
    writer = LandingWriter(landing, progress)
    writer.progress("trading", 0.0)
    shop = open_shop(items, locations, first_day, seed)
    deal = trade(shop, days)
    writer.progress("writing demo files", 0.4)
    rows = till_rows(shop, deal)
    last_day = first_day + dt.timedelta(days=days - 1)
    period = pl.col("date").dt.strftime(_PERIODS[split])
    _write_sales(writer, rows, _PERIODS[split])
    writer.write_by("inventory", tables.inventory(shop, deal), period)
    writer.write_by("prices", tables.prices(shop, deal), period)
    writer.write_by("purchase_orders", tables.purchase_orders(shop, deal), period)
    writer.write_by("promotions", tables.promotions(shop, days), period)
    writer.write("products", "products.csv", tables.products(shop))
    writer.write("locations", "locations.csv", tables.locations(shop))
    writer.write("suppliers", "suppliers.jsonl", tables.suppliers(shop))
    writer.write("calendar", "events.csv", events(shop, last_day))
    if with_signals:
        writer.write_by("weather", signals.weather(shop, days), period)
        writer.write_by("weather_forecasts", signals.weather_forecasts(shop, days), period)
        writer.write_by("competitor_prices", signals.competitor_prices(shop, deal), period)
    return ImportReport.of(
        writer,
        first_day,
        last_day,
        {"currency": "USD", "country": "US", "timezone": "America/Chicago"},
        (
            f"{rows['dirt'].count()} dirty sales rows and {rows['late'].sum()} late or corrected "
            "ones were put in on purpose.",
        ),
    )


def _write_sales(writer: LandingWriter, rows: pl.DataFrame, period: str) -> None:
    """Files by arrival, their formats taking turns; late rows come in files of their own."""
    parts = rows.with_columns(period=pl.col("arrival").dt.strftime(period)).partition_by(
        "period", "late", as_dict=True, include_key=False
    )
    for (name, late), part in parts.items():
        first = part["arrival"][0]
        ending = _SALES_ENDINGS[0 if late else (first.month + first.day) % len(_SALES_ENDINGS)]
        technical = ["arrival", "dirt"] if part["note"].count() else ["arrival", "dirt", "note"]
        writer.write("sales", f"{'late-' if late else ''}{name}{ending}", part.drop(technical))
