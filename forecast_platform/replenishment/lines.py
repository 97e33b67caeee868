"""Which lines a plan has, and what forecast, terms and product data each rests on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from forecast_platform.contracts import QUANTILES, quantile_name
from forecast_platform.replenishment.history import LOOK_BACK_DAYS
from forecast_platform.replenishment.order_days import with_order_days
from forecast_platform.replenishment.parameters import PlanParameters
from forecast_platform.replenishment.terms import TERMS, one_per_key, terms, with_lead_times

QUANTILE_COLUMNS = tuple(quantile_name(level) for level in QUANTILES)
_DEMAND_COLUMNS = ("lead_time_mean", "mean", "std", *QUANTILE_COLUMNS)
_KEYS = ["date", "item_id", "location_id"]


@dataclass(frozen=True)
class PlanTables:
    """The tables a plan is made from, as their contracts have them; and `weekly_demand`."""

    forecasts: pl.DataFrame
    lead_time_demand: pl.DataFrame
    clean_demand: pl.DataFrame
    inventory: pl.DataFrame
    purchase_orders: pl.DataFrame
    products: pl.DataFrame
    suppliers: pl.DataFrame
    lead_times: pl.DataFrame
    weekly: pl.DataFrame
    policy_choice: pl.DataFrame | None = None

    def of(self, days: Sequence[dt.date]) -> PlanTables:
        """The rows that plans of `days` (rising) rest on."""
        first = days[0] - dt.timedelta(days=LOOK_BACK_DAYS - 1)
        origins = pl.col("origin").is_in(days)
        return replace(
            self,
            forecasts=self.forecasts.filter(origins),
            lead_time_demand=self.lead_time_demand.filter(origins),
            clean_demand=self.clean_demand.filter(pl.col("date").is_between(first, days[-1])),
            lead_times=self.lead_times.filter(pl.col("date").is_in(days)),
        )


def plan_lines(
    days: Sequence[dt.date], tables: PlanTables, parameters: PlanParameters
) -> pl.DataFrame:
    """One line per day and item-location that is on offer or forecast that day.

    Args:
        days: Run dates.
        tables: Rows of those days.
        parameters: Terms where none are known.

    Returns:
        Sorted by date, item and location, with the columns of `lead_time_demand` (lead time and
        review of `terms` where it has none), the forecast's lineage, `terms` with lead times of
        deliveries (their spread about the lead time in force), `next_order_date`,
        `usual_review_days`, `landed_cost`, `has_demand` (a lead-time demand row exists),
        `demand_valid` (its numbers make sense), `terms_changed`, `lead_time_source` and
        `parameters_from`.

    Raises:
        ContractError: If a key occurs twice in forecasts, lead-time demand, products or suppliers.
    """
    demand = _lead_time_demand(tables.lead_time_demand)
    lineage = _lineage(tables.forecasts)
    on_offer = tables.clean_demand.filter(pl.col("date").is_in(days)).select(_KEYS)
    keys = pl.concat([demand.select(_KEYS), lineage.select(_KEYS), on_offer]).unique()
    series = keys.select("item_id", "location_id").unique()
    product = tables.products.select(
        "item_id", pl.col("unit_cost").cast(pl.Float64).alias("landed_cost")
    )
    known = pl.col("issued_lead").is_not_null() & pl.col("issued_protection").is_not_null()
    usable = known & (pl.col("issued_lead") >= 0) & (
        pl.col("issued_protection") > pl.col("issued_lead")
    )  # fmt: skip
    changed = usable & (
        (pl.col("issued_lead") != pl.col("lead_time_days"))
        | (pl.col("issued_protection") != pl.col("protection_days"))
    )
    issued_or_terms = [
        pl.when(usable).then(pl.col(issued)).otherwise(pl.col(own)).alias(own)
        for issued, own in (
            ("issued_lead", "lead_time_days"),
            ("issued_protection", "protection_days"),
        )
    ]
    stated = terms(series, tables.products, tables.suppliers, parameters)
    own = with_lead_times(keys.join(stated, on=["item_id", "location_id"]), tables.lead_times)
    own = own.with_columns(usual_review_days="review_days")
    return (
        with_order_days(own, parameters.country)
        .join(demand, on=_KEYS, how="left")
        .join(lineage, on=_KEYS, how="left")
        .join(product, on="item_id", how="left")
        .with_columns(
            *issued_or_terms,
            terms_changed=changed.fill_null(False),
            has_demand=pl.col("has_demand").fill_null(False),
            demand_valid=pl.col("demand_valid").fill_null(False) & usable.fill_null(False),
        )
        .with_columns(review_days=pl.col("protection_days") - pl.col("lead_time_days"))
        .with_columns(
            usual_review_days=pl.when(pl.col("order_weekdays").is_null())
            .then("review_days")
            .otherwise("usual_review_days"),
            lead_time_std_days=_spread_about_lead_time(),
            lead_time_source=pl.col("lead_time_days_from"),
            parameters_from=pl.concat_str(
                *(pl.lit(f"{name}=") + pl.col(f"{name}_from") for name in TERMS), separator=","
            ),
        )
        .sort(_KEYS)
    )


def _spread_about_lead_time() -> pl.Expr:
    """Root mean square of the deviation from the whole days that are planned with."""
    std = pl.col("lead_time_std_days")
    off = pl.col("lead_time_mean_days") - pl.col("lead_time_days")
    return (std.pow(2) + off.fill_null(0.0).pow(2)).sqrt()


def _lead_time_demand(frame: pl.DataFrame) -> pl.DataFrame:
    numbers = [pl.col(name).cast(pl.Float64) for name in _DEMAND_COLUMNS]
    sensible = [pl.col(name).is_finite() & (pl.col(name) >= 0) for name in _DEMAND_COLUMNS]
    return one_per_key(frame, ["origin", "item_id", "location_id"], "lead_time_demand").select(
        pl.col("origin").alias("date"),
        "item_id",
        "location_id",
        pl.col("lead_time_days").cast(pl.Int64).alias("issued_lead"),
        pl.col("protection_days").cast(pl.Int64).alias("issued_protection"),
        *numbers,
        has_demand=pl.lit(True),
        demand_valid=pl.all_horizontal(s.fill_null(False) for s in sensible),
    )


def _lineage(forecasts: pl.DataFrame) -> pl.DataFrame:
    first = forecasts.filter(pl.col("horizon") == 1)
    return one_per_key(first, ["origin", "item_id", "location_id"], "forecasts").select(
        pl.col("origin").alias("date"),
        "item_id",
        "location_id",
        "origin",
        "model",
        "model_version",
        "training_cutoff",
        "fallback_reason",
    )
