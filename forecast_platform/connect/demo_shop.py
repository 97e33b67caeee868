"""The demo shop as shops are: orders, stock and prices in Postgres, the rest behind a web service.

The rows are those of the demo generator, without its dirt.
"""

from __future__ import annotations

import datetime as dt
import io
import json
import secrets
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from forecast_platform.connect.config import Secret
from forecast_platform.connect.demo_service import Rows, ShopService
from forecast_platform.errors import ConfigurationError
from forecast_platform.settings import Settings, save_settings
from forecast_platform.sources.demo import signals, tables
from forecast_platform.sources.demo.shop import Shop, events, open_shop
from forecast_platform.sources.demo.trade import Trade, trade
from forecast_platform.storage import Place, children
from forecast_platform.text import filled

if TYPE_CHECKING:
    from psycopg2.extensions import cursor

ADDRESS = Secret(env="SHOP_DATABASE_URL")
_FIRST_DAY = dt.date(2024, 1, 1)
_SEED = 7
_MARK = "The demo shop of forecast_platform: made anew by each `sources demo-shop`."
_STAMP = "changed_at timestamptz not null default now()"
_SCHEMA = {
    "products": "sku text primary key, title text, category text, department text, "
    "is_product boolean, cost numeric, supplier text",
    "orders": "order_no text primary key, placed_at timestamptz not null, branch text not null",
    "order_lines": "order_no text references shop.orders, line_no integer, sku text, "
    "quantity numeric, price numeric, primary key (order_no, line_no)",
    "prices": "valid_from date, sku text, branch text, price numeric, "
    "primary key (valid_from, sku, branch)",
    "stock": "counted_on date, sku text, branch text, on_hand numeric, in_stock_share numeric, "
    "primary key (counted_on, sku, branch)",
    "purchase_orders": "sent_on date, order_no text, sku text, branch text, supplier text, "
    "quantity numeric, expected_on date, received_on date, primary key (order_no, sku, branch)",
    "competitor_prices": "seen_on date, sku text, competitor text, price numeric, "
    "primary key (seen_on, sku, competitor)",
}
_INDEXES = (
    "orders (placed_at)",
    *(f"{name} (changed_at)" for name in _SCHEMA if name != "products"),
)

SOURCES = """\
sources:
  shop_database:
    kind: sql
    address: {{env: SHOP_DATABASE_URL}}
    schedule: "10 * * * *"
    tables:
      sales:
        query: >
          select o.placed_at, o.branch, l.sku, l.quantity, l.price, l.order_no, l.line_no,
                 greatest(o.changed_at, l.changed_at) as changed_at
          from shop.orders o join shop.order_lines l on l.order_no = o.order_no
        columns: {{placed_at: date, branch: location_id, sku: item_id, quantity: units,
                  price: unit_price, order_no: order_id, line_no: order_line}}
        watermark: changed_at
      products:
        table: shop.products
        columns: {{sku: item_id, title: name, cost: unit_cost, supplier: supplier_id}}
      prices:
        table: shop.prices
        columns: {{valid_from: date, sku: item_id, branch: location_id}}
        watermark: changed_at
      inventory:
        table: shop.stock
        columns: {{counted_on: date, sku: item_id, branch: location_id}}
        watermark: changed_at
      purchase_orders:
        table: shop.purchase_orders
        columns: {{sent_on: date, order_no: order_id, sku: item_id, branch: location_id,
                  supplier: supplier_id, expected_on: expected_date, received_on: received_date}}
        watermark: changed_at
      competitor_prices:
        table: shop.competitor_prices
        columns: {{seen_on: date, sku: item_id}}
        watermark: changed_at
  shop_service:
    kind: rest
    address: {address}
    auth: {{kind: bearer, secret: {{file: {token}}}}}
    schedule: "@daily"
    tables:
      locations: {{path: locations, rows: rows, pages: &pages {{kind: number, size: 200,
                  size_parameter: size, total: total}}}}
      suppliers: {{path: suppliers, rows: rows, pages: *pages}}
      calendar: {{path: calendar, rows: rows, pages: *pages}}
      promotions: {{path: promotions, rows: rows, pages: *pages}}
      weather: {{path: weather, rows: rows, pages: *pages}}
      weather_forecasts: {{path: weather_forecasts, rows: rows, pages: *pages}}
"""


def open_demo_shop(
    settings: Settings, items: int, locations: int, days: int, port: int = 0
) -> ShopService:
    """Fill the database, write `sources.yaml` unless there is one, and open the web service.

    Args:
        settings: The settings that name the home folder.
        items: Number of items.
        locations: Number of locations.
        days: Number of business days.
        port: Of the web service; 0 takes any that is free.

    Raises:
        ConfigurationError: If the address of the database is not set, or it cannot be filled, or
            if database or home folder hold another shop.
    """
    _refuse_another_shop(settings)
    shop = open_shop(items, locations, _FIRST_DAY, _SEED)
    deal = trade(shop, days)
    fill_database(ADDRESS.read(), database_rows(shop, deal), settings.timezone)
    folder = settings.home / "sources"
    folder.mkdir(parents=True, exist_ok=True)
    token = secrets.token_urlsafe(24)
    path = folder / "demo_token"
    path.touch(mode=0o600)
    path.write_text(token)
    try:
        server = ShopService(service_rows(shop, days), token, port)
    except OSError as error:
        raise ConfigurationError(
            f"Port {port} cannot be served: {error.strerror}. Name another one with --port."
        ) from error
    if not settings.sources_path.exists():
        address = f"http://127.0.0.1:{server.server_port}"
        settings.sources_path.write_text(
            SOURCES.format(address=address, token=json.dumps(str(path)))
        )
        last_day = _FIRST_DAY + dt.timedelta(days=days - 1)
        save_settings(settings.home, {"start_date": _FIRST_DAY, "end_date": last_day})
    return server


