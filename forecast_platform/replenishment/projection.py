"""Stock of one plan line as it is expected to go, day by day, with and without its order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from forecast_platform.replenishment.position import open_orders


def projected_stock(
    line: Mapping[str, Any],
    forecasts: pl.DataFrame,
    lead_time_demand: pl.DataFrame,
    purchase_orders: pl.DataFrame,
    tail: str = "q90",
) -> pl.DataFrame:
    """Project the stock of a plan line over the days that are forecast.

    The fan takes the shape of the distribution of protection demand: its distance from the mean
    after h days is that after P days times sqrt(h / P), as if days were independent. Demand that
    cannot be met is carried below zero. Open orders without a day of their own (those of simulated
    stock, and late ones) come at the end of the lead time.

    Args:
        line: A row of `REPLENISHMENT_PLAN` with a forecast.
        forecasts: Its rows of `forecasts`.
        lead_time_demand: Its row of `lead_time_demand`.
        purchase_orders: Rows of `validated_purchase_orders` up to its date.
        tail: Quantile of demand at the lower edge; the upper edge has the opposite one.

    Returns:
        `date`, `stock` (expected, without the order), `low`, `high`, and `with_order` (expected,
        with it); units at close of the day.
    """
    rows = forecasts.sort("horizon")
    demand = rows["mean"].cast(pl.Float64).to_numpy()
    days = np.arange(1, len(demand) + 1)
    receipts = _receipts(line, purchase_orders, len(demand))
    opening = max(line["on_hand"], 0.0) - line["reserved"]
    stock = opening + np.cumsum(receipts - demand)
    low, high = (f"q{tail[1:]}", f"q{100 - int(tail[1:]):02d}")
    spread = lead_time_demand.row(0, named=True)
    scale = np.sqrt(days / line["protection_days"])
    arrival = line["expected_receipt_date"]
    ordered = np.zeros(len(demand))
    if line["order_quantity"] and (ahead := (arrival - line["date"]).days) <= len(demand):
        ordered[ahead - 1 :] = line["order_quantity"]
    return pl.DataFrame(
        {
            "date": rows["date"],
            "stock": stock,
            "low": stock - scale * (spread[low] - spread["mean"]),
            "high": stock - scale * (spread[high] - spread["mean"]),
            "with_order": stock + ordered,
        }
    )


def _receipts(line: Mapping[str, Any], purchase_orders: pl.DataFrame, horizon: int) -> Any:
    receipts = np.zeros(horizon)
    if line["position_source"] == "counted":
        keys = ("date", "item_id", "location_id", "protection_days")
        one = pl.DataFrame([{name: line[name] for name in keys}])
        receipts = open_orders(one, purchase_orders, horizon).receipts[0].copy()
    undated = line["on_order"] + line["late_units"] - receipts.sum()
    receipts[min(max(line["lead_time_days"], 1), horizon) - 1] += undated
    return receipts
