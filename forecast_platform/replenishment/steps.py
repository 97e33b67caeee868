"""The steps from a bare line to a decision. Each adds columns to the frame of lines.

Columns that are not in the plan's contract (flags and intermediate figures) are read by later
steps and by the reason codes.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from forecast_platform.contracts import QUANTILES
from forecast_platform.replenishment import policy
from forecast_platform.replenishment.choice.rules import Basis, levels_of
from forecast_platform.replenishment.classes import abc_classes, xyz_classes
from forecast_platform.replenishment.cover import DailyForecast, days_of_cover, stockout_in
from forecast_platform.replenishment.economics import unit_costs, unit_margins
from forecast_platform.replenishment.history import History, Trailing
from forecast_platform.replenishment.lines import QUANTILE_COLUMNS, PlanTables
from forecast_platform.replenishment.parameters import PlanParameters
from forecast_platform.replenishment.position import open_orders, stock_counts
from forecast_platform.replenishment.replay import Replayed, ReplayPolicy, replay
from forecast_platform.replenishment.transfer import REVIEWED

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_DAYS_PER_YEAR = 365.0


def _numbers(lines: pl.DataFrame, name: str) -> FloatArray:
    return lines[name].cast(pl.Float64).to_numpy()


def with_economics(lines: pl.DataFrame, past: Trailing, parameters: PlanParameters) -> pl.DataFrame:
    """Add trailing demand, price, cost, annual value, classes and the service level aimed at."""
    cost, estimated = unit_costs(_numbers(lines, "landed_cost"), past.price, parameters.cost_share)
    lines = lines.with_columns(
        pl.Series("known_days", past.known_days),
        pl.Series("past_mean", past.mean),
        pl.Series("past_std", past.std),
        pl.Series("recent_days", past.recent_days),
        pl.Series("recent_demand", past.recent),
        pl.Series("price", past.price).fill_nan(None),
        pl.Series("unit_cost", cost).fill_nan(None),
        pl.Series("cost_estimated", estimated),
        pl.Series("annual_value", past.mean * _DAYS_PER_YEAR * cost).fill_nan(None),
    )
    levels = {name: parameters.service_level_of(name) for name in ("A", "B", "C")}
    return lines.with_columns(
        abc_classes(lines, parameters.abc_cuts).alias("abc_class"),
        xyz_classes(lines["past_mean"], lines["past_std"], parameters.xyz_cuts),
    ).with_columns(
        service_level=pl.col("abc_class").replace_strict(levels, return_dtype=pl.Float64)
    )


def with_demand(lines: pl.DataFrame, forecast: DailyForecast) -> pl.DataFrame:
    """Tell lines without a forecast, and with one that makes no sense; empty their demand."""
    lines = lines.with_columns(
        no_forecast=~(pl.col("has_demand") & pl.Series(forecast.days > 0)),
    ).with_columns(
        invalid_forecast=~pl.col("no_forecast")
        & ~(pl.col("demand_valid") & pl.Series(forecast.valid)),
    )
    usable = ~(pl.col("no_forecast") | pl.col("invalid_forecast"))
    renamed = {
        "lead_time_mean": "lead_time_demand",
        "mean": "protection_demand",
        "std": "protection_std",
        **{name: name for name in QUANTILE_COLUMNS},
    }
    return lines.with_columns(
        pl.when(usable).then(pl.col(old)).alias(new) for old, new in renamed.items()
    )


def _basis(
    lines: pl.DataFrame,
    mean: FloatArray,
    std: FloatArray,
    quantiles: FloatArray,
    parameters: PlanParameters,
) -> Basis:
    """What levels rest on: (N,) mean and spread, (N, Q) quantiles of demand over the protection."""
    cost = _numbers(lines, "unit_cost")
    return Basis(
        mean=mean,
        std=std,
        quantiles=quantiles,
        protection=_numbers(lines, "protection_days"),
        review=_numbers(lines, "review_days"),
        lead_time_std=_numbers(lines, "lead_time_std_days"),
        service_level=_numbers(lines, "service_level"),
        order_cost=_numbers(lines, "order_cost"),
        holding=parameters.holding_rate * cost,
        margin=unit_margins(_numbers(lines, "price"), cost, parameters.cost_share),
        minimum=_numbers(lines, "min_order_quantity"),
        pack=_numbers(lines, "pack_size"),
        max_cover=np.full(lines.height, parameters.max_cover_days),
    )


def _replayed(lines: pl.DataFrame, look_back: History, parameters: PlanParameters) -> Replayed:
    """The lines' policies on past mean and spread, replayed (normal demand)."""
    lines = lines.with_columns(
        review_days="usual_review_days",
        protection_days=pl.col("lead_time_days") + pl.col("usual_review_days"),
    )
    mean, protection = _numbers(lines, "past_mean"), _numbers(lines, "protection_days")
    std = _numbers(lines, "past_std") * np.sqrt(protection)
    quantiles = (mean * protection)[:, None] + std[:, None] * policy.normal_scores(QUANTILES)
    basis = _basis(lines, mean * protection, std, quantiles, parameters)
    levels = levels_of(lines["policy"].to_numpy(), basis)
    return replay(
        look_back,
        ReplayPolicy(
            opening=policy.whole_packs(levels.order_up_to, np.zeros_like(basis.pack), basis.pack),
            mean=mean,
            reorder_point=levels.reorder_point,
            order_up_to=levels.order_up_to,
            minimum=basis.minimum,
            pack=basis.pack,
            lot=levels.lot,
            cap=levels.cap,
            lead_time=lines["lead_time_days"].to_numpy(),
            review=lines["review_days"].to_numpy(),
        ),
    )


