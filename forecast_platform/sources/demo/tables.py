"""The demo shop's landed tables other than sales, in the documented columns."""

from __future__ import annotations

import numpy as np
import polars as pl

from forecast_platform.sources.demo.dirt import DELIVERY
from forecast_platform.sources.demo.shop import CATEGORIES, Ints, Shop
from forecast_platform.sources.demo.shop import promotions as drawn_promotions
from forecast_platform.sources.demo.trade import Trade
from forecast_platform.text import filled

_KEY = ("date", "item_id", "location_id")


def inventory(shop: Shop, deal: Trade) -> pl.DataFrame:
    """Stock of what is on offer; demand met in part was met for that part of the day."""
    days = deal.sales.shape[0]
    frame, day, series = shop.cells(shop.on_offer(days)[:, shop.item_of])
    wanted, sold = deal.demand[day, series], deal.sales[day, series]
    on_hand = deal.on_hand[day, series]
    share = np.where(wanted > 0, sold / np.maximum(wanted, 1), on_hand > 0)
    return frame.drop("day").with_columns(
        on_hand=pl.Series(on_hand), in_stock_share=pl.Series(share.round(2))
    )


def prices(shop: Shop, deal: Trade) -> pl.DataFrame:
    """List prices: repeated every Monday while on offer, and on days they begin or change."""
    days = deal.sales.shape[0]
    monday = (shop.dates(days).dt.weekday() == 1).to_numpy()[:, None]
    begins = np.arange(days)[:, None] == shop.launch
    changed = np.diff(deal.list_price, axis=0, prepend=deal.list_price[:1]) != 0
    rows = shop.on_offer(days) & (monday | begins | changed)
    frame, day, series = shop.cells(rows[:, shop.item_of])
    price = pl.Series(deal.list_price[day, shop.item_of[series]])
    return frame.select(*_KEY, price=price)


def purchase_orders(shop: Shop, deal: Trade) -> pl.DataFrame:
    """Order lines; one order per day, supplier and location; those under way are open."""
    lines = deal.orders
    series = lines["series"].to_numpy()
    item = shop.item_of[series]
    last_day = shop.dates(deal.sales.shape[0])[-1]
    sent = pl.lit(shop.first_day) + pl.duration(days="day")
    return (
        lines.with_columns(
            date=sent,
            item_id=pl.Series(shop.item_ids).gather(item),
            location_id=pl.Series(shop.location_ids).gather(shop.location_of[series]),
            supplier_id=_supplier_ids(shop.supplier).gather(item),
            lead_mean=pl.Series(np.rint(shop.lead_mean[item])),
            received_date=sent + pl.duration(days="lead"),
        )
        .with_columns(
            order_id=filled(
                "PO-{}-{}-{}", pl.col("date").dt.strftime("%Y%m%d"), "supplier_id", "location_id"
            ),
            expected_date=pl.col("date") + pl.duration(days="lead_mean"),
            received_date=pl.when(pl.col("received_date") <= last_day).then("received_date"),
        )
        .select(
            "date", "order_id", "item_id", "location_id", "supplier_id", "quantity",
            "expected_date", "received_date",
        )
    )  # fmt: skip


def promotions(shop: Shop, days: int) -> pl.DataFrame:
    """Promotions announced so far, dated by the announcement."""

    def day(name: str) -> pl.Expr:
        return pl.lit(shop.first_day) + pl.duration(days=name)

    drawn = drawn_promotions(shop, days)
    locations = dict(enumerate(shop.location_ids))
    return drawn.select(
        date=day("announced"),
        item_id=pl.Series(shop.item_ids).gather(drawn["item"]),
        location_id=pl.col("location").replace_strict(
            locations, default=None, return_dtype=pl.String
        ),
        start_date=day("start"),
        end_date=day("end"),
        kind=pl.lit("discount"),
        discount="discount",
    )


def products(shop: Shop) -> pl.DataFrame:
    """All items, and the delivery fee, which is no product."""
    kinds = [CATEGORIES[c] for c in shop.categories]
    goods = pl.DataFrame(
        {
            "item_id": shop.item_ids,
            "name": [f"{k.name.capitalize()} No. {n}" for n, k in enumerate(kinds, start=1)],
            "category": [k.name for k in kinds],
            "department": [k.department for k in kinds],
            "is_product": [True] * len(kinds),
            "unit_cost": shop.unit_cost,
            "supplier_id": _supplier_ids(shop.supplier),
        }
    )
    fee = pl.DataFrame(
        {"item_id": [DELIVERY], "name": ["Delivery fee"], "category": ["fees"],
         "department": ["fees"], "is_product": [False]}
    )  # fmt: skip
    return pl.concat([goods, fee], how="diagonal")


def locations(shop: Shop) -> pl.DataFrame:
    """All locations."""
    return pl.DataFrame(
        {
            "location_id": shop.location_ids,
            "name": [f"Store {n + 1}" for n in range(len(shop.location_ids))],
            "region": shop.regions,
        }
    ).with_columns(country=pl.lit("US"))


def suppliers(shop: Shop) -> pl.DataFrame:
    """Terms of each supplier for all its items, and of the items that have their own."""
    items = pl.DataFrame(
        {
            "supplier_id": _supplier_ids(shop.supplier),
            "item_id": shop.item_ids,
            "own": shop.own_terms,
            "lead_time_days": shop.lead_mean,
            "lead_time_std_days": shop.lead_std,
            "review_days": shop.review,
            "min_order_quantity": shop.moq,
            "pack_size": shop.pack,
        }
    ).with_columns(
        name=filled("Supplier {}", pl.col("supplier_id").str.slice(1)), order_cost=pl.lit(5.0)
    )
    general = (
        items.filter(~pl.col("own"))
        .unique("supplier_id", keep="first", maintain_order=True)
        .with_columns(item_id=pl.lit(None, pl.String))
    )
    own = items.filter("own").with_columns(name=pl.lit(None, pl.String))
    return pl.concat([general, own]).sort("supplier_id", "item_id", nulls_last=False).drop("own")


def _supplier_ids(supplier: Ints) -> pl.Series:
    return pl.Series([f"V{number:02d}" for number in supplier + 1], dtype=pl.String)
