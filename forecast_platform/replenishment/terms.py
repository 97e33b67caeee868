"""The terms under which each item-location is bought, and where each set of terms comes from."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from forecast_platform.errors import ContractError
from forecast_platform.replenishment.parameters import PlanParameters

_SETTINGS_TERMS = (
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


def terms(
    series: pl.DataFrame,
    products: pl.DataFrame,
    suppliers: pl.DataFrame,
    parameters: PlanParameters,
) -> pl.DataFrame:
    """Terms of every item-location: supplier's for the item, else supplier's, else settings.

    Args:
        series: Columns `item_id`, `location_id`; one row per item-location.
        products: Columns `item_id`, `supplier_id`.
        suppliers: Landed supplier terms; a row without `item_id` holds for all of its items.
        parameters: Terms where a supplier names none.

    Returns:
        One row per row of `series`, sorted by item and location: `supplier_id`,
        `parameter_source`, `lead_time_days` (whole days, rounded up), `lead_time_std_days`,
        `review_days`, `protection_days` (= lead time + review), `min_order_quantity`,
        `pack_size`, `order_cost` and `terms_invalid`.

    Raises:
        ContractError: If products or suppliers hold a key twice.
    """
    one_per_key(products, ["item_id"], "products")
    one_per_key(suppliers, ["supplier_id", "item_id"], "suppliers")
    sensible = suppliers.select(
        "supplier_id",
        "item_id",
        *(_sensible(name).alias(name) for name in _SETTINGS_TERMS),
        wrong=pl.any_horizontal(
            pl.col(name).is_not_null() & _sensible(name).is_null() for name in _SETTINGS_TERMS
        ),
    )
    of_item = sensible.filter(pl.col("item_id").is_not_null())
    of_all = sensible.filter(pl.col("item_id").is_null()).drop("item_id")
    joined = (
        series.select("item_id", "location_id")
        .join(_supplier_of(products, suppliers), on="item_id", how="left")
        .join(of_item, on=["supplier_id", "item_id"], how="left")
        .join(of_all, on="supplier_id", how="left", suffix="_all")
    )
    source = (
        pl.when(pl.col("lead_time_days").is_not_null())
        .then(pl.lit("supplier_item"))
        .when(pl.col("lead_time_days_all").is_not_null())
        .then(pl.lit("supplier"))
        .otherwise(pl.lit("settings"))
    )
    chosen = [
        pl.coalesce(name, f"{name}_all", pl.lit(float(getattr(parameters, name)))).alias(name)
        for name in _SETTINGS_TERMS
    ]
    whole_days = pl.col("lead_time_days", "review_days").ceil().cast(pl.Int64)
    return (
        joined.select(
            "item_id",
            "location_id",
            "supplier_id",
            source.alias("parameter_source"),
            *chosen,
            (pl.col("wrong").fill_null(False) | pl.col("wrong_all").fill_null(False)).alias(
                "terms_invalid"
            ),
        )
        .with_columns(whole_days)
        .with_columns(protection_days=pl.col("lead_time_days") + pl.col("review_days"))
        .sort("item_id", "location_id")
    )
