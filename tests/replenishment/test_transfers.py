"""Stock is moved between locations before any is bought."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest
from plan_shop import DAY, Shop, build_shop, landed_rows

from forecast_platform.errors import ConfigurationError
from forecast_platform.replenishment import explain

NO_SALES = landed_rows("sales", [])
ADDED = ["transfer_in", "transfer_out", "transfer_from"]


def counted(stock: dict[tuple[str, str], float], day: dt.date = DAY) -> Shop:
    """Two items at three locations with this stock, moved for 1 a unit."""
    rows = [
        {"date": day, "item_id": item, "location_id": place, "on_hand": units, "reserved": 0.0}
        for (item, place), units in stock.items()
    ]
    shop = build_shop(items=2, locations=3)
    return shop.having(inventory=landed_rows("inventory", rows)).under(transfer_cost=1.0)


@pytest.fixture(scope="module")
def uneven() -> Shop:
    """Item i0: far too much at l0, nothing at l1, little at l2; item i1: short everywhere."""
    return counted({("i0", "l0"): 500.0, ("i0", "l1"): 0.0, ("i0", "l2"): 3.0,
                    ("i1", "l0"): 1.0, ("i1", "l1"): 1.0, ("i1", "l2"): 1.0})  # fmt: skip


def of(plan: pl.DataFrame, item: str, place: str) -> dict:
    return plan.row(by_predicate=(pl.col("item_id") == item) & (pl.col("location_id") == place),
                    named=True)  # fmt: skip


def test_surplus_covers_a_shortage_before_anything_is_bought(uneven):
    plan, alone = uneven.plan(), uneven.under(transfer_cost=None).plan()
    for place in ("l1", "l2"):
        line, bought = of(plan, "i0", place), of(alone, "i0", place)
        assert bought["order_quantity"] > 0
        assert (line["order_quantity"], line["raw_quantity"]) == (0, 0)
        assert bought["raw_quantity"] <= line["transfer_in"] < bought["raw_quantity"] + 1
        assert line["transfer_from"] == f"l0={line['transfer_in']:g}"
        assert {"BELOW_REORDER_POINT", "TRANSFER_IN"} <= set(line["reason_codes"].split(","))
    giver = of(plan, "i0", "l0")
    assert "TRANSFER_OUT" in giver["reason_codes"]
    assert giver["transfer_out"] == plan.filter(item_id="i0")["transfer_in"].sum()


def test_nobody_gives_what_it_needs_itself(uneven):
    given = uneven.plan().filter(pl.col("transfer_out") > 0)
    left = given["inventory_position"] - given["transfer_out"]
    assert given.height
    assert (left >= given["order_up_to_level"]).all()
    assert (given["transfer_out"] <= given["on_hand"] - given["reserved"]).all()
    assert (given["order_quantity"] == 0).all()


def test_what_cannot_be_moved_is_bought(uneven):
    plan, alone = uneven.plan(), uneven.under(transfer_cost=None).plan()
    short, bought = plan.filter(item_id="i1"), alone.filter(item_id="i1")
    assert (short["transfer_in"] == 0).all()
    assert short["order_quantity"].equals(bought["order_quantity"])


def test_a_part_that_is_moved_leaves_less_to_buy():
    stock = {("i0", place): 0.0 for place in ("l1", "l2")}
    most = of(counted(stock | {("i0", "l0"): 500.0}).plan(), "i0", "l0")["order_up_to_level"]
    plan = counted(stock | {("i0", "l0"): most + 5.0}).plan()
    # Nothing is anywhere but at l0: both run out on the same day, and l1 comes first.
    line = of(plan, "i0", "l1")
    assert (line["transfer_in"], line["transfer_from"]) == (5, "l0=5")
    assert line["raw_quantity"] == pytest.approx(line["order_up_to_level"] - 5)
    assert line["order_quantity"] >= line["raw_quantity"]
    assert of(plan, "i0", "l2")["transfer_in"] == 0


def test_the_location_that_runs_out_first_is_served_first():
    stock = {("i0", "l1"): 4.0, ("i0", "l2"): 1.0}
    most = of(counted(stock | {("i0", "l0"): 500.0}).plan(), "i0", "l0")["order_up_to_level"]
    plan = counted(stock | {("i0", "l0"): most + 5.0}).plan()
    assert [of(plan, "i0", place)["transfer_in"] for place in ("l1", "l2")] == [0, 5]


def test_units_that_are_cheaper_to_buy_stay_where_they_are(uneven):
    assert (uneven.under(transfer_cost=5.0).plan()["transfer_in"] == 0).all()


def test_stock_that_nobody_counted_is_not_moved():
    plan = counted({("i0", "l0"): 500.0}).plan()
    assert (plan["transfer_in"] == 0).all()


def test_without_a_cost_the_columns_are_empty(uneven):
    plan = uneven.under(transfer_cost=None).plan()
    assert all(plan[name].null_count() == plan.height for name in ADDED)


def test_a_day_comes_out_the_same_alone_and_within_a_range():
    shop = build_shop(items=2, locations=3, origins=3).under(transfer_cost=1.0)
    days = [DAY - dt.timedelta(days=n) for n in (2, 1, 0)]
    rows = [
        {"date": day, "item_id": item, "location_id": place, "on_hand": units, "reserved": 0.0}
        for day in days for item in ("i0", "i1")
        for place, units in (("l0", 300.0), ("l1", 2.0), ("l2", 0.0))
    ]  # fmt: skip
    shop = shop.having(inventory=landed_rows("inventory", rows))
    whole = shop.plan(*days)
    assert (whole["transfer_in"] > 0).any()
    for day in days:
        assert whole.filter(date=day).equals(shop.plan(day))


def test_the_explanation_names_what_is_moved_and_adds_up(uneven):
    stock = {("i0", "l0"): 60.0, ("i0", "l1"): 0.0, ("i0", "l2"): 0.0}
    for row in (*counted(stock).plan().rows(named=True), *uneven.plan().rows(named=True)):
        told = explain(row, uneven.tables["forecasts"], NO_SALES)
        for figure in told.sums:
            assert sum(value for _, value in figure.parts) == pytest.approx(figure.total)
        assert ("Moved here" in dict(told.facts)) == bool(row["transfer_in"])
        assert ("Moved away" in dict(told.facts)) == bool(row["transfer_out"])


def test_a_cost_below_zero_is_refused():
    with pytest.raises(ConfigurationError, match="transfer_cost"):
        build_shop().under(transfer_cost=-1.0)
