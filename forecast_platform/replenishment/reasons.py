"""The reason codes of every plan line."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from forecast_platform.contracts.reasons import EXCEPTIONS
from forecast_platform.contracts.reasons import ReasonCode as Code

_SUDDEN_SCORE = 4.0
"""Standard deviations above the expected, from which on recent demand is sudden."""
_RECENT_DAYS_KNOWN = 4
_DEAD_DAYS = 60
"""Days of known demand, all without any, from which on stock is dead."""


def with_reasons(lines: pl.DataFrame) -> pl.DataFrame:
    """Add reason codes, and which of them are exceptions.

    Returns:
        The lines with `reason_codes` (the decision's code first, then what was adjusted, assumed
        or lacking), `exceptions` and `exception_rank`.
    """
    decided = pl.col("order_quantity").is_not_null()
    orders = pl.col("order_quantity") > 0
    waits = pl.col("waits_for_order_day")
    moved_in = (pl.col("transfer_in") > 0).fill_null(False)
    due = (pl.coalesce("unlimited_quantity", "order_quantity") > 0) | waits | moved_in
    demand = pl.col("protection_demand") > 0
    counted = ~pl.col("simulated")
    when: dict[Code, pl.Expr] = {
        Code.NO_FORECAST: pl.col("no_forecast"),
        Code.INVALID_FORECAST: pl.col("invalid_forecast"),
        Code.BELOW_REORDER_POINT: decided & due,
        Code.ABOVE_REORDER_POINT: decided & ~due & ~orders & demand,
        Code.NO_DEMAND: decided & ~due & ~orders & ~demand,
        Code.TRANSFER_IN: moved_in,
        Code.TRANSFER_OUT: (pl.col("transfer_out") > 0).fill_null(False),
        Code.WAITS_FOR_ORDER_DAY: waits,
        Code.CUT_TO_BUDGET: pl.col("cut_to_budget"),
        Code.CUT_TO_VOLUME: pl.col("cut_to_volume"),
        Code.RAISED_TO_SUPPLIER_MINIMUM: pl.col("raised_to_supplier"),
        Code.POSTPONED_TO_SUPPLIER_MINIMUM: pl.col("postponed_to_supplier"),
        Code.RAISED_TO_MOQ: pl.col("raised_to_minimum"),
        Code.ROUNDED_TO_PACKS: pl.col("rounded"),
        Code.ROUNDED_TO_LOTS: orders
        & pl.col("lot_size").is_not_null()
        & (pl.col("order_quantity") < pl.col("raw_quantity")),
        Code.CUT_TO_CAP: orders & (pl.col("raw_quantity") == pl.col("order_cap")),
        Code.EOQ_CAPPED: orders
        & (pl.col("cycle_stock") > 0)
        & (pl.col("cycle_stock") < pl.col("eoq"))
        & pl.col("season_end").is_null(),
        Code.SEASON_BUILD_UP: pl.col("build_up"),
        Code.SEASON_RUN_DOWN: pl.col("run_down"),
        Code.EXCEEDS_MAX_COVER: pl.col("too_much"),
        Code.STOCKOUT_BEFORE_RECEIPT: pl.col("runs_out_first"),
        Code.STOCK_SIMULATED: pl.col("simulated"),
        Code.STOCK_MISSING: pl.col("simulated") & pl.col("counts_exist"),
        Code.STOCK_STALE: counted & (pl.col("stock_date") < pl.col("date")),
        Code.NEGATIVE_STOCK: pl.col("negative_stock"),
        Code.SUDDEN_DEMAND: _sudden_demand(),
        Code.DEAD_STOCK: _dead_stock(),
        Code.LATE_DELIVERY: (pl.col("late_units") > 0) | (pl.col("overdue_units") > 0),
        Code.DELIVERY_OVERDUE: pl.col("overdue_units") > 0,
        Code.ARRIVES_TOO_LATE: pl.col("beyond_units") > 0,
        Code.NO_SUPPLIER: pl.col("supplier_id").is_null(),
        Code.TERMS_FROM_SETTINGS: pl.col("parameter_source") == "settings",
        Code.TERMS_INVALID: pl.col("terms_invalid"),
        Code.TERMS_CHANGED: pl.col("terms_changed"),
        Code.VOLUME_UNKNOWN: pl.col("volume_unknown"),
        Code.COST_ESTIMATED: pl.col("cost_estimated"),
        Code.COST_UNKNOWN: pl.col("unit_cost").is_null(),
        Code.PRICE_UNKNOWN: pl.col("price").is_null(),
        Code.FALLBACK_MODEL: pl.col("fallback_reason").is_not_null(),
        Code.NO_HISTORY: pl.col("known_days") == 0,
    }
    rank = pl.coalesce(pl.when(when[code]).then(n + 1) for n, code in enumerate(EXCEPTIONS))
    exceptions = _joined({code: when[code] for code in EXCEPTIONS})
    return lines.with_columns(
        reason_codes=_joined(when),
        exceptions=pl.when(rank.is_not_null()).then(exceptions),
        exception_rank=rank.cast(pl.Int64),
    )


def _joined(when: Mapping[Code, pl.Expr]) -> pl.Expr:
    codes = [pl.when(condition).then(pl.lit(code.value)) for code, condition in when.items()]
    return pl.concat_str(codes, separator=",", ignore_nulls=True)


def _sudden_demand() -> pl.Expr:
    """Recent demand far above the forecast of as many days, whose variances add up."""
    days = pl.col("recent_days")
    expected = pl.col("protection_demand") / pl.col("protection_days") * days
    spread = pl.col("protection_std") * (days / pl.col("protection_days")).sqrt()
    far = pl.col("recent_demand") > expected + _SUDDEN_SCORE * spread
    return (days >= _RECENT_DAYS_KNOWN) & far


def _dead_stock() -> pl.Expr:
    quiet = (pl.col("known_days") >= _DEAD_DAYS) & (pl.col("past_mean") == 0)
    return quiet & ~pl.col("simulated") & (pl.col("on_hand") > 0)
