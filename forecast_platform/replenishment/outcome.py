"""What became of plans: demand, stock-outs and orders in the protection period of every line.

The protection period of the plan of day D are the days D + 1 .. D + protection_days, the time for
which the reorder point had to last; a plan is judged on its last day.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from forecast_platform.text import filled

_SERIES = ["item_id", "location_id"]
_KEYS = [*_SERIES, "plan_date"]
_PLANNED = (
    "lead_time_days", "review_days", "protection_days", "service_level", "lead_time_demand",
    "protection_demand", "reorder_point", "order_quantity",
)  # fmt: skip
_SHORT_BY = 0.05
_LINES_TO_JUDGE = 100


def ended(plans: pl.LazyFrame, days: Sequence[dt.date]) -> pl.LazyFrame:
    """Plan lines whose protection period ended on one of `days`.

    Args:
        plans: Rows of `REPLENISHMENT_PLAN`.
        days: Last days of protection periods.

    Returns:
        What `plan_outcomes` reads of them: `date` is the last day, `plan_date` the plan's.
    """
    last = pl.col("date").dt.offset_by(filled("{}d", "protection_days"))
    aimed = pl.coalesce("critical_ratio", "service_level").alias("service_level")
    return (
        plans.with_columns(aimed)
        .select(last.alias("date"), *_SERIES, pl.col("date").alias("plan_date"), *_PLANNED)
        .filter(pl.col("date").is_in(list(days)))
    )


def plan_outcomes(
    lines: pl.DataFrame, clean_demand: pl.DataFrame, purchase_orders: pl.DataFrame
) -> pl.DataFrame:
    """Hold plan lines against what happened until the end of their protection period.

    Args:
        lines: Rows of `ended`.
        clean_demand: Clean demand of the protection periods.
        purchase_orders: Validated purchase orders sent in them; receipts after a line's last day
            are not read for it.

    Returns:
        Rows of `PLAN_OUTCOME`, sorted by its key. A day with neither demand nor sales recorded
        counts as one without demand, and is not among the known days.
    """
    found = (
        lines.join(_demand(lines, clean_demand), on=_KEYS, how="left")
        .join(_orders(lines, purchase_orders), on=_KEYS, how="left")
        .with_columns(
            pl.col(*_COUNTED).fill_null(0),
            pl.col(*_SUMMED, "sent_units", "received_units").fill_null(0.0),
        )
        .with_columns(
            lost_units=pl.when(pl.col("protection_demand").is_not_null()).then("lost_units")
        )
    )
    needed = pl.col("sold_units") + pl.col("lost_units")
    return found.with_columns(
        demand_met=pl.when(needed > 0).then(pl.col("sold_units") / needed),
        within_reorder_point=pl.col("actual_protection_demand") + pl.col("lost_units")
        <= pl.col("reorder_point"),
        order_outcome=_order_outcome(),
    ).drop("review_days").sort("date", *_KEYS)  # fmt: skip


_COUNTED = ("known_days", "stockout_days")
_SUMMED = ("actual_lead_time_demand", "actual_protection_demand", "sold_units", "lost_units")


def _demand(lines: pl.DataFrame, clean_demand: pl.DataFrame) -> pl.DataFrame:
    """Sums over the protection period of each line."""
    day, end = pl.col("day"), pl.col("plan_date") + pl.duration(days="lead_time_days")
    sold = pl.col("net_units").cast(pl.Float64).clip(lower_bound=0.0)
    demand = pl.col("demand_units").cast(pl.Float64)
    unknown = demand.is_null()
    daily = pl.col("protection_demand") / pl.col("protection_days")
    actual = pl.coalesce(demand, sold)
    rows = (
        lines.select(*_KEYS, "date", "lead_time_days", "protection_days", "protection_demand")
        .with_columns(day=pl.date_ranges(pl.col("plan_date").dt.offset_by("1d"), "date"))
        .drop("date")
        .explode("day", empty_as_null=False)
        .join(
            clean_demand.select(
                pl.col("date").alias("day"), *_SERIES, "net_units", "demand_units", "is_stockout"
            ),
            on=[*_SERIES, "day"],
            how="inner",
        )
        # Floating-point sums depend on their order, and fingerprints on the last bit.
        .sort(*_KEYS, "day")
    )
    return rows.group_by(_KEYS, maintain_order=True).agg(
        actual.filter(day <= end).sum().alias("actual_lead_time_demand"),
        actual.sum().alias("actual_protection_demand"),
        unknown.not_().sum().cast(pl.Int64).alias("known_days"),
        pl.col("is_stockout").sum().cast(pl.Int64).alias("stockout_days"),
        sold.sum().alias("sold_units"),
        (daily - sold).clip(lower_bound=0.0).filter(unknown).sum().alias("lost_units"),
    )


def _orders(lines: pl.DataFrame, purchase_orders: pl.DataFrame) -> pl.DataFrame:
    """Units sent before the plan's next review, and those of them that arrived in time."""
    until = pl.col("plan_date") + pl.duration(days="review_days")
    sent = (
        lines.select(*_KEYS, "review_days", last_day="date")
        .join(
            purchase_orders.select(*_SERIES, "order_id", "quantity", "received_date", sent="date"),
            on=_SERIES,
            how="inner",
        )
        .filter(pl.col("sent") > pl.col("plan_date"), pl.col("sent") <= until)
        .sort(*_KEYS, "sent", "order_id", "quantity")
    )
    arrived = pl.col("received_date") <= pl.col("last_day")
    return sent.group_by(_KEYS, maintain_order=True).agg(
        pl.col("quantity").sum().alias("sent_units"),
        pl.col("quantity").filter(arrived).sum().alias("received_units"),
    )


def _order_outcome() -> pl.Expr:
    proposed, sent = pl.col("order_quantity").fill_null(0.0), pl.col("sent_units")
    return (
        pl.when((proposed == 0) & (sent == 0))
        .then(pl.lit("none proposed"))
        .when(proposed == 0)
        .then(pl.lit("unproposed"))
        .when(sent == 0)
        .then(pl.lit("not sent"))
        .when(sent == proposed)
        .then(pl.lit("as proposed"))
        .otherwise(pl.lit("changed"))
    )


@dataclass(frozen=True)
class ServiceGap:
    """How often demand stayed within the reorder point, and how often it was meant to.

    Attributes:
        lines: Lines of which both are known.
        reached: Share of them within.
        aimed: Mean cycle service level of them.
    """

    lines: int
    reached: float
    aimed: float

    @property
    def is_short(self) -> bool:
        """More than 5 points below what was aimed at, over at least 100 lines."""
        return self.lines >= _LINES_TO_JUDGE and self.reached < self.aimed - _SHORT_BY


def service_gap(outcomes: pl.DataFrame) -> ServiceGap:
    """Compare type-1 service with what was aimed at.

    Args:
        outcomes: Rows of `PLAN_OUTCOME`.

    Returns:
        The gap; shares are 0 without lines.
    """
    known = outcomes.filter(pl.col("within_reorder_point").is_not_null())
    if known.is_empty():
        return ServiceGap(0, 0.0, 0.0)
    reached, aimed = known.select(
        pl.col("within_reorder_point").mean(), pl.col("service_level").mean()
    ).row(0)
    return ServiceGap(known.height, reached, aimed)
