"""Build-up and run-down on real seasonal goods: `python -m benchmarks.season M5_FOLDER`.

M5_FOLDER holds Kaggle's three files. Items that are seasonal as of the first day are replayed for
a year twice, with the season step and without: every Sunday the plan is made from the forecasts,
stock and open orders of that day; demand is that of the data, and what is unmet is lost.
"""

from __future__ import annotations

import argparse
import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks import m5_panel
from forecast_platform.contracts import tables
from forecast_platform.forecasting.champion import Champion
from forecast_platform.forecasting.issue import Issuer
from forecast_platform.lake.schema import polars_schema
from forecast_platform.models import create
from forecast_platform.panel import Panel
from forecast_platform.replenishment import (
    LOOK_BACK_DAYS,
    PlanParameters,
    make_plans,
    weekly_demand,
)
from forecast_platform.replenishment.classes import known_mean, with_life_cycle

Floats = NDArray[np.floating[Any]]

WEEKS = 52
REVIEW = 7
LEAST_SOLD = 1.0
"""Units per day, in the year before, of the items replayed."""


@dataclass(frozen=True)
class Goods:
    """N seasonal items, what is known of them, and the forecasts of every Sunday of the replay.

    Attributes:
        panel: (N, T) demand and its keys.
        price: (N, T) price.
        daily: Rows of clean demand.
        weekly: Their weekly demand.
        forecasts, lead_time_demand: Of all origins.
        sundays: Days of plans.
        terms: Lead time and cost rates.
    """

    panel: Panel
    price: Floats
    daily: pl.DataFrame
    weekly: pl.DataFrame
    forecasts: pl.DataFrame
    lead_time_demand: pl.DataFrame
    sundays: list[dt.date]
    terms: PlanParameters

    @property
    def first(self) -> int:
        """Column of the replay's first day."""
        return self.panel.column_of(self.sundays[0]) + 1

    @property
    def demand(self) -> Floats:
        """(N, D) units per day of the replay."""
        days = slice(self.first, self.first + 7 * WEEKS)
        return np.nan_to_num(self.panel.demand[:, days].astype(np.float64))

    @property
    def lead_time(self) -> int:
        """Whole days from order to receipt."""
        return int(self.terms.lead_time_days)


@dataclass(frozen=True)
class Run:
    """What the plans did, in (N, D) units per day of the replay.

    Attributes:
        stock: At close.
        received: At opening.
        lost: Demand not met.
        plans: The plans, as published.
    """

    stock: Floats
    received: Floats
    lost: Floats
    plans: pl.DataFrame


def goods(m5: m5_panel.M5, start: dt.date, terms: PlanParameters, family: str) -> Goods:
    """The seasonal items as of `start`, forecast by a family that learned up to that day."""
    panel = m5.panel
    weekly = weekly_demand(_rows(panel, m5.prices).lazy()).collect()
    classes = with_life_cycle(_keys(panel).with_columns(date=pl.lit(start)), weekly, [start])
    at = panel.column_of(start)
    sold = known_mean(panel.demand[:, at - 363 : at + 1].astype(np.float64)) >= LEAST_SOLD
    chosen = np.flatnonzero((classes["life_cycle"] == "seasonal").to_numpy() & sold)
    panel, price = panel.select(chosen), m5.prices[chosen]
    sundays = [start + dt.timedelta(weeks=week) for week in range(WEEKS)]
    forecaster = create(family)
    forecaster.fit(panel.until(start), seed=7)
    issuer = Issuer(forecaster, Champion(family, "1", start, Path()))
    protection = np.full(len(chosen), int(terms.lead_time_days) + REVIEW)
    issued = list(issuer.issue(panel, sundays, protection_days=protection,
                               lead_time_days=protection - REVIEW))  # fmt: skip
    daily = _rows(panel, price)
    return Goods(panel, price, daily, weekly_demand(daily.lazy()).collect(),
                 pl.concat(part[0] for part in issued), pl.concat(part[1] for part in issued),
                 sundays, terms)  # fmt: skip


