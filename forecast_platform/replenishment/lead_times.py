"""Lead times as suppliers kept them, estimated from purchase orders that were received.

A delivery counts from the day of its receipt on, for half a year. Taking deliveries by receipt, not
by order, keeps slow ones in proportion: of the orders sent lately only the quick ones are here.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

LEAD_TIME_LOOK_BACK_DAYS = 365
"""Orders sent earlier than this before a day are not read for it."""
RECEIPT_DAYS = 180
"""Days for which a delivery counts, the day of its receipt included."""
MIN_DELIVERIES = 10
"""Deliveries from which on an estimate is trusted more than what a supplier states."""

_PRIOR_DEGREES = 4.0
_QUANTILES = {"q50_days": 0.5, "q90_days": 0.9, "q95_days": 0.95}
_DAYS_AT_ONCE = 28
"""Days estimated together; bounds the memory of a long range."""
_DELIVERY = ("supplier_id", "order_id", "location_id", "sent", "expected_date", "received_date")


def lead_times(purchase_orders: pl.DataFrame, days: Sequence[dt.date]) -> pl.DataFrame:
    """Lead times known at the close of each day: pooled, per supplier, per supplier and item.

    Lines of an order that are received together are one delivery. A supplier's mean and quantiles
    are drawn towards those of all deliveries, and an item's towards its supplier's: own weight
    tau^2 / (tau^2 + s^2 / n), the predictor of the one-way random-effects model with variances by
    analysis of variance (Searle, Casella and McCulloch, Variance Components, 1992, chapter 3); of
    one alone the pooled is taken. Variances are drawn to the pooled one with 4 degrees of freedom
    (Smyth, 2004, "moderated" variances).

    Args:
        purchase_orders: Rows of `validated_purchase_orders`. For a day D receipts after D, orders
            sent more than 365 days before D and receipts before the order do not count.
        days: Days D, one at least.

    Returns:
        Rows of `LEAD_TIMES`, sorted by its key: the pooled row has neither supplier nor item, a
        supplier's row no item; items have a row from 10 deliveries on.
    """
    rising = sorted(set(days))
    deliveries = purchase_orders.select(
        "item_id", "supplier_id", "order_id", "location_id", pl.col("date").alias("sent"),
        "expected_date", "received_date",
        lead=(pl.col("received_date") - pl.col("date")).dt.total_days(),
        late=(pl.col("received_date") - pl.col("expected_date")).dt.total_days(),
    ).filter(pl.col("lead") >= 0)  # fmt: skip
    starts = range(0, len(rising), _DAYS_AT_ONCE)
    parts = [_estimates(deliveries, rising[start : start + _DAYS_AT_ONCE]) for start in starts]
    return pl.concat(parts).sort("date", "supplier_id", "item_id", nulls_last=False)


def _estimates(deliveries: pl.DataFrame, days: Sequence[dt.date]) -> pl.DataFrame:
    lines = _counted(deliveries, days)
    whole = lines.unique(["date", *_DELIVERY])
    named = pl.col("supplier_id").is_not_null()
    pooled = _summary(whole, ["date"]).with_columns(
        own_weight=pl.lit(1.0),
        variance=pl.when(pl.col("deliveries") > 1)
        .then(pl.col("squares") / (pl.col("deliveries") - 1))
        .otherwise(0.0),
    )
    by_supplier = _drawn(_summary(whole.filter(named), ["date", "supplier_id"]), pooled, ["date"])
    items = lines.filter(named).unique(["date", "item_id", *_DELIVERY])
    by_item = _drawn(
        _summary(items, ["date", "supplier_id", "item_id"]), by_supplier, ["date", "supplier_id"]
    ).filter(pl.col("deliveries") >= MIN_DELIVERIES)
    return pl.concat([_rows(pooled), _rows(by_supplier), _rows(by_item)])


def _counted(deliveries: pl.DataFrame, days: Sequence[dt.date]) -> pl.DataFrame:
    """One row per order line and day for which its delivery counts."""
    since = pl.max_horizontal("received_date", pl.lit(days[0], dtype=pl.Date))
    until = pl.min_horizontal(
        pl.col("received_date").dt.offset_by(f"{RECEIPT_DAYS - 1}d"),
        pl.col("sent").dt.offset_by(f"{LEAD_TIME_LOOK_BACK_DAYS}d"),
        pl.lit(days[-1], dtype=pl.Date),
    )
    return (
        deliveries.with_columns(since=since, until=until)
        .filter(pl.col("since") <= pl.col("until"))
        .with_columns(date=pl.date_ranges("since", "until"))
        .explode("date", empty_as_null=False)
        .filter(pl.col("date").is_in(days))
    )


def _summary(deliveries: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """What was observed per group; sums are of whole days, so their order does not matter."""
    count, lead, late = pl.len().cast(pl.Int64), pl.col("lead"), pl.col("late")
    return (
        deliveries.group_by(keys)
        .agg(
            count.alias("deliveries"),
            lead.sum().alias("total"),
            lead.pow(2).sum().alias("total_squares"),
            *(lead.quantile(q, "linear").alias(name) for name, q in _QUANTILES.items()),
            (late.sum() / count).alias("late_mean_days"),
            late.quantile(0.9, "linear").alias("late_q90_days"),
            ((late > 0).sum() / count).alias("late_share"),
        )
        .sort(keys)
        .with_columns(
            mean_days=pl.col("total") / pl.col("deliveries"),
            squares=pl.col("total_squares") - pl.col("total").pow(2) / pl.col("deliveries"),
        )
    )


def _drawn(own: pl.DataFrame, parents: pl.DataFrame, on: list[str]) -> pl.DataFrame:
    """Groups with mean, quantiles and variance drawn towards those of their parents."""
    drawn = ["mean_days", *_QUANTILES]
    above = parents.select(*on, pl.col(drawn).name.suffix("_above")).with_row_index("parent")
    joined = own.join(above, on=on, how="left", maintain_order="left")
    weight, variance = _weights(
        joined["parent"].cast(pl.Int64).to_numpy(),
        *(joined[name].cast(pl.Float64).to_numpy() for name in ("deliveries", "mean_days",
                                                                 "squares")),
    )  # fmt: skip
    w = pl.col("own_weight")
    return joined.with_columns(
        pl.Series("own_weight", weight), pl.Series("variance", variance)
    ).with_columns(
        (w * pl.col(name) + (1 - w) * pl.col(f"{name}_above")).alias(name) for name in drawn
    )


def _weights(
    parent: NDArray[np.int64], n: FloatArray, mean: FloatArray, squares: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Own weight of each group's mean, and its drawn variance in days^2."""
    groups = int(parent.max(initial=-1)) + 1

    def total(values: FloatArray) -> FloatArray:
        # Adds in the order of rows, so a day's sums do not depend on the days beside it.
        return np.asarray(np.bincount(parent, weights=values, minlength=groups), dtype=np.float64)

    with np.errstate(invalid="ignore", divide="ignore"):
        count, members = total(n), total(np.ones_like(n))
        within = np.where(count > members, total(squares) / (count - members), 0.0)
        centre = (total(n * mean) / count)[parent]
        between = total(n * np.square(mean - centre)) / (members - 1)
        size = (count - total(np.square(n)) / count) / (members - 1)
        spread = np.where(members > 1, np.maximum((between - within) / size, 0.0), 0.0)[parent]
        noise = within[parent] / n
        weight = np.where(spread > 0, spread / (spread + noise), 0.0)
        variance = (squares + _PRIOR_DEGREES * within[parent]) / (n - 1 + _PRIOR_DEGREES)
    return weight, variance


def _rows(groups: pl.DataFrame) -> pl.DataFrame:
    empty = [pl.lit(None, dtype=pl.String).alias(name) for name in ("supplier_id", "item_id")
             if name not in groups.columns]  # fmt: skip
    return groups.with_columns(*empty, std_days=pl.col("variance").clip(0.0).sqrt()).select(
        "date", "supplier_id", "item_id", "deliveries", "mean_days", "std_days", *_QUANTILES,
        "late_mean_days", "late_q90_days", "late_share", "own_weight",
    )  # fmt: skip
