"""Sources of the SQL models for tests: tiny ones written by hand, and generated shops."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import polars as pl

from forecast_platform.contracts import tables
from forecast_platform.lake import polars_schema

MONDAY = dt.date(2024, 1, 1)
KEY = ("date", "item_id", "location_id")


def day(number: int) -> dt.date:
    """Day `number` after a Monday."""
    return MONDAY + dt.timedelta(days=number)


def frame(source: str, rows: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """Rows of a source, of item A at shop X where they do not say otherwise."""
    schema = polars_schema(tables()[source])
    common = {"item_id": "A", "location_id": "X", "file": "a.csv", "row_number": 1}
    return pl.DataFrame(
        [{**{k: v for k, v in common.items() if k in schema}, **row} for row in rows], schema=schema
    )


def shop(seed: int, days: int = 120) -> dict[str, pl.DataFrame]:
    """A shop of 4 items, one of them postage, at 2 locations over `days` days.

    It has order lines in tenths of units, returns, weeks without a sale, price rows and paid
    prices with gaps, promotions of one location and of all, announced early and late, and
    snapshots of stock on some days, with stock-outs.
    """
    random = np.random.default_rng(seed)
    sales, prices, promotions, inventory = [], [], [], []
    for item in ("A", "B", "C", "postage"):
        for location in ("X", "Y"):
            key = {"item_id": item, "location_id": location}
            level, chance = random.choice([0.4, 3.0, 30.0]), random.choice([0.05, 0.4, 1.0])
            idle_from = int(random.integers(0, days))
            idle = range(idle_from, idle_from + int(random.integers(0, 60)))
            for number in range(days):
                today = {"date": day(number), **key}
                for _ in range(random.poisson(1.5) if random.random() < chance else 0):
                    units = round(random.gamma(1, level) * random.choice([1, 1, 1, 1, -0.5]), 1)
                    if number in idle and random.random() < 0.98:
                        continue
                    peak = 20 if random.random() < 0.01 else 1
                    paid = None if random.random() < 0.3 else round(random.gamma(2, 3), 2)
                    sales.append({**today, "units": units * peak, "unit_price": paid})
                if random.random() < 0.03:
                    prices.append({**today, "price": round(random.gamma(2, 3) + 0.01, 2)})
                if random.random() < 0.02:
                    begin = number + int(random.integers(-5, 20))
                    promotions.append(
                        {
                            **today,
                            "location_id": None if random.random() < 0.4 else location,
                            "start_date": day(begin),
                            "end_date": day(begin + int(random.integers(0, 100))),
                            "kind": "discount",
                            "discount": None if random.random() < 0.2 else random.random(),
                        }
                    )
                if random.random() < 0.5:
                    inventory.append(
                        {
                            **today,
                            "on_hand": None if random.random() < 0.2 else random.integers(-1, 9),
                            "in_stock_share": random.choice([None, 0.0, 0.3, 0.5, 0.9, 1.0]),
                        }
                    )
    products = [{"item_id": item, "is_product": item != "postage"} for item in "ABC"]
    products.append({"item_id": "postage", "is_product": False})
    return {
        "validated_sales": frame("validated_sales", sales),
        "validated_products": frame("validated_products", products),
        "validated_prices": frame("validated_prices", prices),
        "validated_promotions": frame("validated_promotions", promotions),
        "validated_inventory": frame("validated_inventory", inventory),
    }