def _refuse_another_shop(settings: Settings) -> None:
    """A home that reads sources already keeps its settings; one in use without is no demo's."""
    if settings.sources_path.exists():
        return
    written = settings.home / "settings.toml"
    used: list[Place] = [written] if written.exists() else []
    used += [folder for folder in (settings.landing, settings.lake) if children(folder)]
    if used:
        raise ConfigurationError(
            f"{used[0]} belongs to another shop, whose history the demo shop would change: set "
            "FORECAST_PLATFORM_HOME (or storage_url) to an empty folder."
        )


def database_rows(shop: Shop, deal: Trade) -> dict[str, pl.DataFrame]:
    """Rows of each table of the database, under its own column names."""
    sku, branch = pl.col("item_id").alias("sku"), pl.col("location_id").alias("branch")
    frame, day, series = shop.cells(deal.sales > 0)
    paid = deal.list_price[day, shop.item_of[series]] * (1 - deal.discount[day, series])
    order = filled("{}-{}", "location_id", "date").alias("order_no")
    lines = frame.with_columns(
        order, sku, branch, line_no=pl.int_range(1, pl.len() + 1).over("date", "location_id"),
        quantity=pl.Series(deal.sales[day, series]), price=pl.Series(np.round(paid, 2)),
        placed_at=filled("{} 12:00", "date"),
    )  # fmt: skip
    return {
        "products": tables.products(shop).select(
            sku, pl.col("name").alias("title"), "category", "department", "is_product",
            pl.col("unit_cost").alias("cost"), pl.col("supplier_id").alias("supplier"),
        ),
        "orders": lines.select("order_no", "placed_at", "branch").unique(maintain_order=True),
        "order_lines": lines.select("order_no", "line_no", "sku", "quantity", "price"),
        "prices": tables.prices(shop, deal).select(
            pl.col("date").alias("valid_from"), sku, branch, "price"
        ),
        "stock": tables.inventory(shop, deal).select(
            pl.col("date").alias("counted_on"), sku, branch, "on_hand", "in_stock_share"
        ),
        "purchase_orders": tables.purchase_orders(shop, deal).select(
            pl.col("date").alias("sent_on"), pl.col("order_id").alias("order_no"), sku, branch,
            pl.col("supplier_id").alias("supplier"), "quantity",
            pl.col("expected_date").alias("expected_on"),
            pl.col("received_date").alias("received_on"),
        ),
        "competitor_prices": signals.competitor_prices(shop, deal).select(
            pl.col("date").alias("seen_on"), sku, "competitor", "price"
        ),
    }  # fmt: skip


def service_rows(shop: Shop, days: int) -> dict[str, Rows]:
    """Rows of each table of the web service, under the names of the contracts."""
    last_day = shop.first_day + dt.timedelta(days=days - 1)
    frames = {
        "locations": tables.locations(shop),
        "suppliers": tables.suppliers(shop),
        "calendar": events(shop, last_day),
        "promotions": tables.promotions(shop, days),
        "weather": signals.weather(shop, days),
        "weather_forecasts": signals.weather_forecasts(shop, days),
    }
    return {name: json.loads(frame.write_json()) for name, frame in frames.items()}


def fill_database(address: str, rows: dict[str, pl.DataFrame], timezone: str) -> None:
    """Make the schema `shop` anew with these rows.

    Raises:
        ConfigurationError: If the database cannot be reached or refuses, or has a schema `shop`
            that no demo made.
    """
    import psycopg2

    try:
        connection = psycopg2.connect(address, options=f"-ctimezone={timezone}")
        try:
            with connection, connection.cursor() as cursor:
                _fill(cursor, rows)
        finally:
            connection.close()
    except psycopg2.Error as error:
        said = str(error).strip().splitlines()[0]
        raise ConfigurationError(
            f"The demo shop's database cannot be filled: {said}. Set SHOP_DATABASE_URL to an "
            "empty database of a role that owns it."
        ) from error


def _fill(cursor: cursor, rows: dict[str, pl.DataFrame]) -> None:
    cursor.execute("select obj_description(oid) from pg_namespace where nspname = 'shop'")
    if (found := cursor.fetchone()) and found[0] != _MARK:
        raise ConfigurationError(
            "The database of SHOP_DATABASE_URL has a schema `shop` that no demo made; the demo "
            "shop would replace it. Set SHOP_DATABASE_URL to an empty database."
        )
    cursor.execute("drop schema if exists shop cascade; create schema shop")
    cursor.execute("comment on schema shop is %s", [_MARK])
    for table, columns in _SCHEMA.items():
        cursor.execute(f"create table shop.{table} ({columns}, {_STAMP})")
        frame = rows[table]
        cursor.copy_expert(
            f"copy shop.{table} ({', '.join(frame.columns)}) from stdin with (format csv)",
            io.BytesIO(frame.write_csv(include_header=False).encode()),
        )
    for index in _INDEXES:
        cursor.execute(f"create index on shop.{index}")
