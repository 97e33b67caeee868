"""From clean demand to the daily feature table.

Belongs here: laying rows out as arrays and back. Does not belong here: what a feature is
(`definitions.py`, `calendar.py`).
"""

from __future__ import annotations

import datetime as dt
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from forecast_platform.contracts.core import DType
from forecast_platform.contracts.features import FEATURES as CONTRACT
from forecast_platform.errors import ContractError
from forecast_platform.features.calendar import SeriesCalendar, series_calendar
from forecast_platform.features.definitions import FEATURES, LOOKBACK_DAYS, Block
from forecast_platform.panel import index_rows

INPUT_COLUMNS = (
    "date", "item_id", "location_id", "demand_winsorised", "is_available", "price", "on_promotion",
    "discount",
)  # fmt: skip
"""Columns of clean_demand that features are computed from."""

SLAB_ROWS = 400
"""Days computed at once at most, look-back included."""

SLAB_CELLS = 200_000
"""Days times series computed at once: what fits the processor's cache."""

CATEGORY_GRID = 2.0**16
"""Steps per unit to which demand is rounded before it is added up over items. Such sums are exact,
so they depend neither on the order of items nor on the span of days."""

_TYPES = {
    DType.DATE: pl.Date(),
    DType.STRING: pl.String(),
    DType.BOOL: pl.Boolean(),
    DType.REAL: pl.Float32(),
}
SCHEMA = pl.Schema({column.name: _TYPES[column.dtype] for column in CONTRACT.columns})


def compute(
    clean: pl.DataFrame,
    first: dt.date,
    last: dt.date,
    *,
    products: pl.DataFrame,
    locations: pl.DataFrame,
    calendar: pl.DataFrame,
    country: str = "US",
) -> pl.DataFrame:
    """The feature table of the days [first, last].

    Args:
        clean: Rows of clean_demand (`INPUT_COLUMNS`) of [first - LOOKBACK_DAYS, last] in any order;
            rows of other days are ignored.
        first: First day.
        last: Last day.
        products: `item_id`, `category`.
        locations: `location_id`, `country`, `region`.
        calendar: Events known in advance: `date`, `kind`, `region`.
        country: Country of the holidays of locations that name none.

    Returns:
        A frame of the `features` contract with the items on offer, sorted by date, item_id,
        location_id; null where unknown. A row depends only on its own series and, for category
        means, on its category at its location, no more than LOOKBACK_DAYS back.

    Raises:
        ContractError: If `first` lies after `last` or a column is missing.
    """
    if missing := [name for name in INPUT_COLUMNS if name not in clean.columns]:
        raise ContractError(
            f"Expected the columns {', '.join(INPUT_COLUMNS)} of clean_demand, got a frame without "
            f"{', '.join(missing)}: read the whole table."
        )
    if first > last:
        raise ContractError(f"Expected a first day no later than the last, got {first} to {last}.")
    start = first - dt.timedelta(days=LOOKBACK_DAYS)
    rows = clean.select(INPUT_COLUMNS).filter(pl.col("date").is_between(start, last))
    if rows.is_empty():
        return SCHEMA.to_frame()
    keys, whole = _lay_out(rows, start, last, products)
    advance = series_calendar(first, last, keys, locations, calendar, country)
    return _table(whole, advance, keys, first)


