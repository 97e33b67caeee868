"""Clean demand made by hand or at random."""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl

from forecast_platform.features import compute

FIRST = dt.date(2024, 1, 1)

PRODUCTS = pl.DataFrame(
    {
        "item_id": ["milk", "cream", "bread"],
        "category": ["dairy", "dairy", "bakery"],
        "department": ["food"] * 3,
    }
)
LOCATIONS = pl.DataFrame(
    {"location_id": ["L1", "L2"], "country": ["US", "US"], "region": ["TX", None]}
)
NO_EVENTS = pl.DataFrame(
    schema={"date": pl.Date, "event": pl.String, "kind": pl.String, "region": pl.String}
)
REFERENCE: dict[str, pl.DataFrame] = {
    "products": PRODUCTS,
    "locations": LOCATIONS,
    "calendar": NO_EVENTS,
}


def day(number: int) -> dt.date:
    return FIRST + dt.timedelta(days=number)


def clean_days(
    demand: list[float | None], item: str = "milk", location: str = "L1", **columns: Any
) -> pl.DataFrame:
    """Clean demand of one series, one value per day from `FIRST` on."""
    values = {
        "is_available": [value is not None for value in demand],
        "price": 2.0,
        "on_promotion": False,
        "discount": 0.0,
        **columns,
    }
    frame = pl.DataFrame({"demand_winsorised": demand}, schema={"demand_winsorised": pl.Float32})
    return frame.select(
        pl.date_range(FIRST, day(len(demand) - 1)).alias("date"),
        pl.lit(item).alias("item_id"),
        pl.lit(location).alias("location_id"),
        "demand_winsorised",
        *(
            (pl.Series(v) if isinstance(v, list) else pl.lit(v)).alias(name)
            for name, v in values.items()
        ),
    ).with_columns(pl.col("price", "discount").cast(pl.Float32))


def features_of(clean: pl.DataFrame, first: int, last: int) -> pl.DataFrame:
    return compute(clean, day(first), day(last), **REFERENCE)
