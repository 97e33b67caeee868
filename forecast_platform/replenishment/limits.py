"""Limits that the lines of a day share: budget, volume, suppliers' minimum order values.

Without any, a plan stays as the policy made it, and nothing heavy is loaded.
"""

from __future__ import annotations

import polars as pl

from forecast_platform.replenishment.cover import DailyForecast
from forecast_platform.replenishment.lines import PlanTables
from forecast_platform.replenishment.parameters import PlanParameters
from forecast_platform.replenishment.steps import with_order
from forecast_platform.replenishment.terms import one_per_key

LIMIT_FLAGS = (
    "cut_to_budget", "cut_to_volume", "raised_to_supplier", "postponed_to_supplier",
    "volume_unknown",
)  # fmt: skip
_FIGURES = ("unlimited_quantity", "order_volume", "plan_gap", "budget_price")


def with_limits(
    lines: pl.DataFrame, tables: PlanTables, forecast: DailyForecast, parameters: PlanParameters
) -> pl.DataFrame:
    """Change the orders of each day to those that are worth most within its limits.

    Args:
        lines: Lines with the policy's decision, sorted by date.
        tables: Products with their volume, suppliers with their minimum order value.
        forecast: Daily forecast of the lines.
        parameters: Budget and volume of a day, cost rates.

    Returns:
        The lines with `supplier_minimum`, `unlimited_quantity`, `order_volume`, `plan_gap`,
        `budget_price` (empty without limits) and the flags of `LIMIT_FLAGS`.

    Raises:
        ContractError: If products or suppliers hold a key twice.
    """
    lines = _with_terms(lines, tables)
    if not (parameters.has_limits or lines["supplier_minimum"].is_not_null().any()):
        empty = [pl.lit(None, pl.Float64).alias(name) for name in _FIGURES]
        return lines.with_columns(*empty, *(pl.lit(False).alias(name) for name in LIMIT_FLAGS))
    from forecast_platform.replenishment.allocation import allocated

    days = lines.partition_by("date", maintain_order=True)
    decided = pl.concat([allocated(day, parameters) for day in days])
    quantity = decided["allocated_quantity"].to_numpy()
    changed = with_order(lines, quantity, forecast, parameters)
    return changed.with_columns(decided.select(*_FIGURES, *LIMIT_FLAGS))


def _with_terms(lines: pl.DataFrame, tables: PlanTables) -> pl.DataFrame:
    """Add the supplier's minimum order value, empty where there is none, and the unit's volume."""
    minimum = tables.suppliers.filter(
        pl.col("item_id").is_null() & (pl.col("min_order_value") > 0)
    ).select("supplier_id", pl.col("min_order_value").cast(pl.Float64).alias("supplier_minimum"))
    volume = tables.products.select("item_id", pl.col("volume").cast(pl.Float64))
    return lines.join(
        one_per_key(minimum, ["supplier_id"], "suppliers"),
        on="supplier_id", how="left", maintain_order="left",
    ).join(
        one_per_key(volume, ["item_id"], "products"),
        on="item_id", how="left", maintain_order="left",
    )  # fmt: skip
