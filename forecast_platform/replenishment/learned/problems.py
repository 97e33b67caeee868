"""From a shop's SKUs to lost-sales problems: one per ABC class and lead time, of its median SKU.

A period is a review; an order is received whole reviews later. Demand is that of the median SKU,
independent and alike every period, counted in lots so that every problem can be solved exactly.
There is no cost per order: the systems of `exact` that Myopic-2 is defined for have none.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from forecast_platform.replenishment.choice.table import DEMAND_DAYS, daily_demand, sku_lines
from forecast_platform.replenishment.classic.demand import empirical_pmf
from forecast_platform.replenishment.economics import unit_margins
from forecast_platform.replenishment.exact.lost_sales import LostSales
from forecast_platform.replenishment.parameters import PlanParameters

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

LONGEST_LEAD_TIME = 4
"""Review periods; tables grow by a factor of about ten with each."""
MOST_LOTS = 12
"""Lots of a period's largest demand: with four periods of lead time, 132,000 states at most."""
LEAST_PERIODS = 6
"""Whole review periods of known demand that a distribution needs."""

_DAYS_PER_YEAR = 365.0
_GROUP = ["abc_class", "lead_time_periods"]


@dataclass(frozen=True)
class Problem:
    """The lost-sales problem of the SKU that stands for a class and lead time.

    Attributes:
        abc_class: Class by annual value.
        item_id: Item of the median SKU.
        location_id: Its location.
        skus: SKUs it stands for.
        review_days: Its review period, days.
        lot_units: Units per lot.
        system: Demand in lots per review, lead time in reviews, currency per lot.
    """

    abc_class: str
    item_id: str
    location_id: str
    skus: int
    review_days: int
    lot_units: int
    system: LostSales


def problems(
    cutoff: dt.date,
    clean_demand: pl.DataFrame,
    products: pl.DataFrame,
    suppliers: pl.DataFrame,
    lead_times: pl.DataFrame,
    parameters: PlanParameters,
) -> list[Problem]:
    """One problem per ABC class and lead time of the SKUs on offer in the week up to a cutoff.

    Left out are SKUs of unknown cost, of too few known reviews, of the same demand in all of them,
    received at once, or more than `LONGEST_LEAD_TIME` reviews after the order.

    Args:
        cutoff: A Sunday; nothing dated after it is read.
        clean_demand: Clean demand of the `DEMAND_DAYS` up to the cutoff.
        products: Validated products.
        suppliers: Validated supplier terms; empty where a shop lands none.
        lead_times: Lead times known at the cutoff; empty where no deliveries are.
        parameters: Cost rates, and terms where none are known.

    Returns:
        The problems by class and lead time.
    """
    first = cutoff - dt.timedelta(days=DEMAND_DAYS - 1)
    rows = clean_demand.filter(pl.col("date").is_between(first, cutoff))
    lines = sku_lines(cutoff, rows, products, suppliers, lead_times, parameters)
    periods = (pl.col("lead_time_days") / pl.col("review_days")).ceil().cast(pl.Int64)
    lines = lines.with_columns(lead_time_periods=periods).filter(
        pl.col("unit_cost") > 0, pl.col("lead_time_periods").is_between(1, LONGEST_LEAD_TIME)
    )
    demand = daily_demand(rows, lines, first)
    review = lines["review_days"].to_numpy()
    lines = lines.with_columns(pl.Series("per_review", _mean_per_review(demand, review)))
    return [
        _problem(line, _known(_per_review(demand[line["row"]], line["review_days"])), parameters)
        for line in _medians(lines)
    ]


def _medians(lines: pl.DataFrame) -> list[dict[str, Any]]:
    """The SKU of median demand per review of every group, with its `row` and the group's `skus`."""
    middle = (pl.len() - 1) // 2
    usable = lines.with_row_index("row").filter(pl.col("per_review").is_not_nan())
    ranked = usable.sort("per_review", "item_id", "location_id")
    return (
        ranked.group_by(_GROUP, maintain_order=True)
        .agg(pl.all().get(middle), skus=pl.len())
        .sort(_GROUP)
        .to_dicts()
    )


def _problem(line: dict[str, Any], units: FloatArray, parameters: PlanParameters) -> Problem:
    """The problem of a SKU with the (T,) demand of its known reviews."""
    lot = int(_lot(units))
    price, cost = (np.array([line[name]], dtype=np.float64) for name in ("price", "unit_cost"))
    holding = parameters.holding_rate * cost[0] * line["review_days"] / _DAYS_PER_YEAR
    margin = unit_margins(price, cost, parameters.cost_share)[0]
    return Problem(
        line["abc_class"], line["item_id"], line["location_id"], line["skus"],
        line["review_days"], lot,
        LostSales(
            empirical_pmf(np.round(units / lot)), line["lead_time_periods"], lot * holding,
            lot * margin,
        ),
    )  # fmt: skip


def _per_review(demand: FloatArray, review: int) -> FloatArray:
    """(..., T) units of the T whole reviews up to the last of the (..., D) days; NaN if unknown."""
    count = demand.shape[-1] // review
    days = demand[..., demand.shape[-1] - count * review :]
    return np.asarray(days.reshape(*demand.shape[:-1], count, review).sum(axis=-1))


def _known(units: FloatArray) -> FloatArray:
    return units[np.isfinite(units)]


def _mean_per_review(demand: FloatArray, review: IntArray) -> FloatArray:
    """(N,) mean units per known review of (N, D) days; NaN where no problem can be made of it."""
    mean = np.full(review.size, np.nan)
    for days in np.unique(review):
        at = np.flatnonzero(review == days)
        units = _per_review(demand[at], int(days))
        lots = np.round(units / _lot(units)[:, None])
        largest, smallest = (
            reduce(lots, axis=1, initial=np.nan) for reduce in (np.fmax.reduce, np.fmin.reduce)
        )
        usable = (largest > smallest) & (np.isfinite(units).sum(axis=1) >= LEAST_PERIODS)
        mean[at[usable]] = np.nanmean(units[usable], axis=1)
    return mean


def _lot(units: FloatArray) -> FloatArray:
    """(...) whole units per lot of (..., T) units, of which some may be unknown."""
    largest = np.fmax.reduce(units, axis=-1, initial=0.0)
    return np.asarray(np.maximum(1.0, np.ceil(largest / MOST_LOTS)))