def with_position(
    lines: pl.DataFrame,
    tables: PlanTables,
    look_back: History,
    forecast: DailyForecast,
    parameters: PlanParameters,
) -> pl.DataFrame:
    """Add the inventory position and how long it lasts.

    A line without a recent stock count is simulated as a whole: its purchase orders do not count,
    for the replay has its own.
    """
    counted = stock_counts(lines, tables.inventory)
    orders = open_orders(lines, tables.purchase_orders, forecast.horizon)
    simulated = counted["on_hand"].is_null().to_numpy()
    on_hand = np.maximum(_numbers(counted, "on_hand"), 0.0)
    reserved = _numbers(counted, "reserved").copy()
    figures = {
        "on_order": orders.on_order,
        "late_units": orders.late,
        "overdue_units": orders.overdue,
        "beyond_units": orders.beyond,
    }
    figures = {name: np.where(simulated, 0.0, units) for name, units in figures.items()}
    receipts = orders.receipts
    if simulated.any():
        end = _replayed(lines.filter(pl.Series(simulated)), look_back.select(simulated), parameters)
        on_hand[simulated], reserved[simulated] = end.on_hand, 0.0
        figures["on_order"][simulated] = end.on_order
        receipts[simulated] = 0.0
        span = min(receipts.shape[1], end.receipts.shape[1])
        receipts[simulated, :span] = end.receipts[:, :span]
    available = on_hand - reserved
    position = available + figures["on_order"] + figures["late_units"]
    runs_out = stockout_in(available, figures["on_order"], receipts, forecast)
    return lines.with_columns(
        pl.Series("on_hand", on_hand),
        pl.Series("reserved", reserved),
        *(pl.Series(name, units) for name, units in figures.items()),
        pl.Series("uncounted_units", figures["overdue_units"] + figures["beyond_units"]),
        pl.Series("inventory_position", position),
        pl.Series("simulated", simulated),
        counted["stock_date"],
        (counted["on_hand"] < 0).fill_null(False).alias("negative_stock"),
        pl.Series("days_of_cover", days_of_cover(position, forecast)),
        pl.Series("stockout_in", runs_out).fill_nan(None).cast(pl.Int64),
    ).with_columns(
        position_source=pl.when("simulated").then(pl.lit("simulated")).otherwise(pl.lit("counted")),
        counts_exist=(~pl.col("simulated")).any().over("date"),
    )


def with_policy(lines: pl.DataFrame, parameters: PlanParameters) -> pl.DataFrame:
    """Add safety stock, reorder point, economic order quantity and order-up-to level."""
    mean, std = _numbers(lines, "protection_demand"), _numbers(lines, "protection_std")
    quantiles = lines.select(QUANTILE_COLUMNS).to_numpy()
    levels = levels_of(lines["policy"].to_numpy(), _basis(lines, mean, std, quantiles, parameters))
    figures = {
        "safety_stock": levels.safety_stock,
        "reorder_point": levels.reorder_point,
        "eoq": levels.eoq,
        "cycle_stock": levels.cycle_stock,
        "order_up_to_level": levels.order_up_to,
        "lot_size": levels.lot,
        "order_cap": levels.cap,
        "critical_ratio": levels.critical_ratio,
    }
    return lines.with_columns(
        pl.Series(name, values).fill_nan(None) for name, values in figures.items()
    )


