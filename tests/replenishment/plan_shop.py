"""A small shop with every table that a plan is made from."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from statistics import NormalDist
from typing import Any

import numpy as np
import polars as pl

from forecast_platform.contracts import DERIVED, QUANTILES, landed_table, quantile_name
from forecast_platform.contracts.core import Table, validated
from forecast_platform.lake.schema import polars_schema
from forecast_platform.replenishment import PlanParameters, make_plans

DAY = dt.date(2024, 6, 2)
HORIZON = 28


def _table(name: str) -> Table:
    return next(table for table in DERIVED if table.name == name)


def rows_of(table: Table, rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
    """Rows with the types of their contract; columns left out are empty."""
    schema = polars_schema(table)
    return pl.DataFrame([{**dict.fromkeys(schema), **row} for row in rows], schema=schema)


def landed_rows(name: str, rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
    """Rows of a validated landed table."""
    return rows_of(validated(landed_table(name)), rows)


@dataclass(frozen=True)
class Shop:
    """Tables of some series over some origins; `plan()` makes the plans."""

    tables: dict[str, pl.DataFrame]
    parameters: PlanParameters = field(default_factory=PlanParameters)

    def having(self, **tables: pl.DataFrame) -> Shop:
        """The shop with some tables replaced."""
        return replace(self, tables={**self.tables, **tables})

    def under(self, **parameters: Any) -> Shop:
        """The shop with some parameters replaced."""
        return replace(self, parameters=replace(self.parameters, **parameters))

    def plan(self, *days: dt.date, revision: int = 0) -> pl.DataFrame:
        """The plans of `days`, by default of the last origin."""
        return make_plans(
            days or [DAY], **self.tables, parameters=self.parameters, revision=revision
        )

    def line(self, item: str = "i0", location: str = "l0") -> dict[str, Any]:
        """One line of the last origin's plan."""
        plan = self.plan().filter((pl.col("item_id") == item) & (pl.col("location_id") == location))
        return plan.row(0, named=True)

    def stock(self, on_hand: float, day: dt.date = DAY, reserved: float = 0.0) -> Shop:
        """The shop with the same stock of everything, counted on `day`."""
        series = self.tables["lead_time_demand"].select("item_id", "location_id").unique()
        counts = [
            {"date": day, "item_id": item, "location_id": location, "on_hand": on_hand,
             "reserved": reserved}
            for item, location in series.sort("item_id", "location_id").iter_rows()
        ]  # fmt: skip
        return self.having(inventory=landed_rows("inventory", counts))

    def orders(self, *rows: dict[str, Any]) -> Shop:
        """The shop with purchase orders of i0 at l0: 20 units unless the row says otherwise."""
        base = {"item_id": "i0", "location_id": "l0", "supplier_id": "s0", "quantity": 20.0,
                "received_date": None}  # fmt: skip
        orders = [{**base, "order_id": f"o{n}", **row} for n, row in enumerate(rows)]
        return self.having(purchase_orders=landed_rows("purchase_orders", orders))


def build_shop(
    items: int = 4,
    locations: int = 2,
    origins: int = 1,
    lead_time: int = 5,
    review: int = 7,
    unit: float = 1.0,
    history_days: int = 100,
) -> Shop:
    """A shop whose series i<n>/l<m> sell n + 1 units a day on average, normally forecast.

    `unit` is the size of a unit: 2 makes every quantity twice as large and every price half.
    """
    days = [DAY - dt.timedelta(days=d) for d in range(history_days + origins)][::-1]
    series = [(f"i{i}", f"l{j}", i + 1.0) for i in range(items) for j in range(locations)]
    rng = np.random.default_rng(11)
    sold = rng.poisson([[mean for *_, mean in series]] * len(days)).astype(float)
    clean = [
        {"date": day, "item_id": item, "location_id": location, "demand_units": sold[t, n] * unit,
         "price": (10.0 + n) / unit}
        for t, day in enumerate(days) for n, (item, location, _) in enumerate(series)
    ]  # fmt: skip
    forecasts, demand = [], []
    for origin in days[-origins:]:
        for item, location, mean in series:
            key = {"origin": origin, "item_id": item, "location_id": location}
            forecasts += [
                {**key, "date": origin + dt.timedelta(days=h), "horizon": h, "mean": mean * unit,
                 "model": "lstm", "model_version": "3", "training_cutoff": DAY.replace(month=5),
                 "revision": 0}
                for h in range(1, HORIZON + 1)
            ]  # fmt: skip
            demand.append(
                {**key, **normal_demand(mean * (lead_time + review) * unit,
                                        (mean * (lead_time + review)) ** 0.5 * unit),
                 "lead_time_mean": mean * lead_time * unit, "lead_time_days": lead_time,
                 "protection_days": lead_time + review}
            )  # fmt: skip
    terms = {"supplier_id": "s0", "lead_time_days": float(lead_time), "lead_time_std_days": 1.0,
             "review_days": review, "min_order_quantity": 6.0 * unit, "pack_size": 4.0 * unit,
             "order_cost": 8.0}  # fmt: skip
    products = [
        {"item_id": f"i{i}", "unit_cost": (5.0 + i) / unit, "supplier_id": "s0", "is_product": True}
        for i in range(items)
    ]
    return Shop(
        {
            "forecasts": rows_of(_table("forecasts"), forecasts),
            "lead_time_demand": rows_of(_table("lead_time_demand"), demand),
            "clean_demand": rows_of(_table("clean_demand"), clean),
            "inventory": landed_rows("inventory", []),
            "purchase_orders": landed_rows("purchase_orders", []),
            "products": landed_rows("products", products),
            "suppliers": landed_rows("suppliers", [terms]),
            "lead_times": rows_of(_table("lead_times"), []),
        }
    )


def normal_demand(mean: float, std: float) -> dict[str, float]:
    """Mean, standard deviation and stored quantiles of normal demand, not below zero."""
    normal = NormalDist(mean, std)
    quantiles = {quantile_name(q): max(normal.inv_cdf(q), 0.0) for q in QUANTILES}
    return {"mean": mean, "std": std, **quantiles}
