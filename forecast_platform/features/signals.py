"""From the optional tables to `signal_features`: what is known from outside at a day's close.

The conventions of `definitions.py` hold: no value uses a later day, and a value has the same bits
wherever the block of days starts.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from forecast_platform.contracts.signal_features import SIGNAL_FEATURES
from forecast_platform.features.definitions import MovingSums, ratio
from forecast_platform.features.outlook import at_origin, campaign_outlook
from forecast_platform.features.table import CATEGORY_GRID
from forecast_platform.panel import FloatArray, index_rows

PRICE_DAYS = 28
"""Days for which a competitor's price counts after it was seen."""

INDEX_DAYS = 62
"""Days for which an index counts after it was published: some come once a month."""

COMPETITOR_LOOKBACK_DAYS = PRICE_DAYS - 1 + 7
INDEX_LOOKBACK_DAYS = INDEX_DAYS - 1 + 28
BEHAVIOUR_LOOKBACK_DAYS = 28 - 1

_SLAB_CELLS = 4_000_000
_COUNTS = ("views", "carts", "purchases", "ratings")
_WEATHER = ("temperature", "precipitation")

Doubles = NDArray[np.float64]
Index = NDArray[np.int64]
Tables = Mapping[str, pl.DataFrame]


def behaviour_of(events: pl.DataFrame) -> pl.DataFrame:
    """Count the events of each item, location and day.

    Args:
        events: Rows of `validated_user_events`.

    Returns:
        Rows of `user_behaviour`, sorted by day, item and location.
    """
    is_kind = {name: pl.col("event") == name.removesuffix("s") for name in _COUNTS}
    counted = (
        events.sort("date", "item_id", "location_id", "file", "row_number")
        .group_by("date", "item_id", "location_id", maintain_order=True)
        .agg(
            *(is_kind[name].sum().cast(pl.Int64).alias(name) for name in _COUNTS),
            visitors=pl.col("user_id").drop_nulls().n_unique().cast(pl.Int64),
            mean_rating=pl.col("rating").filter(is_kind["ratings"]).mean(),
        )
    )
    conversion = pl.when(pl.col("views") > 0).then(pl.col("purchases") / pl.col("views"))
    return counted.with_columns(conversion=conversion)


def signal_features(
    clean: pl.DataFrame, first: dt.date, last: dt.date, *, products: pl.DataFrame, signals: Tables
) -> pl.DataFrame:
    """The signals of the days [first, last] for the items on offer.

    Args:
        clean: `date`, `item_id`, `location_id`, `price` of clean_demand.
        first: First day.
        last: Last day.
        products: `item_id`, `category`.
        signals: By name those of weather, competitor_prices, market_indices, campaigns (validated)
            and user_behaviour that land, each with its look-back.

    Returns:
        Rows of `signal_features`, sorted by date, item and location.
    """
    rows = clean.select("date", "item_id", "location_id", "price").filter(
        pl.col("date").is_between(first, last)
    )
    index = index_rows(rows, first)
    days, day, series = (last - first).days + 1, index.day, index.series
    keys = index.keys.join(
        products.select("item_id", "category"), on="item_id", how="left", maintain_order="left"
    )
    columns: dict[str, FloatArray] = {}
    if "market_indices" in signals:
        changes = _market_changes(signals["market_indices"], first, days)
        columns |= {name: values[day] for name, values in changes.items()}
    if "competitor_prices" in signals:
        level, change = _competitors(signals["competitor_prices"], keys["item_id"], first, days)
        price = rows["price"].cast(pl.Float32).to_numpy()
        columns["competitor_price_ratio"] = ratio(price, level[series, day])
        columns["competitor_price_change_7"] = change[series, day]
    if "campaigns" in signals:
        known = campaign_outlook(signals["campaigns"], keys, first, last, range(1))
        for name in ("on_campaign", "campaign_spend"):
            columns[name] = at_origin(known[name])[known[name].row[series], day]
    if "user_behaviour" in signals:
        behaviour = _behaviour(signals["user_behaviour"], keys, first, days)
        columns |= {name: values[day, series] for name, values in behaviour.items()}
    frame = rows.select("date", "item_id", "location_id").with_columns(
        pl.Series(name, values.astype(np.float32), nan_to_null=True)
        for name, values in columns.items()
    )
    if "weather" in signals:
        seen = signals["weather"].select("date", "location_id", *_WEATHER)
        frame = frame.join(seen, on=("date", "location_id"), how="left", maintain_order="left")
    missing = [c for c in SIGNAL_FEATURES.column_names if c not in frame.columns]
    frame = frame.with_columns(pl.lit(None, pl.Float32).alias(name) for name in missing)
    return frame.select(SIGNAL_FEATURES.column_names).sort("date", "item_id", "location_id")


def _start(first: dt.date, rows: int, lookback: int) -> tuple[dt.date, int]:
    """First day and number of days of a block of `rows` days with its look-back."""
    return first - dt.timedelta(days=lookback), rows + lookback


def _wide(
    frame: pl.DataFrame, row: Index, rows: int, value: str, first: dt.date, days: int
) -> Doubles:
    """(rows, days) values by row and day; NaN where there is none."""
    day = frame.select((pl.col("date") - first).dt.total_days()).to_series().to_numpy()
    inside = (day >= 0) & (day < days)
    wide = np.full((rows, days), np.nan)
    wide[row[inside], day[inside]] = frame[value].cast(pl.Float64).to_numpy()[inside]
    return wide