def _split(count: int, most: int) -> list[tuple[int, int]]:
    """Runs [begin, end) of about equal length, none longer than `most`."""
    edges = np.linspace(0, count, -(-count // most) + 1).astype(int).tolist()
    return list(pairwise(edges))


def _lay_out(
    rows: pl.DataFrame, start: dt.date, last: dt.date, products: pl.DataFrame
) -> tuple[pl.DataFrame, Block]:
    """The series and the block of all days asked for; days outermost, as the table is sorted."""
    index = index_rows(rows, start)
    shape = ((last - start).days + 1, index.keys.height)
    at = index.day * shape[1] + index.series

    def wide(values: Any, empty: float | bool) -> NDArray[Any]:
        array: NDArray[Any] = np.full(
            shape, empty, dtype=np.bool_ if empty is False else np.float32
        )
        array.reshape(-1)[at] = values
        return array

    demand = wide(rows["demand_winsorised"].to_numpy(), np.nan)
    group = _groups(index.keys, products)
    known = ~np.isnan(demand)
    on_grid = np.rint(np.where(known, demand, 0) * CATEGORY_GRID) / CATEGORY_GRID
    return index.keys, Block(
        rows=shape[0] - LOOKBACK_DAYS,
        demand=demand,
        price=wide(rows["price"].to_numpy(), np.nan),
        on_offer=wide(True, False),
        available=wide(rows["is_available"].to_numpy(), False),
        on_promotion=wide(rows["on_promotion"].to_numpy(), False),
        discount=wide(rows["discount"].to_numpy(), np.nan),
        category_demand=_sum_by_group(on_grid, group),
        category_known=_sum_by_group(known, group),
        category=group,
    )


def _groups(keys: pl.DataFrame, products: pl.DataFrame) -> NDArray[np.intp]:
    """(N,) number of the category and location of each series."""
    known = keys.join(
        products.select("item_id", "category"), on="item_id", how="left", maintain_order="left"
    )
    return (
        known.select(pl.struct("category", "location_id").rank("dense") - 1)
        .to_series()
        .to_numpy()
        .astype(np.intp)
    )


def _sum_by_group(values: NDArray[Any], group: NDArray[np.intp]) -> NDArray[np.float64]:
    """(R, G) sums over the series of each group."""
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    return np.add.reduceat(values[:, order], starts, axis=1, dtype=np.float64)


def _table(
    block: Block, advance: SeriesCalendar, keys: pl.DataFrame, first: dt.date
) -> pl.DataFrame:
    """The feature table of the cells of a block that are on offer."""
    at = np.flatnonzero(block.today(block.on_offer))
    day, series = np.divmod(at, keys.height)

    def column(values: NDArray[Any]) -> pl.Series:
        return pl.Series(block.today(values).reshape(-1)[at], nan_to_null=True)

    dates = pl.Series(day.astype(np.int32) + (first - dt.date(1970, 1, 1)).days).cast(pl.Date)
    observed = {
        "demand": block.demand,
        "is_available": block.available,
        "price": block.price,
        "on_promotion": block.on_promotion,
        "discount": block.discount,
    }
    columns = {
        "date": dates,
        "item_id": keys["item_id"].gather(series),
        "location_id": keys["location_id"].gather(series),
        **{name: column(values) for name, values in observed.items()},
        **{n: pl.Series(values, nan_to_null=True) for n, values in _features(block, at).items()},
        **advance.of_rows(day, series),
    }
    return pl.DataFrame(columns).match_to_schema(SCHEMA)


def _features(whole: Block, at: NDArray[np.intp]) -> dict[str, NDArray[np.float32]]:
    """Values of every feature for the cells `at` that are on offer, computed slab by slab."""
    values = {feature.name: np.empty(len(at), dtype=np.float32) for feature in FEATURES}
    place = np.zeros((whole.rows, whole.demand.shape[1]), dtype=np.intp)
    place.reshape(-1)[at] = np.arange(len(at))
    for first, last in _split(whole.rows, SLAB_ROWS - LOOKBACK_DAYS):
        days = whole.part(first, last)
        for begin, end in _split(place.shape[1], SLAB_CELLS // len(days.demand)):
            slab = days.slab(begin, end)
            cells = np.flatnonzero(slab.today(slab.on_offer))
            target = place[first:last, begin:end].reshape(-1)[cells]
            for feature in FEATURES:
                values[feature.name][target] = feature.values(slab).reshape(-1)[cells]
    return values
