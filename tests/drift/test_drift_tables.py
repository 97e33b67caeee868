"""Rows of the drift tables of a small shop: what is found, when, and what they depend on."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from forecast_platform.drift import accuracy_drift, input_drift, out_of_band, training_profile
from forecast_platform.graph import ACCURACY_DAYS, DRIFT_DAYS
from forecast_platform.lake.days import ONE_DAY

FIRST = dt.date(2022, 1, 3)
DAYS, TRAINED = 900, 730
CUTOFF = FIRST + (TRAINED - 1) * ONE_DAY
AFTER = [CUTOFF + n * ONE_DAY for n in range(1, DAYS - TRAINED + 1)]
ITEMS = [f"{kind}{n}" for kind in ("FRESH", "DRY") for n in range(12)]
PRODUCTS = pl.DataFrame(
    {"item_id": ITEMS, "category": [item.rstrip("0123456789").lower() for item in ITEMS]}
)
CHANGE = AFTER[60]
LATE = pl.col("date") >= CHANGE
FRESH = pl.col("item_id").str.starts_with("FRESH")


def _shop() -> pl.DataFrame:
    """Clean demand with a weekly cycle, a yearly season, a price each, promotions, stock-outs."""
    draw = np.random.default_rng(3)
    day = np.arange(DAYS)
    level = (1.2 + 0.25 * np.sin(2 * np.pi * day / 365)) * np.where(day % 7 > 4, 1.8, 1.0)
    parts = []
    for place in ("NORTH", "SOUTH"):
        for item in ITEMS:
            out = draw.random(DAYS) < 0.03
            parts.append(
                pl.DataFrame(
                    {
                        "date": [FIRST + n * ONE_DAY for n in range(DAYS)],
                        "item_id": item, "location_id": place,
                        "demand_units": np.where(out, np.nan, draw.poisson(1.2 * level)),
                        "price": np.repeat(draw.uniform(2, 9), DAYS).round(2),
                        "on_promotion": draw.random(DAYS) < 0.1,
                        "is_available": ~out, "on_hand": np.where(out, 0.0, 20.0),
                    }
                )
            )  # fmt: skip
    units = pl.col("demand_units", "price", "on_hand").fill_nan(None).cast(pl.Float32)
    return pl.concat(parts).with_columns(units)


SHOP = _shop()
PROFILE = training_profile(SHOP.filter(pl.col("date") <= CUTOFF), PRODUCTS, CUTOFF)


def drift(shop: pl.DataFrame, days: list[dt.date] = AFTER) -> pl.DataFrame:
    read = pl.col("date").is_between(days[0] - (DRIFT_DAYS - 1) * ONE_DAY, days[-1])
    return input_drift(shop.filter(read), PRODUCTS, PROFILE, days)


def found(shop: pl.DataFrame) -> dict[tuple[str, str], int]:
    """Days from the change to the first alarm, by group and watched column."""
    rows = drift(shop).filter("is_drift").with_columns(
        place=pl.coalesce("category", "location_id", "level")
    )  # fmt: skip
    first = rows.group_by("place", "watched").agg(pl.col("date").min())
    return {(place, name): (day - CHANGE).days for place, name, day in first.rows()}


def test_weekly_cycle_and_yearly_season_are_no_drift() -> None:
    rows = drift(SHOP)
    assert rows.height == len(AFTER) * 5 * 6
    assert rows["is_drift"].mean() < 0.01
    assert set(rows["level"]) == {"total", "category", "location"}


CHANGES = {
    "prices of a category rise by 30 %": (
        {"price": pl.when(LATE & FRESH).then(pl.col("price") * 1.3).otherwise("price")},
        ("fresh", "price"), 8,
    ),
    "demand of a category halves": (
        {"demand_units": pl.when(LATE & FRESH).then((pl.col("demand_units") / 2).floor())
         .otherwise("demand_units")},
        ("fresh", "demand_units"), 21,
    ),
    "sales of a location stop": (
        {"demand_units": pl.when(LATE & (pl.col("location_id") == "NORTH")).then(0.0)
         .otherwise("demand_units")},
        ("NORTH", "zero_demand"), 7,
    ),
    "stock counts stop": (
        {"on_hand": pl.when(~LATE).then("on_hand")}, ("total", "stock_known"), 1,
    ),
    "prices are no longer told": ({"price": pl.when(~LATE).then("price")}, ("total", "price"), 1),
    "everything is on promotion": (
        {"on_promotion": pl.col("on_promotion") | LATE}, ("total", "on_promotion"), 3,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_found_where_it_happened(name: str) -> None:
    changed, place, within = CHANGES[name]
    days = found(SHOP.with_columns(**changed))
    assert 0 <= days[place] <= within
    if place[0] == "fresh":
        assert ("dry", place[1]) not in days


def test_a_location_without_rows_is_drift_and_a_new_category_has_nothing_to_compare() -> None:
    gone = SHOP.filter(~LATE | (pl.col("location_id") == "SOUTH"))
    assert found(gone)["NORTH", "price"] <= DRIFT_DAYS // 2 + 1
    last = drift(gone).filter(location_id="NORTH", date=AFTER[-1])
    assert last["rows"].to_list() == [0] * 6
    assert last["psi"].null_count() == 6
    new = PRODUCTS.with_columns(category=pl.lit("frozen"))
    assert set(input_drift(SHOP, new, PROFILE, AFTER[-1:]).filter(level="category")["rows"]) == {0}


def test_a_day_depends_on_its_four_weeks_alone_and_on_no_order() -> None:
    together = drift(SHOP)
    for day in (AFTER[0], AFTER[33]):
        alone = drift(SHOP.sample(fraction=1, shuffle=True, seed=1), [day])
        assert_frame_equal(alone, together.filter(date=day), check_exact=True)
    again = training_profile(
        SHOP.filter(pl.col("date") <= CUTOFF).sample(fraction=1, shuffle=True, seed=1),
        PRODUCTS, CUTOFF,
    )  # fmt: skip
    assert_frame_equal(again, PROFILE, check_exact=True)


def test_each_day_is_held_against_the_newest_cutoff_up_to_it() -> None:
    earlier = CUTOFF - 7 * ONE_DAY
    both = pl.concat([
        PROFILE,
        training_profile(SHOP.filter(pl.col("date") <= earlier), PRODUCTS, earlier),
    ])  # fmt: skip
    days = [earlier + n * ONE_DAY for n in range(-1, 9)]
    rows = input_drift(SHOP, PRODUCTS, both, days)
    assert dict(rows.select("date", "cutoff").unique().rows()) == {
        day: CUTOFF if day >= CUTOFF else earlier for day in days[1:]
    }
    assert input_drift(SHOP, PRODUCTS, PROFILE.clear(), days).is_empty()


@pytest.mark.parametrize(("days", "is_known"), [(0, False), (10, False), (55, False), (56, True)])
def test_a_history_of_eight_weeks_has_a_profile(days: int, is_known: bool) -> None:
    last = FIRST + (days - 1) * ONE_DAY
    short = SHOP.filter(pl.col("date") <= last)
    assert training_profile(short, PRODUCTS, last).is_empty() != is_known


def test_a_column_without_values_has_a_profile_too() -> None:
    blank = SHOP.with_columns(price=pl.lit(None, pl.Float32))
    assert (
        training_profile(blank, PRODUCTS, SHOP["date"].max())
        .filter(watched="price")["mean"]
        .is_null()
        .all()
    )


def _accuracy(shop: pl.DataFrame) -> pl.LazyFrame:
    """Forecasts a week ahead: what was sold on the last four days of that weekday, on average."""
    actual = pl.col("demand_units")
    means = [actual.shift(7 * n).over("item_id", "location_id") for n in (1, 2, 3, 4)]
    return (
        shop.sort("date").with_columns(mean=pl.mean_horizontal(means), actual=actual)
        .filter(pl.col("date") > AFTER[0] - ACCURACY_DAYS * ONE_DAY)
        .drop_nulls(["mean", "actual"]).lazy()
    )  # fmt: skip


def test_errors_that_rise_leave_their_band_where_they_did() -> None:
    draw = np.random.default_rng(5)
    wild = pl.Series(draw.choice([0, 4], SHOP.height))
    shop = SHOP.with_columns(
        demand_units=pl.when(LATE & FRESH).then(pl.col("demand_units") * wild)
        .otherwise("demand_units")
    )  # fmt: skip
    rows = accuracy_drift(_accuracy(shop), PRODUCTS, AFTER)
    worse = out_of_band(rows, 0.2)
    first = dict(worse.group_by("level", "category").agg(pl.col("date").min())
                 .select("category", "date").rows())  # fmt: skip
    assert 0 <= (first["fresh"] - CHANGE).days <= 14
    assert 0 <= (first[None] - CHANGE).days <= 21
    assert "dry" not in first
    assert worse.filter(date=CHANGE + 20 * ONE_DAY, category="fresh")["weeks"].to_list() == [3]


def test_accuracy_of_a_day_depends_on_its_window_alone_and_on_no_order() -> None:
    accuracy = _accuracy(SHOP)
    together = accuracy_drift(accuracy, PRODUCTS, AFTER)
    day = AFTER[20]
    read = pl.col("date").is_between(day - (ACCURACY_DAYS - 1) * ONE_DAY, day)
    mixed = accuracy.filter(read).collect().sample(fraction=1, shuffle=True, seed=2).lazy()
    alone = accuracy_drift(mixed, PRODUCTS, [day])
    assert_frame_equal(alone, together.filter(date=day), check_exact=True)
    assert accuracy_drift(accuracy.clear(), PRODUCTS, AFTER).is_empty()
    assert out_of_band(together.filter(level="total"), 0.2).is_empty()
