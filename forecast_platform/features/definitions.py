"""Every feature of an item's history, defined once over a block of days x series.

Belongs here: what a feature is and how far it looks back. Does not belong here: reading and
assembling frames (`table.py`), what is known in advance (`calendar.py`).

Convention: the value of day D describes what is known at the close of D. It may use D itself and
earlier days, never a later one. NaN says unknown. A value has the same bits wherever the block
starts: sums over windows are built as a fixed tree of additions per day, not as differences of
running totals, whose rounding depends on the first day.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecast_platform.features.demand import TABLE_DEMAND_FEATURES, DemandFeature
from forecast_platform.panel import BoolArray, FloatArray

Array = NDArray[Any]


class MovingSums:
    """Sums over the last n values that lie `step` days apart, for every day and series.

    The sum over n values is put together from sums over powers of two, each of which is built from
    the one before: about log2(n) additions per cell.

    Args:
        values: (R, N), without NaN.
        step: Days between two values of a window: 1 for consecutive days, 7 for one weekday.
    """

    def __init__(self, values: Array, step: int = 1) -> None:
        self._powers = [values]
        self._step = step

    def over(self, count: int, rows: int) -> Array:
        """(rows, N) sums over the last `count` values, for the last `rows` days."""
        total: Array | None = None
        covered = 0
        for exponent in reversed(range(count.bit_length())):
            if count >> exponent & 1:
                part = lag(self._power(exponent), covered * self._step, rows)
                total = part.copy() if total is None else np.add(total, part, out=total)
                covered += 1 << exponent
        assert total is not None, "a window holds at least one value"
        return total

    def _power(self, exponent: int) -> Array:
        while len(self._powers) <= exponent:
            half = self._powers[-1]
            shift = self._step << (len(self._powers) - 1)
            self._powers.append(half[shift:] + half[:-shift])
        return self._powers[exponent]


def lag(values: Array, days: int, rows: int) -> Array:
    """(rows, N) values `days` before each of the last `rows` days."""
    end = len(values) - days
    return values[end - rows : end]


@dataclass(frozen=True)
class Block:
    """Arrays of days x series: `LOOKBACK_DAYS` rows of history, then the `rows` days asked for.

    Attributes:
        rows: Days asked for.
        demand: (R, N) float32, units per day; NaN where unknown.
        price: (R, N) float32; NaN where unknown.
        on_offer: (R, N) bool.
        available: (R, N) bool.
        on_promotion: (R, N) bool.
        discount: (R, N) float32.
        category_demand: (R, G) float64, known demand of each category at a location.
        category_known: (R, G) float64, number of items whose demand is known.
        category: (N,) column of each series in the two above.
    """

    rows: int
    demand: FloatArray
    price: FloatArray
    on_offer: BoolArray
    available: BoolArray
    on_promotion: BoolArray
    discount: FloatArray
    category_demand: NDArray[np.float64]
    category_known: NDArray[np.float64]
    category: NDArray[np.intp]

    @cached_property
    def demand_by_series(self) -> FloatArray:
        """(N, R) demand, a series' days side by side."""
        return np.ascontiguousarray(self.demand.T)

    @cached_property
    def days_on_offer(self) -> Array:
        """(rows, N) days on offer of the last 28."""
        return MovingSums(self.on_offer.view(np.uint8)).over(28, self.rows)

    def part(self, begin: int, end: int) -> Block:
        """The block of the days [begin, end) of those asked for, with their own history."""
        stop = len(self.demand) - self.rows + end
        kept = slice(stop - (end - begin) - LOOKBACK_DAYS, stop)
        arrays = {name: getattr(self, name)[kept] for name in _DAILY}
        return replace(self, rows=end - begin, **arrays)

    def slab(self, begin: int, end: int) -> Block:
        """The block of the series [begin, end), with the categories that concern them."""
        groups, category = np.unique(self.category[begin:end], return_inverse=True)
        series = {name: getattr(self, name)[:, begin:end] for name in _PER_SERIES}
        return replace(
            self,
            category_demand=self.category_demand[:, groups],
            category_known=self.category_known[:, groups],
            category=category,
            **series,
        )

    def today(self, values: Array) -> Array:
        """(rows, N) values of the days asked for."""
        return lag(values, 0, self.rows)


_PER_SERIES = ("demand", "price", "on_offer", "available", "on_promotion", "discount")
_DAILY = (*_PER_SERIES, "category_demand", "category_known")


def ratio(numerator: Array, denominator: Array) -> FloatArray:
    """Quotient as float32, NaN where the denominator is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        quotient = np.divide(numerator, denominator, dtype=np.float64).astype(np.float32)
    quotient[np.isinf(quotient)] = np.nan
    return quotient


def _price_level(block: Block) -> Array:
    known = ~np.isnan(block.price)
    total = MovingSums(np.where(known, block.price, 0).astype(np.float64)).over(28, block.rows)
    count = MovingSums(known.view(np.uint8)).over(28, block.rows)
    return ratio(block.today(block.price) * count.astype(np.float64), total)


def _price_change(days: int) -> Callable[[Block], Array]:
    def change(block: Block) -> Array:
        return ratio(block.today(block.price), lag(block.price, days, block.rows)) - np.float32(1)

    return change


def _promotion_lag(block: Block) -> Array:
    before = lag(block.on_promotion, 7, block.rows).astype(np.float32)
    before[~lag(block.on_offer, 7, block.rows)] = np.nan
    return before


def _share_of_offer(name: str) -> Callable[[Block], Array]:
    def share(block: Block) -> Array:
        days = MovingSums(getattr(block, name).view(np.uint8)).over(28, block.rows)
        return ratio(days, block.days_on_offer)

    return share


def _category_mean(days: int) -> Callable[[Block], Array]:
    def mean(block: Block) -> Array:
        total = MovingSums(block.category_demand).over(days, block.rows)
        count = MovingSums(block.category_known).over(days, block.rows)
        return np.take(ratio(total, count), block.category, axis=1)

    return mean


@dataclass(frozen=True)
class Feature:
    """One feature of more than demand.

    Attributes:
        name: Column of the `features` contract, which describes it.
        lookback: Days before D that the value of D may depend on.
        values: (rows, N) float32 from a block; NaN where unknown.
    """

    name: str
    lookback: int
    values: Callable[[Block], Array]


FEATURES: tuple[Feature | DemandFeature, ...] = (
    *TABLE_DEMAND_FEATURES,
    Feature("price_level_28", 27, _price_level),
    *(Feature(f"price_change_{days}", days, _price_change(days)) for days in (1, 7)),
    Feature("promotion_lag_7", 7, _promotion_lag),
    Feature("promotion_share_28", 27, _share_of_offer("on_promotion")),
    Feature("available_share_28", 27, _share_of_offer("available")),
    *(Feature(f"category_mean_{days}", days - 1, _category_mean(days)) for days in (7, 28)),
)

LOOKBACK_DAYS = max(feature.lookback for feature in FEATURES)
