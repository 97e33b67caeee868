"""Sales as the tills export them: rows as text, some dirty, some late, some beside the point."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from forecast_platform.sources.demo.shop import Ints, Shop, stream
from forecast_platform.sources.demo.trade import Trade
from forecast_platform.text import filled

DIRT: dict[str, tuple[str, str]] = {
    "impossible date": ("date", "2024-02-30"),
    "date in words": ("date", "yesterday"),
    "far future": ("date", "2924-01-01"),
    "unknown item": ("item_id", "NO-SUCH-ITEM"),
    "no location": ("location_id", ""),
    "not a number": ("units", "NaN"),
    "absurd quantity": ("units", "99999999"),
    "absurd negative": ("units", "-99999999"),
    "decimal comma": ("units", "{},0"),
    "thousands separator": ("unit_price", "1.234,50"),
    "padded id": ("item_id", " {} "),
}
"""What goes wrong in a row: the column, and the text that replaces its own ("{}") there."""
DUPLICATE = "duplicate"
DELIVERY = "DELIVERY"
"""Item under which the shop books delivery fees; no product."""

_DIRTY_SHARE = 0.005
_LATE_SHARE = 0.004
_MISCOUNTED_SHARE = 0.001
_DELIVERY_SHARE = 0.3
_LATE_EVERY_DAYS = 14
_NOTES = ('said "thanks", left', "two\nlines", "🙂; ' OR 1=1 --")
_NOTE_EVERY_ROWS = 499
_ORDER = ("arrival", "day", "item_id", "location_id")


def till_rows(shop: Shop, deal: Trade) -> pl.DataFrame:
    """Every sales row that landed within the days of `deal`.

    A late file brings daily totals that had been held back, and corrects some that had counted one
    unit too many: same key, true units.

    Returns:
        The columns of sales as text; `note`, a column that no contract knows; `arrival`, the date
        the row landed; `late`, whether that was after the day's close; `dirt`, its kind or null.
        Rows are ordered by arrival, so a longer trade begins with the same rows.
    """
    days, series = deal.sales.shape
    draws = stream(shop.seed, "dirt").random((days, 2, series))
    totals = _totals(shop, deal)
    day, cell = np.nonzero(deal.sales)
    dirty, delay = draws[day, 0, cell], draws[day, 1, cell]
    kinds = pl.Series([*DIRT, DUPLICATE])
    kind = np.minimum(dirty / _DIRTY_SHARE * len(kinds), len(kinds) - 1).astype(int)
    late = delay < _LATE_SHARE
    batch = (day // _LATE_EVERY_DAYS + 1) * _LATE_EVERY_DAYS + 2
    totals = totals.with_columns(
        arrival=pl.Series(np.where(late, batch, day)),
        late=pl.Series(late),
        dirt=pl.when(pl.Series(dirty < _DIRTY_SHARE)).then(kinds.gather(kind)),
    )
    miscounted = ~late & (delay < _LATE_SHARE + _MISCOUNTED_SHARE)
    corrections = totals.filter(miscounted).with_columns(
        arrival=pl.Series(batch[miscounted]), late=pl.lit(True), dirt=pl.lit(None, pl.String)
    )
    one_too_many = (pl.col("units").cast(pl.Int64) + 1).cast(pl.String)
    totals = totals.with_columns(
        units=pl.when(pl.Series(miscounted)).then(one_too_many).otherwise("units")
    )
    fees = _deliveries(shop, stream(shop.seed, "fees").random((days,)) < _DELIVERY_SHARE)
    prompt = pl.concat([_returns(shop, deal), fees]).with_columns(
        arrival=pl.col("day"), late=pl.lit(False), dirt=pl.lit(None, pl.String)
    )
    clean = pl.concat([totals, corrections, prompt])
    return _as_landed(clean.filter(pl.col("arrival") < days), shop)


def _as_landed(clean: pl.DataFrame, shop: Shop) -> pl.DataFrame:
    """Sort by arrival, soil what is to be dirty, repeat the duplicates, add notes."""
    rows = pl.concat([clean, clean.filter(pl.col("dirt") == DUPLICATE)])
    rows = rows.sort(*_ORDER, "order_id", maintain_order=True).with_row_index("row")
    for kind, (column, text) in DIRT.items():
        soiled = filled(text, column) if "{}" in text else pl.lit(text)
        rows = rows.with_columns(
            pl.when(pl.col("dirt") == kind).then(soiled).otherwise(column).alias(column)
        )
    # Not on a duplicate, which would no longer be exact.
    noted = (pl.col("row") % _NOTE_EVERY_ROWS == 0) & pl.col("dirt").is_null()
    number = pl.col("row") // _NOTE_EVERY_ROWS % len(_NOTES)
    return rows.with_columns(
        note=pl.when(noted).then(number.replace_strict(dict(enumerate(_NOTES)))),
        arrival=pl.lit(shop.first_day) + pl.duration(days="arrival"),
    ).drop("row", "day")


def _totals(shop: Shop, deal: Trade) -> pl.DataFrame:
    """Daily totals of units sold, in day order."""
    return _cells(shop, deal, deal.sales, sign=1).with_columns(
        order_id=pl.lit(None, pl.String), order_line=pl.lit(None, pl.String)
    )


def _returns(shop: Shop, deal: Trade) -> pl.DataFrame:
    """Returned units as lines of their own, numbered within the day."""
    number = pl.int_range(1, pl.len() + 1).over("day")
    return _cells(shop, deal, deal.returned, sign=-1).with_columns(
        order_id=filled("RETURN-{}-{}", "date", number), order_line=pl.lit("1")
    )


def _cells(shop: Shop, deal: Trade, units: Ints, sign: int) -> pl.DataFrame:
    frame, day, series = shop.cells(units > 0)
    paid = deal.list_price[day, shop.item_of[series]] * (1 - deal.discount[day, series])
    return frame.with_columns(
        pl.col("date").cast(pl.String),
        units=pl.Series(sign * units[day, series]).cast(pl.String),
        unit_price=pl.Series(np.round(paid, 2)).cast(pl.String),
    )


def _deliveries(shop: Shop, wanted: NDArray[np.bool_]) -> pl.DataFrame:
    """A delivery fee on each of the (T,) wanted days."""
    dates = shop.dates(len(wanted)).cast(pl.String)
    return (
        pl.DataFrame({"day": np.arange(len(wanted)), "date": dates})
        .filter(pl.Series(wanted))
        .with_columns(
            item_id=pl.lit(DELIVERY),
            location_id=pl.lit(shop.location_ids[0]),
            units=pl.lit("1"),
            unit_price=pl.lit("4.99"),
            order_id=filled("DELIVERY-{}", "date"),
            order_line=pl.lit("1"),
        )
    )