def _held(values: Doubles, days: int) -> Doubles:
    """The newest known value of the last `days` days, along the last axis."""
    at = np.arange(values.shape[-1])
    newest = np.maximum.accumulate(np.where(np.isnan(values), -days - 1, at), axis=-1)
    held = np.take_along_axis(values, np.maximum(newest, 0), axis=-1)
    return np.where(at - newest < days, held, np.nan)


def _change(values: Doubles, days: int, rows: int) -> FloatArray:
    """Relative change since `days` before, of the last `rows` days."""
    end = values.shape[-1]
    before = values[..., end - rows - days : end - days]
    return ratio(values[..., end - rows :], before) - np.float32(1)


def _market_changes(indices: pl.DataFrame, first: dt.date, rows: int) -> dict[str, FloatArray]:
    """(rows,) mean relative changes of all indices."""
    names = indices["index_name"].unique().sort()
    start, days_held = _start(first, rows, INDEX_LOOKBACK_DAYS)
    row = indices["index_name"].cast(pl.Enum(names)).to_physical().to_numpy().astype(np.int64)
    wide = _wide(indices, row, len(names), "value", start, days_held)
    held = _held(wide, INDEX_DAYS)
    found = {}
    for days in (7, 28):
        change = _change(held, days, rows).astype(np.float64)
        known = ~np.isnan(change)
        total = np.where(known, change, 0).sum(axis=0)
        found[f"market_change_{days}"] = ratio(total, known.sum(axis=0))
    return found


def _competitors(
    prices: pl.DataFrame, items: pl.Series, first: dt.date, rows: int
) -> tuple[FloatArray, FloatArray]:
    """(N, rows) mean newest price of the competitors of each series' item, and its change."""
    wanted = items.unique().sort()
    seen = prices.filter(pl.col("item_id").is_in(wanted.implode())).sort("item_id", "competitor")
    item = seen["item_id"].cast(pl.Enum(wanted)).to_physical().to_numpy().astype(np.int64)
    pair = seen.select(pl.struct("item_id", "competitor").rle_id()).to_series().to_numpy()
    pair = pair.astype(np.int64)
    level = np.full((len(wanted), rows), np.nan, dtype=np.float32)
    change = level.copy()
    start, days = _start(first, rows, COMPETITOR_LOOKBACK_DAYS)
    competitors = max(seen["competitor"].n_unique(), 1)
    step = max(1, _SLAB_CELLS // (days * competitors))
    for begin in range(0, len(wanted), step):
        some = slice(*np.searchsorted(item, (begin, begin + step)))
        if some.start == some.stop:
            continue
        row = pair[some] - pair[some.start]
        wide = _wide(seen[some], row, int(row[-1]) + 1, "price", start, days)
        mean = _mean_by_item(_held(wide, PRICE_DAYS), row, item[some])
        at = np.unique(item[some])
        level[at] = mean[:, days - rows :]
        change[at] = _change(mean, 7, rows)
    of_series = items.cast(pl.Enum(wanted)).to_physical().to_numpy()
    return level[of_series], change[of_series]


def _mean_by_item(values: Doubles, row: Index, item: Index) -> Doubles:
    """(items, days) mean of the known rows of each item; sums are exact, in any order."""
    owner = np.zeros(len(values), dtype=np.int64)
    owner[row] = item
    starts = np.flatnonzero(np.diff(owner, prepend=-1))
    known = ~np.isnan(values)
    on_grid = np.rint(np.where(known, values, 0) * CATEGORY_GRID) / CATEGORY_GRID
    total = np.add.reduceat(on_grid, starts, axis=0)
    count = np.add.reduceat(known.astype(np.float64), starts, axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean: Doubles = np.where(count > 0, total / count, np.nan)
    return mean


def _behaviour(
    behaviour: pl.DataFrame, keys: pl.DataFrame, first: dt.date, rows: int
) -> dict[str, FloatArray]:
    """(rows, N) sums over windows of what visitors did; a day without a row had no event."""
    series = keys.select("item_id", "location_id").with_row_index("series")
    seen = behaviour.join(series, on=("item_id", "location_id"), how="inner")
    row = seen["series"].to_numpy().astype(np.int64)
    start, days = _start(first, rows, BEHAVIOUR_LOOKBACK_DAYS)
    seen = seen.with_columns(stars=(pl.col("mean_rating") * pl.col("ratings")).fill_null(0))
    sums: dict[str, MovingSums] = {}
    for name in (*_COUNTS, "stars"):
        wide = np.nan_to_num(_wide(seen, row, keys.height, name, start, days)).T
        sums[name] = MovingSums(wide)
    views = sums["views"].over(28, rows)
    return {
        "views_mean_7": (sums["views"].over(7, rows) / 7).astype(np.float32),
        "cart_share_28": ratio(sums["carts"].over(28, rows), views),
        "conversion_28": ratio(sums["purchases"].over(28, rows), views),
        "rating_mean_28": ratio(sums["stars"].over(28, rows), sums["ratings"].over(28, rows)),
    }