def replayed(goods: Goods, *, season: bool) -> Run:
    """The plans' orders, week by week, on demand as it came."""
    demand = goods.demand
    past = np.nan_to_num(goods.panel.demand[:, goods.first - 28 : goods.first])
    on_hand = np.ceil(past.mean(axis=1) * (goods.lead_time + REVIEW))
    sent = np.zeros((len(demand), WEEKS))
    stock, received, lost = np.zeros((3, *demand.shape))
    plans = []
    for week, sunday in enumerate(goods.sundays):
        plan = _plan(goods, sunday, on_hand, sent[:, :week], season)
        quantity = _keys(goods.panel).join(plan, on="item_id", how="left", maintain_order="left")
        sent[:, week] = quantity["order_quantity"].fill_null(0.0).to_numpy()
        plans.append(plan)
        arrival = 7 * week + goods.lead_time
        if arrival < demand.shape[1]:
            received[:, arrival] += sent[:, week]
        for day in range(7 * week, 7 * week + 7):
            there = on_hand + received[:, day]
            lost[:, day] = np.maximum(demand[:, day] - there, 0.0)
            stock[:, day] = on_hand = np.maximum(there - demand[:, day], 0.0)
    return Run(stock, received, lost, pl.concat(plans))


def figures(
    goods: Goods, run: Run, ends: pl.DataFrame, rows: slice | list[int] = slice(None)
) -> dict[str, float]:
    """Cost by part, lost units, and what lay there, or was to come, when seasons had ended.

    Args:
        goods: What was replayed.
        run: The run.
        ends: `item_id` and `date` of ends of seasons.
        rows: The items to count; all by default.
    """
    terms, stock, lost = goods.terms, run.stock[rows], run.lost[rows]
    mine = pl.col("item_id").is_in(goods.panel.items[rows].tolist())
    price = np.nanmean(goods.price[rows, goods.first : goods.first + 7 * WEEKS], axis=1)
    holding = price * terms.cost_share * terms.holding_rate / 365
    orders = run.plans.filter(mine & (pl.col("order_quantity") > 0)).height
    costs = {
        "holding": float(stock.sum(axis=1) @ holding),
        "ordering": orders * terms.order_cost,
        "lost margin": float(lost.sum(axis=1) @ (price * (1 - terms.cost_share))),
    }
    left = ends.filter(mine).join(run.plans, on=["item_id", "date"])["inventory_position"]
    return {
        **costs,
        "cost": sum(costs.values()),
        "lost units": float(lost.sum()),
        "fill rate": 1 - float(lost.sum() / goods.demand[rows].sum()),
        "mean stock": float(stock.mean(axis=1).sum()),
        "left over": float(left.sum()),
    }


def ends_of(run: Run) -> pl.DataFrame:
    """`item_id` and `date` of seasons that ended, as the plan of the week before said."""
    end, day = pl.col("season_end"), pl.col("date")
    ended = run.plans.filter((end == day.dt.offset_by("7d")) & (end <= day.max()))
    return ended.select("item_id", date="season_end")


def picture(goods: Goods, runs: dict[str, Run], item: str) -> Figure:
    """Stock and receipts of one item under every run, and below what sold and what was lost."""
    row = goods.panel.items.tolist().index(item)
    week = np.arange(0, 7 * WEEKS, 7)
    day = np.datetime64(goods.sundays[0], "D") + 1 + np.arange(7 * WEEKS)
    figure = Figure(figsize=(11, 6), layout="constrained")
    FigureCanvasAgg(figure)
    above, below = figure.subplots(2, 1, sharex=True)
    sold = np.add.reduceat(goods.demand[row], week)
    below.plot(day[week], sold, color="black", lw=0.8, label="demand")
    for colour, (name, run) in zip(("tab:blue", "tab:orange"), runs.items(), strict=True):
        stock, received = run.stock[row], run.received[row]
        above.fill_between(day, stock, step="post", alpha=0.35, color=colour, label=f"stock {name}")
        above.plot(day[received > 0], received[received > 0], "v", color=colour,
                   label=f"received {name}")  # fmt: skip
        lost = np.add.reduceat(run.lost[row], week)
        below.step(day[week], lost, where="mid", color=colour, label=f"lost {name}")
    above.set(title=f"{item}, lead time {goods.lead_time} days", ylabel="units at close")
    below.set(ylabel="units per week")
    above.legend(fontsize=8)
    below.legend(fontsize=8)
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--start", type=dt.date.fromisoformat, default=dt.date(2015, 3, 1))
    parser.add_argument("--lead-times", default="7,28,42")
    parser.add_argument("--item", default="FOODS_3_757")
    parser.add_argument("--picture", type=Path, help="png of the item at the longest lead time")
    chosen = parser.parse_args()
    m5, console = m5_panel.read(chosen.folder), Console(width=150)
    for lead_time in map(float, chosen.lead_times.split(",")):
        terms = PlanParameters(lead_time_days=lead_time, review_days=REVIEW)
        shop = goods(m5, chosen.start, terms, "ets")
        runs = {"with the season": replayed(shop, season=True),
                "without it": replayed(shop, season=False)}  # fmt: skip
        ends = ends_of(runs["with the season"])
        has_item = chosen.item in shop.panel.items
        for item in (None, chosen.item) if has_item else (None,):
            console.print(_table(shop, runs, ends, item))
    if chosen.picture is not None and has_item:
        picture(shop, runs, chosen.item).savefig(chosen.picture, dpi=110)


