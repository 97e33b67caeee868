"""The M5 data as a panel, straight from Kaggle's files, and the WRMSSE of item-store series."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from forecast_platform.features.calendar import series_calendar
from forecast_platform.features.demand import DEMAND_FEATURES
from forecast_platform.features.wide import demand_features
from forecast_platform.forecasting.metrics import wrmsse
from forecast_platform.panel import Panel

Floats = NDArray[np.floating[Any]]

HORIZON = 28
_KEY = ["item_id", "store_id"]


@dataclass(frozen=True)
class M5:
    """The panel and what the score needs.

    Attributes:
        panel: Demand, unknown before the item's first price; price over its mean of 28 days and
            mean demand of the store's department in 7 days as past covariates; calendar, events and
            SNAP days in advance.
        prices: (N, T) dollars per unit, NaN where there is none.
    """

    panel: Panel
    prices: Floats

    def last(self, days: int) -> M5:
        """The last `days` days."""
        return M5(self.panel.last(days), self.prices[:, -days:])

    def origins(self, count: int) -> list[int]:
        """Columns of the last `count` origins, 28 days apart, the last with 28 days after it."""
        last = self.panel.n_days - 1 - HORIZON
        return [last - HORIZON * back for back in reversed(range(count))]

    def wrmsse(self, origin: int, mean: Floats) -> float:
        """WRMSSE of item-store series (M5 guide, equations 1 and 2).

        Weights are the revenue of the 28 days up to the origin.

        Args:
            origin: Column of the last day used.
            mean: (N, 28) forecast.
        """
        demand, recent = self.panel.demand, slice(origin - 27, origin + 1)
        revenue = np.nansum(demand[:, recent] * self.prices[:, recent], axis=1)
        actual = demand[:, origin + 1 : origin + 1 + HORIZON]
        return wrmsse(actual, mean, demand[:, : origin + 1], revenue)


def read(folder: Path) -> M5:
    """Read `sales_train_evaluation.csv`, `calendar.csv` and `sell_prices.csv`."""
    sales = pl.read_csv(folder / "sales_train_evaluation.csv").sort(_KEY)
    columns = [name for name in sales.columns if name.startswith("d_")]
    calendar = pl.read_csv(folder / "calendar.csv", try_parse_dates=True).sort("date")
    calendar = calendar.filter(pl.col("d").is_in(columns).cum_sum() > 0)
    prices = _daily_prices(folder, sales, calendar["wm_yr_wk"].head(len(columns)))
    units = sales.select(columns).to_numpy().astype(np.float32)
    demand = np.where(np.isnan(prices), np.nan, units).astype(np.float32, order="C")
    names = sales.select(*_KEY, "cat_id", "dept_id", "state_id")
    text = {name: names[name].to_numpy().astype(object) for name in names.columns}
    with np.errstate(invalid="ignore"):
        level = prices / _feature(prices, "demand_mean_28")
    panel = Panel(
        items=text["item_id"],
        locations=text["store_id"],
        first_day=calendar["date"][0],
        demand=demand,
        available=~np.isnan(prices),
        past={"price_level_28": level, "category_mean_7": _department_mean(demand, names)},
        future=_calendar(calendar, names),
        static={
            "category": text["cat_id"], "department": text["dept_id"], "region": text["state_id"],
        },
    )  # fmt: skip
    return M5(panel, prices)


def _daily_prices(folder: Path, sales: pl.DataFrame, weeks: pl.Series) -> Floats:
    """(N, T) price of each series on each day, NaN where there is none."""
    weekly = pl.read_csv(folder / "sell_prices.csv").pivot(
        "wm_yr_wk", index=_KEY, values="sell_price"
    )
    prices = sales.select(_KEY).join(weekly, on=_KEY, how="left", maintain_order="left")
    distinct, week = np.unique(weeks.to_numpy(), return_inverse=True)
    by_week = prices.select(distinct.astype(str).tolist()).to_numpy()
    return np.asarray(by_week[:, week].astype(np.float32, order="C"))


def _feature(values: Floats, name: str) -> Floats:
    """(N, T) of one feature of (N, T) values."""
    wanted = [feature for feature in DEMAND_FEATURES if feature.name == name]
    return demand_features(values, 0, values.shape[1] - 1, wanted)[0]


def _department_mean(demand: Floats, names: pl.DataFrame) -> Floats:
    """(N, T) mean demand over the last 7 days of the items of the same store and department."""
    known = ~np.isnan(demand)
    out = np.empty_like(demand)
    for _, rows in names.with_row_index().group_by("store_id", "dept_id"):
        of = rows["index"].to_numpy()
        total = np.where(known[of], demand[of], 0).sum(axis=0)
        mean = (total / np.maximum(known[of].sum(axis=0), 1))[None].astype(np.float32)
        out[of] = _feature(mean, "demand_mean_7")
    return out


def _calendar(calendar: pl.DataFrame, names: pl.DataFrame) -> dict[str, Floats]:
    """Calendar covariates over all days of the file, those of the weeks to come included."""
    named = [
        calendar.filter(pl.col(f"event_name_{n}").is_not_null()).select(
            "date", kind=f"event_type_{n}", region=pl.lit(None, dtype=pl.String)
        )
        for n in (1, 2)
    ]
    states = names["state_id"].unique().sort()
    snap = [
        calendar.filter(pl.col(f"snap_{state}") == 1).select(
            "date", kind=pl.lit("snap"), region=pl.lit(state)
        )
        for state in states
    ]
    keys = names.select(location_id="store_id")
    places = names.select(location_id="store_id", country=pl.lit("US"), region="state_id").unique()
    first, last = calendar["date"][0], calendar["date"][-1]
    events = pl.concat([*named, *snap])
    return dict(series_calendar(first, last, keys, places, events).of_series())
