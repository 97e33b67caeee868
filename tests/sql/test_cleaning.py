"""The rules of cleaning, one by one, on item A at shop X."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl
import pytest
from sql_sources import day, frame

from forecast_platform.sql import SqlProject
from forecast_platform.sql.run import run

PROJECT = SqlProject.load()
Rows = Iterable[Mapping[str, Any]]


def clean(
    sales: Rows,
    *,
    products: Rows = (),
    prices: Rows = (),
    promotions: Rows = (),
    inventory: Rows = (),
    last: int = 0,
) -> dict[dt.date, dict[str, Any]]:
    """Rows of clean_demand by day, days 0 to `last`, of sources that hold just these rows."""
    landed = {
        "validated_sales": sales,
        "validated_products": products,
        "validated_prices": prices,
        "validated_promotions": promotions,
        "validated_inventory": inventory,
    }
    sources = {name: frame(name, rows) for name, rows in landed.items()}
    built = run(PROJECT, sources, first=day(0), last=day(last), outputs=["clean_demand"])
    return {row["date"]: row for row in built["clean_demand"].to_dicts()}


def sold(units: float, on: int = 0, price: float | None = None) -> dict[str, Any]:
    return {"date": day(on), "units": units, "unit_price": price}


def test_returns_are_kept_apart_from_sales() -> None:
    row = clean([sold(5), sold(3), sold(-2)])[day(0)]
    assert (row["gross_units"], row["returned_units"], row["net_units"]) == (8, 2, 6)
    assert row["demand_units"] == 6


def test_an_order_cancelled_on_its_day_is_no_demand() -> None:
    row = clean([sold(80_995), sold(-80_995)])[day(0)]
    assert (row["gross_units"], row["net_units"], row["demand_units"]) == (80_995, 0, 0)


def test_more_returns_than_sales_are_no_negative_demand() -> None:
    row = clean([sold(1), sold(-4)])[day(0)]
    assert (row["net_units"], row["demand_units"]) == (-3, 0)


def test_lines_that_are_no_product_carry_no_demand() -> None:
    assert clean([sold(5)], products=[{"item_id": "A", "is_product": False}]) == {}
    assert len(clean([sold(5)], products=[{"item_id": "A", "is_product": True}])) == 1


def test_a_day_without_a_row_is_zero_demand_while_the_item_is_on_offer() -> None:
    rows = clean([sold(5)], last=40)
    assert list(rows) == [day(n) for n in range(36)]
    assert {rows[day(n)]["demand_units"] for n in range(1, 36)} == {0}
    assert all(row["is_available"] for row in rows.values())


def test_a_price_row_puts_an_item_on_offer_too() -> None:
    rows = clean([], prices=[{"date": day(0), "price": 2.5}], last=40)
    assert list(rows) == [day(n) for n in range(36)]
    assert {row["demand_units"] for row in rows.values()} == {0}


def test_a_line_of_zero_units_is_no_offer() -> None:
    assert clean([sold(0)]) == {}


def test_a_return_after_the_item_left_the_offer_is_kept_without_demand() -> None:
    rows = clean([sold(5), sold(-2, on=50)], last=60)
    assert list(rows) == [day(n) for n in (*range(36), 50)]
    late = rows[day(50)]
    assert (late["returned_units"], late["net_units"]) == (2, -2)
    assert late["demand_units"] is None
    assert not late["is_available"]


def test_a_return_does_not_prolong_the_offer_but_does_not_end_it_either() -> None:
    rows = clean([sold(5), sold(-2, on=30)], last=60)
    assert list(rows) == [day(n) for n in range(36)]
    assert rows[day(30)]["demand_units"] == 0


@pytest.mark.parametrize(
    ("units", "on_hand", "share", "demand", "stockout"),
    [
        (0, None, None, 0, False),
        (0, 3, None, 0, False),
        (0, 0, None, None, True),
        (0, -1, None, None, True),
        (4, 0, None, None, True),
        (0, None, 0.0, None, True),
        (4, None, 0.4, None, True),
        (4, None, 0.5, 4, True),
        (0, None, 0.5, None, True),
        (4, 3, 0.9, 4, True),
        (4, 3, 1.0, 4, False),
        (4, 0, 1.0, None, True),
    ],
)
def test_demand_is_unknown_where_an_empty_shelf_hid_it(
    units: float, on_hand: float | None, share: float | None, demand: float | None, stockout: bool
) -> None:
    stock = {"date": day(1), "on_hand": on_hand, "in_stock_share": share}
    row = clean([sold(1), sold(units, on=1)], inventory=[stock], last=1)[day(1)]
    assert row["demand_units"] == demand
    assert row["demand_winsorised"] == demand
    assert row["is_stockout"] is stockout
    assert row["is_available"] is not stockout
    assert row["on_hand"] == on_hand


def test_stock_of_another_day_says_nothing() -> None:
    rows = clean([sold(5)], inventory=[{"date": day(0), "on_hand": 0}], last=2)
    assert rows[day(1)]["on_hand"] is None
    assert rows[day(1)]["demand_units"] == 0


def test_the_shelf_price_holds_from_its_day_on_and_goes_before_the_price_paid() -> None:
    rows = clean(
        [sold(1, on=1, price=9.0)],
        prices=[{"date": day(1), "price": 2.5}, {"date": day(4), "price": 3.0}],
        last=5,
    )
    assert [row["price"] for row in rows.values()] == [2.5, 2.5, 2.5, 3.0, 3.0]


def test_the_price_paid_is_the_mean_over_units_and_is_held_for_35_days() -> None:
    sales = [sold(1, price=2.0), sold(3, price=4.0), sold(7), sold(-3, price=99.0), sold(1, on=30)]
    rows = clean(sales, last=40)
    assert {rows[day(n)]["price"] for n in range(36)} == {3.5}
    assert {rows[day(n)]["price"] for n in range(36, 41)} == {None}


def promotion(
    announced: int, start: int, end: int, discount: float | None, location: str | None = "X"
) -> dict[str, Any]:
    return {
        "date": day(announced),
        "start_date": day(start),
        "end_date": day(end),
        "discount": discount,
        "location_id": location,
    }


def promoted(*promotions: dict[str, Any], last: int) -> dict[int, float]:
    """Discounts of the days on promotion, of an item that sells every day."""
    rows = clean([sold(1, on=n) for n in range(last + 1)], promotions=promotions, last=last)
    return {n: row["discount"] for n, row in enumerate(rows.values()) if row["on_promotion"]}


def test_a_promotion_counts_from_start_to_end() -> None:
    assert promoted(promotion(0, 2, 3, 0.5), last=5) == {2: 0.5, 3: 0.5}


def test_a_promotion_announced_late_counts_from_its_announcement() -> None:
    assert promoted(promotion(3, 1, 4, 0.5), last=5) == {3: 0.5, 4: 0.5}


def test_a_promotion_of_all_locations_and_the_largest_cut_that_runs() -> None:
    both = promotion(0, 1, 3, 0.25, location=None), promotion(0, 2, 4, 0.5)
    assert promoted(*both, last=5) == {1: 0.25, 2: 0.5, 3: 0.5, 4: 0.5}
    assert promoted(promotion(0, 1, 1, 0.5, location="Y"), last=2) == {}


def test_a_promotion_without_a_discount_still_runs() -> None:
    assert promoted(promotion(0, 1, 1, None), last=2) == {1: 0}


def test_a_promotion_is_forgotten_90_days_after_its_announcement() -> None:
    assert max(promoted(promotion(0, 1, 200, 0.5), last=100)) == 90


ORDINARY = [sold(units, on=n) for n, units in enumerate([1, 2, 3, 2, 1, 4, 3] * 5)]
PEAK_DAY = 36
# Weekly peaks are all 4, so the spread is that of Poisson counts, 1.349, on the root scale.
FENCE = ((2 * (4 + 3 / 8) ** 0.5 + 3 * 1.349) / 2) ** 2 - 3 / 8


def test_an_outlier_is_flagged_and_cut_to_the_fence_in_a_column_of_its_own() -> None:
    row = clean([*ORDINARY, sold(500, on=PEAK_DAY)], last=PEAK_DAY)[day(PEAK_DAY)]
    assert row["is_outlier"]
    assert row["demand_units"] == row["net_units"] == 500
    assert row["demand_winsorised"] == pytest.approx(FENCE, rel=1e-6)


@pytest.mark.parametrize(("units", "outlier"), [(16.5, False), (16.6, True)])
def test_the_fence_lies_three_spreads_above_the_upper_quartile_of_weekly_peaks(
    units: float, outlier: bool
) -> None:
    assert 16.5 < FENCE < 16.6
    row = clean([*ORDINARY, sold(units, on=PEAK_DAY)], last=PEAK_DAY)[day(PEAK_DAY)]
    assert row["is_outlier"] is outlier


def test_one_outlier_does_not_hide_the_next() -> None:
    sales = [*ORDINARY, sold(500, on=PEAK_DAY), *(sold(2, on=n) for n in range(42, 49))]
    rows = clean([*sales, sold(400, on=50)], last=50)
    assert rows[day(50)]["is_outlier"]


def test_a_peak_under_a_promotion_is_no_outlier() -> None:
    row = clean(
        [*ORDINARY, sold(500, on=PEAK_DAY)],
        promotions=[promotion(30, PEAK_DAY, PEAK_DAY, 0.3)],
        last=PEAK_DAY,
    )[day(PEAK_DAY)]
    assert not row["is_outlier"]
    assert row["demand_winsorised"] == 500


def test_fewer_than_four_weeks_with_sales_judge_no_day() -> None:
    short = [*ORDINARY[14:], sold(500, on=PEAK_DAY)]
    assert not clean(short, last=PEAK_DAY)[day(PEAK_DAY)]["is_outlier"]


def test_no_sources_give_no_rows_but_the_columns_of_the_contract() -> None:
    built = run(PROJECT, {}, first=day(0), last=day(3), outputs=["clean_demand"])
    assert built["clean_demand"].is_empty()
    assert built["clean_demand"].schema["demand_units"] == pl.Float32