def _table(goods: Goods, runs: dict[str, Run], ends: pl.DataFrame, item: str | None) -> Table:
    rows = slice(None) if item is None else [goods.panel.items.tolist().index(item)]
    ended = ends.height if item is None else ends.filter(item_id=item).height
    table = Table(title=f"{item or f'all {goods.panel.n_series} seasonal items'}, lead time "
                        f"{goods.lead_time} days, {ended} seasons ended")  # fmt: skip
    found = {name: figures(goods, run, ends, rows) for name, run in runs.items()}
    for heading in ("", *next(iter(found.values()))):
        table.add_column(heading, justify="right" if heading else "left")
    for name, values in found.items():
        table.add_row(name, *(f"{v:.1%}" if k == "fill rate" else f"{v:,.0f}"
                              for k, v in values.items()))  # fmt: skip
    return table


def _plan(
    goods: Goods, sunday: dt.date, on_hand: Floats, sent: Floats, season: bool
) -> pl.DataFrame:
    """The plan at the close of a Sunday."""
    keys = _keys(goods.panel)
    counts = keys.with_columns(
        date=pl.lit(sunday), on_hand=pl.Series(on_hand), reserved=pl.lit(0.0)
    )
    orders = [
        {"date": start, "order_id": f"{start}", "item_id": item, "location_id": location,
         "quantity": units, "expected_date": start + dt.timedelta(goods.lead_time)}
        for week in range(sent.shape[1])
        if (start := goods.sundays[week] + dt.timedelta(1)) + dt.timedelta(goods.lead_time) > sunday
        for item, location, units in zip(*keys.to_dict().values(), sent[:, week], strict=True)
        if units > 0
    ]  # fmt: skip
    return make_plans(
        [sunday],
        goods.forecasts.filter(origin=sunday),
        goods.lead_time_demand.filter(origin=sunday),
        goods.daily.filter(pl.col("date") > sunday - dt.timedelta(LOOK_BACK_DAYS)),
        _table_of("validated_inventory", counts.to_dicts()),
        _table_of("validated_purchase_orders", orders),
        _table_of("validated_products", [{"item_id": item} for item in keys["item_id"]]),
        _table_of("validated_suppliers", []),
        _table_of("lead_times", []),
        goods.terms,
        weekly=goods.weekly if season else goods.weekly.clear(),
    )


def _keys(panel: Panel) -> pl.DataFrame:
    return pl.DataFrame({"item_id": panel.items.tolist(), "location_id": panel.locations.tolist()})


def _table_of(name: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    schema = polars_schema(tables()[name])
    return pl.DataFrame([{**dict.fromkeys(schema), **row} for row in rows], schema=schema)


def _rows(panel: Panel, price: Floats) -> pl.DataFrame:
    """Rows of clean demand: a row per day on offer."""
    at, day = np.nonzero(np.isfinite(panel.demand))
    return pl.DataFrame(
        {"date": pl.Series(panel.days[day]).cast(pl.Date),
         "item_id": panel.items[at].tolist(), "location_id": panel.locations[at].tolist(),
         "demand_units": panel.demand[at, day].astype(np.float64),
         "price": price[at, day].astype(np.float64)},
    )  # fmt: skip


if __name__ == "__main__":
    main()
