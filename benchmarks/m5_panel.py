"""The M5 store-department sample as a panel, straight from Kaggle's files, and its WRMSSE."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from forecast_platform.features.calendar import calendar_covariates
from forecast_platform.features.demand import DEMAND_FEATURES
from forecast_platform.features.wide import demand_features
from forecast_platform.panel import Panel

Floats = NDArray[np.floating[Any]]

HORIZON = 28


@dataclass(frozen=True)
class M5:
    """The panel and what the score needs.

    Attributes:
        panel: Demand, unknown before the first sale; price over its mean of 28 days and mean demand
            of 7 days over all items as past covariates; calendar, events and SNAP days in advance.
        dollars: (N, T) revenue per day.
    """

    panel: Panel
    dollars: Floats

    def origins(self, count: int) -> list[int]:
        """Columns of the last `count` origins, 28 days apart, the last with 28 days after it."""
        last = self.panel.n_days - 1 - HORIZON
        return [last - HORIZON * back for back in reversed(range(count))]

    def wrmsse(self, origin: int, mean: Floats) -> float:
        """WRMSSE of item-store series (M5 guide, equations 1 and 2).

        Weights are the revenue of the 28 days up to the origin, scales the mean squared daily
        changes since the first sale.

        Args:
            origin: Column of the last day used.
            mean: (N, 28) forecast.
        """
        demand = self.panel.demand
        changes = np.square(np.diff(demand[:, : origin + 1], axis=1))
        known = ~np.isnan(changes)
        scale = np.where(known, changes, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
        errors = np.square(demand[:, origin + 1 : origin + 1 + HORIZON] - mean).mean(axis=1)
        weight = self.dollars[:, origin - 27 : origin + 1].sum(axis=1)
        weight = np.where((scale > 0) & ~np.isnan(errors), weight, 0)
        ratio = np.sqrt(np.nan_to_num(errors) / np.where(scale > 0, scale, 1))
        return float((weight * ratio).sum() / weight.sum())


def read(folder: Path) -> M5:
    """Read `sales_train_evaluation.csv`, `calendar.csv` and `sell_prices.csv` of one store."""
    sales = pl.read_csv(folder / "sales_train_evaluation.csv").sort("item_id", "store_id")
    calendar = pl.read_csv(folder / "calendar.csv", try_parse_dates=True)
    units = sales.select(pl.col(r"^d_\d+$")).to_numpy().astype(np.float32)
    days = calendar.head(units.shape[1])
    prices = (
        sales.select("item_id", "store_id")
        .join(pl.read_csv(folder / "sell_prices.csv"), on=["item_id", "store_id"], how="left")
        .pivot("wm_yr_wk", index="item_id", values="sell_price", maintain_order=True)
    )
    price = prices.select(days["wm_yr_wk"].unique().sort().cast(pl.String).to_list())
    week = days["wm_yr_wk"].rank("dense").to_numpy() - 1
    daily = price.to_numpy()[:, week].astype(np.float32)
    started = np.logical_or.accumulate(units > 0, axis=1)
    demand = np.where(started, units, np.nan).astype(np.float32, order="C")
    names = sales.select("item_id", "store_id", "cat_id", "dept_id", "state_id")
    text = {name: names[name].to_numpy().astype(object) for name in names.columns}
    everyone = (units.sum(axis=0) / np.maximum(started.sum(axis=0), 1))[None].astype(np.float32)
    with np.errstate(invalid="ignore"):
        level = daily / _feature(daily, "demand_mean_28")
    panel = Panel(
        items=text["item_id"],
        locations=text["store_id"],
        first_day=calendar["date"][0],
        demand=demand,
        available=started,
        past={
            "price_level_28": level,
            "category_mean_7": np.repeat(_feature(everyone, "demand_mean_7"), len(units), axis=0),
        },
        future=_calendar(calendar, sales["state_id"][0]),
        static={
            "category": text["cat_id"], "department": text["dept_id"], "region": text["state_id"],
        },
    )  # fmt: skip
    return M5(panel, units * np.nan_to_num(daily))


def _feature(values: Floats, name: str) -> Floats:
    """(N, T) of one feature of (N, T) values."""
    wanted = [feature for feature in DEMAND_FEATURES if feature.name == name]
    return demand_features(values, 0, values.shape[1] - 1, wanted)[0]


def _calendar(calendar: pl.DataFrame, state: str) -> dict[str, Floats]:
    """Calendar covariates over all days of the file, those of the weeks to come included."""
    named = [
        calendar.filter(pl.col(f"event_name_{n}").is_not_null()).select(
            "date", kind=f"event_type_{n}"
        )
        for n in (1, 2)
    ]
    snap = calendar.filter(pl.col(f"snap_{state}") == 1).select("date", kind=pl.lit("snap"))
    events = pl.concat([*named, snap]).with_columns(region=pl.lit(None, dtype=pl.String))
    place = pl.DataFrame({"country": ["US"], "region": [state]})
    first, last = calendar["date"][0], calendar["date"][-1]
    covariates = calendar_covariates(first, last, place, events)
    return {name: values.reshape(-1, calendar.height)[0] for name, values in covariates.items()}
