"""The inventory position at the close of a day: stock counts and open purchase orders."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from forecast_platform.replenishment.terms import one_per_key

FloatArray = NDArray[np.float64]

STOCK_LOOK_BACK_DAYS = 7
"""A stock count older than this says nothing about today."""
ORDER_LOOK_BACK_DAYS = 180
"""Purchase orders sent earlier than this are not read."""
LATE_DAYS_COUNTED = 14
"""An open order this many days past its expected date is not counted any more."""

_KEYS = ["date", "item_id", "location_id"]


def stock_counts(lines: pl.DataFrame, inventory: pl.DataFrame) -> pl.DataFrame:
    """Newest stock count of each line, not after its day and at most 7 days old.

    Args:
        lines: Columns `date`, `item_id`, `location_id`, sorted by them.
        inventory: Landed stock counts; rows without a finite `on_hand` are ignored.

    Returns:
        In the order of `lines`: `stock_date`, `on_hand` (as counted), `reserved`; empty where
        there is no such count.

    Raises:
        ContractError: If a key of `inventory` occurs twice.
    """
    number = pl.col("on_hand", "reserved").cast(pl.Float64)
    counts = (
        one_per_key(inventory, _KEYS, "inventory")
        .select(*_KEYS, number)
        .filter(pl.col("on_hand").is_finite())
        .with_columns(
            pl.col("reserved").fill_nan(None).fill_null(0.0).clip(lower_bound=0.0),
            stock_date=pl.col("date"),
        )
        .sort("date")
    )
    return (
        lines.select(_KEYS)
        .sort("date", maintain_order=True)
        .join_asof(
            counts,
            on="date",
            by=["item_id", "location_id"],
            strategy="backward",
            tolerance=f"{STOCK_LOOK_BACK_DAYS}d",
            check_sortedness=False,
        )
        .select("stock_date", "on_hand", "reserved")
    )


@dataclass(frozen=True)
class OpenOrders:
    """Open purchase orders of N lines, units.

    Attributes:
        on_order: (N,) expected within the protection period: counted.
        late: (N,) overdue by less than 14 days: counted.
        overdue: (N,) overdue by 14 days or more: not counted.
        beyond: (N,) expected after the protection period: not counted.
        receipts: (N, H) of `on_order`, expected 1 .. H days later.
    """

    on_order: FloatArray
    late: FloatArray
    overdue: FloatArray
    beyond: FloatArray
    receipts: FloatArray

    @property
    def counted(self) -> FloatArray:
        """(N,) units that the inventory position counts."""
        return self.on_order + self.late


def _open_days(lines: pl.DataFrame, purchase_orders: pl.DataFrame) -> pl.DataFrame:
    """One row per purchase order line and plan day at whose close it was open."""
    first, last = lines["date"].min(), lines["date"].max()
    limit = pl.col("date").dt.offset_by(f"{ORDER_LOOK_BACK_DAYS}d")
    until = pl.min_horizontal(
        limit, pl.col("received_date").dt.offset_by("-1d"), pl.lit(last, dtype=pl.Date)
    )
    quantity = pl.col("quantity").cast(pl.Float64)
    return (
        purchase_orders.with_columns(
            quantity, since=pl.max_horizontal("date", pl.lit(first, dtype=pl.Date)), until=until
        )
        .filter(
            (pl.col("quantity") > 0)
            & pl.col("quantity").is_finite()
            & (pl.col("since") <= pl.col("until"))
        )
        .sort("item_id", "location_id", "date", "order_id", "expected_date", "quantity")
        .select(
            "item_id",
            "location_id",
            "expected_date",
            "quantity",
            pl.date_ranges("since", "until").alias("date"),
        )
        .explode("date", empty_as_null=False)
    )


def _sums(at: NDArray[np.int64], quantity: FloatArray, count: int) -> FloatArray:
    return np.asarray(np.bincount(at, weights=quantity, minlength=count), dtype=np.float64)


def open_orders(lines: pl.DataFrame, purchase_orders: pl.DataFrame, horizon: int) -> OpenOrders:
    """What is on order at the close of each line's day, by when it can be expected.

    An order is open from the day it is sent to the day before it is received; a receipt after the
    line's day is not known yet. An order expected on the line's own day and not received by its
    close is taken to come the next day.

    Args:
        lines: Columns `date`, `item_id`, `location_id`, `protection_days`.
        purchase_orders: Landed purchase order lines.
        horizon: H, days of dated receipts.

    Returns:
        Units per line, in the order of `lines`.
    """
    count = lines.height
    rows = _open_days(lines, purchase_orders).join(
        lines.select(*_KEYS, "protection_days").with_row_index("line"),
        on=_KEYS,
        how="inner",
        maintain_order="left",
    )
    line, quantity = rows["line"].to_numpy(), rows["quantity"].to_numpy()
    ahead = (rows["expected_date"] - rows["date"]).dt.total_days().to_numpy()
    in_time = (ahead >= 0) & (ahead <= rows["protection_days"].to_numpy())
    late = (ahead < 0) & (ahead > -LATE_DAYS_COUNTED)
    overdue = ahead <= -LATE_DAYS_COUNTED

    def units(which: NDArray[np.bool_]) -> FloatArray:
        return _sums(line[which], quantity[which], count)

    dated = in_time & (ahead <= horizon)
    cell = line[dated].astype(np.int64) * horizon + np.maximum(ahead[dated], 1) - 1
    receipts = _sums(cell, quantity[dated], count * horizon)
    return OpenOrders(
        on_order=units(in_time),
        late=units(late),
        overdue=units(overdue),
        beyond=units(~(in_time | late | overdue)),
        receipts=receipts.reshape(count, horizon),
    )