def with_decision(
    lines: pl.DataFrame, forecast: DailyForecast, parameters: PlanParameters
) -> pl.DataFrame:
    """Add the quantity that the policy asks for, and what follows from it.

    Where the supplier takes no order the day after, nothing is ordered.
    """
    raw, quantity = policy.order_of_review(
        *(_numbers(lines, name) for name in ("planned_position", *REVIEWED))
    )
    closed = (lines["next_order_date"] > lines["date"].dt.offset_by("1d")).fill_null(False)
    waits = closed.to_numpy() & (quantity > 0)
    lines = lines.with_columns(
        pl.Series("raw_quantity", raw).fill_nan(None), pl.Series("waits_for_order_day", waits)
    )
    return with_order(lines, np.where(waits, 0.0, quantity), forecast, parameters)


def with_order(
    lines: pl.DataFrame, quantity: FloatArray, forecast: DailyForecast, parameters: PlanParameters
) -> pl.DataFrame:
    """Add an order's dates, cover, value, priority and whether the line is feasible.

    Args:
        lines: N lines with their raw quantity.
        quantity: (N,) units to order; NaN where no quantity can be told.
        forecast: Their daily forecast.
        parameters: The longest cover allowed.
    """
    position, raw = _numbers(lines, "planned_position"), _numbers(lines, "raw_quantity")
    minimum = _numbers(lines, "min_order_quantity")
    cover_bought = days_of_cover(position + quantity, forecast) - _numbers(lines, "days_of_cover")
    shortage = policy.expected_shortage(
        position, QUANTILES, lines.select(QUANTILE_COLUMNS).to_numpy()
    )
    margin = np.maximum(_numbers(lines, "price") - _numbers(lines, "unit_cost"), 0.0)
    value = quantity * _numbers(lines, "unit_cost")
    at_risk = shortage * margin
    longest = parameters.max_cover_days + _numbers(lines, "protection_days")
    too_much = (quantity > np.ceil(raw)) & (cover_bought > longest)
    priority = np.divide(at_risk, value, out=np.zeros_like(value), where=value > 0)
    figures = {
        "order_quantity": quantity,
        "cover_bought_days": cover_bought,
        "order_value": value,
        "margin_at_risk": at_risk,
        "priority_score": np.where(np.isnan(at_risk), np.nan, priority),
    }
    return lines.with_columns(
        *(pl.Series(name, numbers).fill_nan(None) for name, numbers in figures.items()),
        pl.Series("raised_to_minimum", (raw > 0) & (raw < minimum) & (quantity > 0)),
        pl.Series("rounded", (raw > 0) & (quantity > np.maximum(raw, minimum))),
        pl.Series("too_much", too_much),
    ).with_columns(
        *_dates(),
        plan_id=pl.concat_str(
            pl.col("date").dt.to_string("%Y-%m-%d"), "item_id", "location_id", separator="/"
        ),
        status=pl.lit("proposed"),
        feasible=pl.col("order_quantity").is_not_null() & ~pl.col("too_much"),
        days_of_cover=pl.col("days_of_cover").fill_nan(None),
    )


def _dates() -> list[pl.Expr]:
    """Stock-out, order and receipt dates: an order is sent the day after the plan's."""
    tomorrow = pl.col("date").dt.offset_by("1d")
    after = pl.col("date").cast(pl.Int32).cast(pl.Int64)
    orders = pl.col("order_quantity") > 0

    def day(number: pl.Expr) -> pl.Expr:
        return number.cast(pl.Int32).cast(pl.Date)

    runs_out = day(after + pl.col("stockout_in"))
    latest = day(after + pl.col("stockout_in") - pl.col("lead_time_days"))
    return [
        runs_out.alias("stockout_date"),
        pl.when(orders).then(tomorrow).alias("order_date"),
        pl.when(latest.is_not_null())
        .then(pl.max_horizontal(latest, tomorrow, "next_order_date"))
        .alias("latest_order_date"),
        pl.when(orders)
        .then(day(after + 1 + pl.col("lead_time_days")))
        .alias("expected_receipt_date"),
        (pl.col("stockout_in") <= pl.col("lead_time_days"))
        .fill_null(False)
        .alias("runs_out_first"),
    ]
