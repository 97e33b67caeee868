"""Shelves by the hour, stock-outs laid over full days, and what a model may learn of them.

Belongs here: the hourly data and the treatments of censored days. Does not belong here: judging
them (`censoring`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from forecast_platform.models.base import known_mean

Floats = NDArray[np.floating[Any]]
Flags = NDArray[np.bool_]

_OPEN = slice(6, 22)
"""Hours that the publisher counts a stock-out in."""

_CREDIBILITY = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)


@dataclass(frozen=True)
class Shop:
    """N series over T days by the hour.

    Attributes:
        items: (N,) product.
        locations: (N,) store.
        category: (N,) third category.
        first_day: Day of column 0.
        sales: (N, T, 24) sales, in the publisher's unit.
        out: (N, T, 24) whether out of stock in that hour.
    """

    items: NDArray[np.object_]
    locations: NDArray[np.object_]
    category: NDArray[np.object_]
    first_day: dt.date
    sales: Floats
    out: Flags

    @property
    def full(self) -> Flags:
        """(N, T) whether the shelf was full through the opening hours."""
        return np.asarray(~self.out[:, :, _OPEN].any(axis=2))

    def until(self, day: int) -> Shop:
        """The first so many days."""
        return replace(self, sales=self.sales[:, :day], out=self.out[:, :day])


@dataclass(frozen=True)
class Seen:
    """What a model's maker knows of the training days.

    Attributes:
        sold: (N, T) sales of the hours in stock.
        full: (N, T) whether the shelf was full.
        share: (N, T) opening hours in stock, of all.
        open: (N, T) demand that usually falls into the hours in stock, of all.
        usual: (N, T) mean of the series' full days, times the weekday's factor of all series.
        credibility: Usual sales that count as much as as many sold on the day itself.
    """

    sold: Floats
    full: Flags
    share: Floats
    open: Floats
    usual: Floats
    credibility: float = 1.0


Treatment = Callable[[Seen], Floats]

TREATMENTS: Mapping[str, Treatment] = {
    "zero-filling": lambda seen: seen.sold,
    "masking": lambda seen: np.where(seen.full, seen.sold, np.nan),
    "masking below half a day": lambda seen: above_half_a_day(seen, seen.sold),
    "scaled up above half a day": lambda seen: above_half_a_day(
        seen, seen.sold / np.maximum(seen.share, 0.5)
    ),
    "lower bound": lambda seen: np.where(seen.full, seen.sold, np.maximum(seen.sold, seen.usual)),
    "recovered by the share of hours": lambda seen: recovered(seen, seen.share),
    "recovered by the hour": lambda seen: recovered(seen, seen.open),
}
"""Demand (N, T) by each treatment, NaN where unknown. `clean_demand` masks below half a day."""


def above_half_a_day(seen: Seen, demand: Floats) -> Floats:
    """(N, T) of demand; unknown on days in stock for less than half, or in part without a sale."""
    unknown = (seen.share < 0.5) | (~seen.full & (seen.sold <= 0))
    return np.where(unknown, np.nan, demand)


def recovered(seen: Seen, exposure: Floats) -> Floats:
    """(N, T) what was sold and what the hours out of stock would usually have added.

    The day's rate is the posterior mean of a gamma prior around the usual demand u, given sales s
    in the share o of a day: u (K + s) / (K + o u). Recovered are s + (1 - o) times the rate.

    Args:
        seen: The training days; K is its credibility.
        exposure: (N, T) share of the day's demand that could be met.
    """
    k, usual = seen.credibility, seen.usual
    rate = usual * (k + seen.sold) / (k + exposure * usual)
    return np.where(seen.full, seen.sold, seen.sold + (1 - exposure) * rate)


def read(path: Path, count: int, seed: int = 0) -> Shop:
    """A random sample of the series that are complete and were ever in stock for a whole day."""
    columns = ["store_id", "product_id", "third_category_id", "dt", "hours_sale",
               "hours_stock_status", "stock_hour6_22_cnt"]  # fmt: skip
    frame = pl.read_parquet(path, columns=columns).sort("product_id", "store_id", "dt")
    days = frame["dt"].n_unique()
    keys = frame.group_by("product_id", "store_id", maintain_order=True).agg(
        pl.len(),
        pl.col("third_category_id").first(),
        full=(pl.col("stock_hour6_22_cnt") == 0).sum(),
    )
    keys = keys.filter((pl.col("len") == days) & (pl.col("full") > days / 4))
    keys = keys.sample(min(count, keys.height), seed=seed).sort("product_id", "store_id")
    frame = keys.select("product_id", "store_id").join(
        frame, on=["product_id", "store_id"], how="left", maintain_order="left_right"
    )
    shape = (keys.height, days, 24)

    def cube(name: str) -> Floats:
        return np.asarray(frame[name].explode().to_numpy()).reshape(shape)

    text = keys.select(pl.all().cast(pl.String))
    return Shop(
        text["product_id"].to_numpy().astype(object),
        text["store_id"].to_numpy().astype(object),
        text["third_category_id"].to_numpy().astype(object),
        frame["dt"].min(),  # type: ignore[arg-type]
        cube("hours_sale").astype(np.float32),
        cube("hours_stock_status") > 0,
    )


def hide(
    shop: Shop, share: float, rng: np.random.Generator, skew: float = 0.0
) -> tuple[Shop, Flags]:
    """The shop with stock-out hours laid over a share of its full days, and (N, T) which these are.

    The hours are those of stock-out days drawn from all of the shop's.

    Args:
        shop: The shop.
        share: Chance of a full day at the series' mean of full days.
        rng: Draws days and hours.
        skew: The chance grows with the day's sales over that mean to this power; at 0 it does not.
    """
    sold = shop.sales.sum(axis=2)
    mean = known_mean(np.where(shop.full, sold, np.nan))[:, None]
    chance = share * np.nan_to_num(sold / mean) ** skew
    days = shop.full & (rng.random(sold.shape) < chance)
    patterns = shop.out[~shop.full]
    out = shop.out.copy()
    out[days] = patterns[rng.integers(len(patterns), size=int(days.sum()))]
    return replace(shop, out=out), days


def see(shop: Shop, credibility: float = 1.0) -> Seen:
    """What can be seen of all the shop's days."""
    full, sales = shop.full, np.where(shop.out, 0, shop.sales)
    sold = sales.sum(axis=2)
    profile = sales[full].sum(axis=0)
    in_stock = ((~shop.out) * (profile / profile.sum())).sum(axis=2)
    known = np.where(full, sold, np.nan)
    weekday = np.arange(sold.shape[1]) % 7
    factor = np.array([np.nanmean(known[:, weekday == day]) for day in range(7)])
    level = np.nan_to_num(known_mean(known), nan=float(np.nanmean(known)))
    usual = level[:, None] * (factor / np.nanmean(known))[weekday]
    share = 1 - shop.out[:, :, _OPEN].mean(axis=2)
    return Seen(sold, full, share, in_stock, usual, credibility)


def best_credibility(shop: Shop, share: float, rng: np.random.Generator) -> float:
    """The credibility that recovers best what is hidden once more on the days still full."""
    again, days = hide(shop, share, rng)
    truth = shop.sales.sum(axis=2)[days]
    errors = [
        np.abs(recovered(seen, seen.open)[days] - truth).sum()
        for seen in (see(again, k) for k in _CREDIBILITY)
    ]
    return _CREDIBILITY[int(np.argmin(errors))]
