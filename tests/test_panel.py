"""The wide panel and its way from long frames."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest

from forecast_platform.errors import ContractError
from forecast_platform.panel import Panel, from_long, index_rows
from forecast_platform.text import filled

DAY = dt.date(2024, 3, 1)


@pytest.fixture
def long() -> pl.DataFrame:
    """Two series of three days; b/north has no row on the first day."""
    rows = [
        (0, "a", "south", 1.0, True, 2.5, False, "old"),
        (1, "a", "south", None, False, 2.5, True, "old"),
        (2, "a", "south", 3.0, True, 2.0, True, "new"),
        (1, "b", "north", 7.0, True, 9.0, False, "other"),
        (2, "b", "north", 8.0, True, None, False, "other"),
    ]
    names = ["day", "item_id", "location_id", "demand", "is_available", "price", "promo", "kind"]
    return pl.DataFrame(rows, schema=names, orient="row").select(
        pl.lit(DAY).dt.offset_by(filled("{}d", "day")).alias("date"), pl.exclude("day")
    )


def build(frame: pl.DataFrame, days: int = 3) -> Panel:
    return from_long(
        frame,
        first=DAY,
        last=DAY + dt.timedelta(days=days - 1),
        demand="demand",
        past=("price", "promo"),
        static=("kind",),
    )


def test_rows_land_in_the_cell_of_their_series_and_day(long: pl.DataFrame) -> None:
    panel = build(long)

    assert panel.items.tolist() == ["a", "b"]
    assert panel.locations.tolist() == ["south", "north"]
    np.testing.assert_array_equal(panel.demand, [[1, np.nan, 3], [np.nan, 7, 8]])
    np.testing.assert_array_equal(panel.available, [[True, False, True], [False, True, True]])
    np.testing.assert_array_equal(panel.past["price"], [[2.5, 2.5, 2], [np.nan, 9, np.nan]])
    np.testing.assert_array_equal(panel.past["promo"], [[0, 1, 1], [np.nan, 0, 0]])
    assert panel.demand.dtype == panel.past["promo"].dtype == np.float32


def test_a_static_attribute_is_that_of_the_last_day(long: pl.DataFrame) -> None:
    assert build(long).static["kind"].tolist() == ["new", "other"]


def test_the_order_of_rows_does_not_matter(long: pl.DataFrame) -> None:
    shuffled = build(long.sample(fraction=1, shuffle=True, seed=1))
    panel = build(long)

    np.testing.assert_array_equal(shuffled.demand, panel.demand)
    np.testing.assert_array_equal(shuffled.static["kind"], panel.static["kind"])


def test_rows_of_other_days_are_ignored(long: pl.DataFrame) -> None:
    panel = build(long, days=1)

    assert panel.items.tolist() == ["a"]
    assert panel.last_day == DAY


def test_no_rows_make_an_empty_panel(long: pl.DataFrame) -> None:
    panel = build(long.clear())

    assert panel.demand.shape == (0, 3)
    assert panel.static["kind"].tolist() == []


def test_series_are_sorted_by_item_then_location() -> None:
    frame = pl.DataFrame(
        {"item_id": ["b", "a", "a"], "location_id": ["x", "y", "x"], "date": [DAY] * 3}
    )
    index = index_rows(frame, DAY)

    assert index.keys.rows() == [("a", "x"), ("a", "y"), ("b", "x")]
    assert index.series.tolist() == [2, 1, 0]


def test_until_cuts_what_was_not_known_yet(long: pl.DataFrame) -> None:
    panel = build(long).until(DAY + dt.timedelta(days=1))

    assert panel.n_days == 2
    assert panel.past["price"].shape == (2, 2)


def test_last_keeps_the_newest_days(long: pl.DataFrame) -> None:
    panel = build(long)

    assert panel.last(2).first_day == DAY + dt.timedelta(days=1)
    np.testing.assert_array_equal(panel.last(2).demand, panel.demand[:, 1:])
    assert panel.last(99).n_days == 3


def test_select_keeps_the_series_asked_for(long: pl.DataFrame) -> None:
    chosen = build(long).select(np.array([False, True]))

    assert chosen.items.tolist() == ["b"]
    assert chosen.static["kind"].tolist() == ["other"]


def test_a_day_outside_the_panel_is_named(long: pl.DataFrame) -> None:
    with pytest.raises(ContractError, match=r"holds 2024-03-01 to 2024-03-03, not 2024-03-04"):
        build(long).column_of(DAY + dt.timedelta(days=3))
