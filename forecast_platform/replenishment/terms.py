"""The terms under which each item-location is bought, and where each set of terms comes from."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from forecast_platform.errors import ContractError
from forecast_platform.replenishment.lead_times import MIN_DELIVERIES
from forecast_platform.replenishment.order_days import longest_gap, read_weekdays
from forecast_platform.replenishment.parameters import PlanParameters

TERMS = (
    "lead_time_days",
    "lead_time_std_days",
    "review_days",
    "min_order_quantity",
    "pack_size",
    "order_cost",
)
_SMALLEST = {
    "lead_time_days": 0.0,
    "lead_time_std_days": 0.0,
    "review_days": 1.0,
    "min_order_quantity": 0.0,
    "pack_size": 0.0,
    "order_cost": 0.0,
}


def one_per_key(frame: pl.DataFrame, key: Sequence[str], table: str) -> pl.DataFrame:
    """Return `frame`, whose key must be unique.

    Raises:
        ContractError: If a key occurs twice, which would double plan lines; names the first.
    """
    doubled = frame.filter(pl.struct(key).is_duplicated())
    if doubled.height:
        first = doubled.select(key).sort(key).row(0)
        raise ContractError(
            f"{table} must have one row per {', '.join(key)}; {first} has several: "
            "keep the one that holds."
        )
    return frame


def _sensible(name: str) -> pl.Expr:
    value = pl.col(name).cast(pl.Float64)
    smallest = _SMALLEST[name]
    fits = value > smallest if name == "pack_size" else value >= smallest
    return pl.when(fits & value.is_finite()).then(value)


def _supplier_of(products: pl.DataFrame, suppliers: pl.DataFrame) -> pl.DataFrame:
    """Supplier per item: the product's own, else the first that names the item in its terms."""
    named = (
        suppliers.filter(pl.col("item_id").is_not_null())
        .group_by("item_id")
        .agg(pl.col("supplier_id").min().alias("named"))
    )
    return (
        products.select("item_id", "supplier_id")
        .join(named, on="item_id", how="full", coalesce=True)
        .select("item_id", pl.coalesce("supplier_id", "named").alias("supplier_id"))
    )


def _order_weekdays(suppliers: pl.DataFrame) -> pl.DataFrame:
    """Weekdays on which each supplier takes orders; empty, and wrong, where they say nothing."""
    stated = suppliers.filter(
        pl.col("item_id").is_null() & (pl.col("order_weekdays").str.strip_chars() != "")
    ).select("supplier_id", "order_weekdays")
    read = [read_weekdays(text) for text in stated["order_weekdays"]]
    gaps = [longest_gap(days) if days else None for days in read]
    return stated.select(
        "supplier_id",
        order_weekdays=pl.Series(read, dtype=pl.String),
        longest_gap=pl.Series(gaps, dtype=pl.Float64),
        wrong_weekdays=pl.Series([days is None for days in read], dtype=pl.Boolean),
    )


def _source(name: str) -> pl.Expr:
    """Who states a term: the supplier for the item, for all of its items, or nobody."""
    return (
        pl.when(pl.col(name).is_not_null())
        .then(pl.lit("supplier_item"))
        .when(pl.col(f"{name}_all").is_not_null())
        .then(pl.lit("supplier"))
        .otherwise(pl.lit("settings"))
    )


def terms(
    series: pl.DataFrame,
    products: pl.DataFrame,
    suppliers: pl.DataFrame,
    parameters: PlanParameters,
    lead_times: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Terms of every item-location: supplier's for the item, else supplier's, else settings.

    Lead times come from deliveries before all of those where there are enough.

    Args:
        series: Columns `item_id`, `location_id`; one row per item-location.
        products: Columns `item_id`, `supplier_id`.
        suppliers: Landed supplier terms; a row without `item_id` holds for all of its items.
        parameters: Terms where a supplier names none.
        lead_times: Rows of `lead_times` of one day, if deliveries are to count.

    Returns:
        One row per row of `series`, sorted by item and location: `supplier_id`,
        `parameter_source`, `lead_time_days` (whole days: stated ones rounded up, means of
        deliveries to the nearest), `lead_time_mean_days`, `lead_time_std_days`, `review_days`,
        `protection_days` (= lead time + review), `min_order_quantity`, `pack_size`,
        `order_cost`, the source of each as `<term>_from`, `own_lead_time` (the supplier states
        another for the item than for all), `order_weekdays` (of the supplier's row for all items;
        the review period is then the longest between two of them) and `terms_invalid`.

    Raises:
        ContractError: If products or suppliers hold a key twice.
    """
    one_per_key(products, ["item_id"], "products")
    one_per_key(suppliers, ["supplier_id", "item_id"], "suppliers")
    sensible = suppliers.select(
        "supplier_id",
        "item_id",
        *(_sensible(name).alias(name) for name in TERMS),
        wrong=pl.any_horizontal(
            pl.col(name).is_not_null() & _sensible(name).is_null() for name in TERMS
        ),
    )
    of_item = sensible.filter(pl.col("item_id").is_not_null())
    weekdays = _order_weekdays(suppliers)
    of_all = sensible.filter(pl.col("item_id").is_null()).drop("item_id")
    joined = (
        series.select("item_id", "location_id")
        .join(_supplier_of(products, suppliers), on="item_id", how="left")
        .join(of_item, on=["supplier_id", "item_id"], how="left")
        .join(of_all, on="supplier_id", how="left", suffix="_all")
        .join(weekdays, on="supplier_id", how="left")
        .with_columns(review_days_all=pl.coalesce("longest_gap", "review_days_all"))
        .with_columns(review_days=pl.when(pl.col("longest_gap").is_null()).then("review_days"))
    )
    chosen = [
        pl.coalesce(name, f"{name}_all", pl.lit(float(getattr(parameters, name)))).alias(name)
        for name in TERMS
    ]
    sources = [_source(name).alias(f"{name}_from") for name in TERMS]
    stated = (
        joined.select(
            "item_id",
            "location_id",
            "supplier_id",
            _source("lead_time_days").alias("parameter_source"),
            *chosen,
            *sources,
            own_lead_time=pl.col("lead_time_days").is_not_null()
            & pl.col("lead_time_days").ne_missing(pl.col("lead_time_days_all")),
            order_weekdays="order_weekdays",
            terms_invalid=pl.any_horizontal(
                pl.col(wrong).fill_null(False) for wrong in ("wrong", "wrong_all", "wrong_weekdays")
            ),
        )
        .with_columns(
            pl.col("lead_time_days", "review_days").ceil().cast(pl.Int64),
            lead_time_mean_days=pl.lit(None, dtype=pl.Float64),
        )
        .with_columns(protection_days=pl.col("lead_time_days") + pl.col("review_days"))
        .sort("item_id", "location_id")
    )
    return stated if lead_times is None else with_lead_times(stated, lead_times.drop("date"))


def with_lead_times(lines: pl.DataFrame, lead_times: pl.DataFrame) -> pl.DataFrame:
    """Replace stated lead times by those of deliveries where there are enough.

    Deliveries of the item come first, then those of the supplier, unless the supplier states
    another lead time for the item than for all.

    Args:
        lines: Rows of `terms`, perhaps with a `date`.
        lead_times: Rows of `lead_times`, with a `date` if the lines have one.

    Returns:
        The lines in their order; `lead_time_mean_days` is the mean of deliveries, else empty.
    """
    day = ["date"] if "date" in lines.columns else []
    enough = lead_times.filter(pl.col("deliveries") >= MIN_DELIVERIES).select(
        *day, "supplier_id", "item_id", mean="mean_days", std="std_days"
    )
    of_item = enough.filter(pl.col("item_id").is_not_null())
    of_all = enough.filter(pl.col("item_id").is_null()).drop("item_id")
    of_all = of_all.with_columns(own_lead_time=pl.lit(False))
    found = lines.join(
        of_item, on=[*day, "supplier_id", "item_id"], how="left", maintain_order="left"
    ).join(
        of_all,
        on=[*day, "supplier_id", "own_lead_time"],
        how="left",
        maintain_order="left",
        suffix="_all",
    )
    mean = pl.coalesce("mean", "mean_all")
    source = (
        pl.when(pl.col("mean").is_not_null())
        .then(pl.lit("history_item"))
        .when(pl.col("mean_all").is_not_null())
        .then(pl.lit("history_supplier"))
    )
    return (
        found.with_columns(
            pl.coalesce((mean + 0.5).floor().cast(pl.Int64), "lead_time_days").alias(
                "lead_time_days"
            ),
            pl.coalesce("std", "std_all", "lead_time_std_days").alias("lead_time_std_days"),
            *(pl.coalesce(source, f"{name}_from").alias(f"{name}_from")
              for name in ("lead_time_days", "lead_time_std_days")),
            lead_time_mean_days=mean,
        )
        .with_columns(protection_days=pl.col("lead_time_days") + pl.col("review_days"))
        .drop("mean", "std", "mean_all", "std_all")
    )  # fmt: skip
