"""Limits that the lines of a day share: budget, volume, suppliers' minimum order values."""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl
import pytest
from plan_shop import DAY, Shop, build_shop, landed_rows

from forecast_platform.errors import ConfigurationError
from forecast_platform.replenishment import explain

NO_SALES = landed_rows("sales", [])
ADDED = ["unlimited_quantity", "order_volume", "plan_gap", "budget_price", "supplier_minimum"]


@pytest.fixture(scope="module")
def low() -> Shop:
    """Eight items at three locations, nearly all of them due."""
    return build_shop(items=8, locations=3).stock(20.0)


@pytest.fixture(scope="module")
def bulky(low: Shop) -> Shop:
    """The same shop, whose units have volumes from 1 to 4."""
    volume = pl.Series([1.0 + i % 4 for i in range(8)])
    return low.having(products=low.tables["products"].with_columns(volume=volume))


def with_minimum(shop: Shop, value: float) -> Shop:
    """The shop, whose one supplier asks for a least order value."""
    terms = shop.tables["suppliers"].with_columns(min_order_value=pl.lit(value))
    return shop.having(suppliers=terms)


def whole(plan: pl.DataFrame) -> float:
    """What the lines would cost without limits."""
    return float((plan["order_quantity"] * plan["unit_cost"]).sum())


def codes(plan: pl.DataFrame) -> set[str]:
    return set(",".join(plan["reason_codes"]).split(","))


def test_without_limits_the_plan_says_nothing_of_them(low: Shop) -> None:
    plan = low.plan()
    assert plan.select(ADDED).null_count().row(0) == (plan.height,) * len(ADDED)


@pytest.mark.parametrize("stock", [0.0, 20.0, 60.0])
def test_limits_that_do_not_bind_change_no_line(bulky: Shop, stock: float) -> None:
    shop = bulky.stock(stock)
    free = shop.plan()
    wide = with_minimum(shop, 1.0).under(order_budget=1e9, order_volume=1e9)
    assert wide.plan().drop(ADDED).equals(free.drop(ADDED))
    assert wide.plan()["plan_gap"].max() == pytest.approx(0.0, abs=1e-9)
    assert wide.plan()["budget_price"].max() == 0.0


@pytest.mark.parametrize("share", [0.9, 0.5, 0.1, 0.001, 0.0])
def test_a_budget_is_kept_and_what_it_cuts_is_said(low: Shop, share: float) -> None:
    free = low.plan()
    plan = low.under(order_budget=whole(free) * share).plan()
    assert plan["order_value"].sum() <= whole(free) * share * (1 + 1e-9)
    assert plan["unlimited_quantity"].equals(free["order_quantity"], check_names=False)
    cut = plan.filter(pl.col("order_quantity") < pl.col("unlimited_quantity"))
    assert cut.height
    assert cut["reason_codes"].str.contains("CUT_TO_BUDGET").all()
    assert cut["reason_codes"].str.starts_with("BELOW_REORDER_POINT").all()
    ordered = plan.filter(pl.col("order_quantity") > 0)
    assert (ordered["order_quantity"] % ordered["pack_size"] == 0).all()
    assert (ordered["order_quantity"] >= ordered["min_order_quantity"]).all()


def test_a_budget_of_nothing_orders_nothing(low: Shop) -> None:
    plan = low.under(order_budget=0.0).plan()
    assert plan["order_quantity"].sum() == 0
    assert plan["order_date"].null_count() == plan.height
    assert not {"NO_DEMAND", "ABOVE_REORDER_POINT"} & codes(
        plan.filter(pl.col("unlimited_quantity") > 0)
    )


def margin_lost(plan: pl.DataFrame) -> float:
    """Margin at risk of lines due that stay without any order."""
    left = plan.filter((pl.col("order_quantity") == 0) & (pl.col("unlimited_quantity") > 0))
    return float(left["margin_at_risk"].sum())


def test_more_budget_never_leaves_more_margin_at_risk(low: Shop) -> None:
    money = whole(low.plan())
    plans = [low.under(order_budget=money * share).plan() for share in (0.0, 0.1, 0.3, 0.6, 1.0)]
    lost = [margin_lost(plan) for plan in plans]
    assert lost == sorted(lost, reverse=True)
    assert lost[0] > 0
    assert lost[-1] == 0


def test_the_price_of_the_budget_falls_as_it_grows(low: Shop) -> None:
    money = whole(low.plan())
    prices = [
        low.under(order_budget=money * share).plan()["budget_price"][0]
        for share in (0.05, 0.2, 0.5, 0.9, 1.0)
    ]
    assert prices == sorted(prices, reverse=True)
    assert prices[0] > 0
    assert prices[-1] == 0


def test_a_volume_limits_all_locations_or_each(bulky: Shop) -> None:
    units = bulky.under(order_volume=1e9).plan()["order_volume"].sum()
    plan = bulky.under(order_volume=units / 2).plan()
    assert plan["order_volume"].sum() <= units / 2 * (1 + 1e-9)
    assert "CUT_TO_VOLUME" in codes(plan)
    assert "CUT_TO_BUDGET" not in codes(plan)
    plan = bulky.under(location_order_volume=units / 6).plan()
    by_location = plan.group_by("location_id").agg(pl.col("order_volume").sum())
    assert (by_location["order_volume"] <= units / 6 * (1 + 1e-9)).all()
    assert "CUT_TO_VOLUME" in codes(plan)


def test_an_unknown_volume_is_flagged(low: Shop) -> None:
    plan = low.under(order_volume=10.0).plan()
    assert "VOLUME_UNKNOWN" in codes(plan)
    assert plan["order_volume"].null_count() == plan.height


def test_a_supplier_minimum_is_reached_or_nothing_is_ordered(low: Shop) -> None:
    free = whole(low.plan())
    for share in (0.5, 1.1, 1.5, 3.0, 1000.0):
        plan = with_minimum(low, free * share).plan()
        spent = plan["order_value"].sum()
        assert spent == 0 or spent >= free * share * (1 - 1e-9)
        raised = plan["order_quantity"] > plan["unlimited_quantity"]
        assert ("RAISED_TO_SUPPLIER_MINIMUM" in codes(plan)) == raised.any()
        assert ("POSTPONED_TO_SUPPLIER_MINIMUM" in codes(plan)) == (spent == 0)


def test_a_small_want_of_value_is_filled_and_a_hopeless_one_postpones(low: Shop) -> None:
    free = whole(low.plan())
    assert with_minimum(low, free * 1.05).plan()["order_value"].sum() > free
    plan = with_minimum(low, free * 1000).plan()
    assert plan["order_value"].sum() == 0
    due = plan.filter(pl.col("unlimited_quantity") > 0)
    assert due["reason_codes"].str.contains("POSTPONED_TO_SUPPLIER_MINIMUM").all()


def test_a_line_ordered_early_is_not_called_one_without_need(low: Shop) -> None:
    plan = with_minimum(low, whole(low.plan()) * 1.3).plan()
    early = plan.filter((pl.col("unlimited_quantity") == 0) & (pl.col("order_quantity") > 0))
    assert early.height
    assert early["reason_codes"].str.starts_with("RAISED_TO_SUPPLIER_MINIMUM").all()


def test_nothing_is_bought_from_a_supplier_of_whom_nothing_is_due(low: Shop) -> None:
    full = with_minimum(low.stock(150.0), 5_000.0).plan()
    assert full["unlimited_quantity"].sum() == 0
    assert full["order_quantity"].sum() == 0


def test_a_budget_below_a_supplier_minimum_buys_nothing(low: Shop) -> None:
    plan = with_minimum(low, 10_000.0).under(order_budget=9_000.0).plan()
    assert plan["order_quantity"].sum() == 0
    assert "CUT_TO_BUDGET" in codes(plan)


def test_a_line_of_unknown_cost_is_not_ordered_under_a_budget(low: Shop) -> None:
    unpriced: dict[str, Any] = {
        "products": low.tables["products"].with_columns(unit_cost=pl.lit(None, pl.Float64)),
        "clean_demand": low.tables["clean_demand"].with_columns(price=pl.lit(None, pl.Float64)),
    }
    shop = low.having(**unpriced)
    assert shop.plan()["order_quantity"].sum() > 0
    plan = shop.under(order_budget=1e9).plan()
    assert plan["order_quantity"].sum() == 0
    assert {"CUT_TO_BUDGET", "COST_UNKNOWN"} <= codes(plan)
    assert shop.under(order_volume=1e9).plan()["order_quantity"].sum() > 0


def test_a_line_of_unknown_cost_is_cut_by_the_budget_though_the_volume_weighs_more(
    bulky: Shop,
) -> None:
    known = pl.col("item_id") != "i7"
    products = bulky.tables["products"]
    unpriced: dict[str, Any] = {
        "products": products.with_columns(unit_cost=pl.when(known).then("unit_cost")),
        "clean_demand": bulky.tables["clean_demand"].with_columns(
            price=pl.when(known).then("price")
        ),
    }
    shop = bulky.having(**unpriced)
    volume = float((shop.under(order_volume=1e9).plan()["order_volume"]).sum())
    lines = shop.under(order_budget=1e9, order_volume=volume / 4).plan().filter(~known)
    assert lines["unlimited_quantity"].max() > 0
    assert lines["reason_codes"].str.contains("CUT_TO_BUDGET").any()
    assert not lines["reason_codes"].str.contains("CUT_TO_VOLUME").any()


def test_days_are_limited_each_by_itself() -> None:
    shop = build_shop(items=4, locations=2, origins=3).under(order_budget=500.0)
    days = [DAY - dt.timedelta(days=n) for n in range(3)]
    together = shop.plan(*days)
    alone = pl.concat([shop.plan(day) for day in sorted(days)])
    assert together.equals(alone)
    by_day = together.group_by("date").agg(pl.col("order_value").sum())
    assert (by_day["order_value"] <= 500.0).all()


def test_a_permutation_of_the_rows_changes_nothing(bulky: Shop) -> None:
    shop = with_minimum(bulky, 9_000.0).under(order_budget=15_000.0, order_volume=4_000.0)
    turned = {name: frame.reverse() for name, frame in shop.tables.items()}
    assert shop.having(**turned).plan().equals(shop.plan())


def test_the_unit_of_a_quantity_does_not_matter() -> None:
    one = build_shop(items=5).stock(10.0).under(order_budget=6_000.0)
    two = build_shop(items=5, unit=2.0).stock(20.0).under(order_budget=6_000.0)
    assert (one.plan()["order_quantity"] * 2).to_list() == two.plan()["order_quantity"].to_list()


@pytest.mark.parametrize("name", ["order_budget", "order_volume", "location_order_volume"])
@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_limits_that_make_no_sense_are_refused(low: Shop, name: str, value: float) -> None:
    with pytest.raises(ConfigurationError, match=name):
        low.under(**{name: value})


def test_every_limited_line_is_explained_to_the_unit(low: Shop) -> None:
    shop = with_minimum(low, whole(low.plan()) * 1.3)
    for limited in (shop, shop.under(order_budget=5_000.0), low.under(order_budget=5_000.0)):
        for row in limited.plan().iter_rows(named=True):
            told = explain(row, shop.tables["forecasts"], NO_SALES)
            for figure in told.sums:
                assert sum(value for _, value in figure.parts) == pytest.approx(figure.total)
            changed = row["order_quantity"] != row["unlimited_quantity"]
            assert ("limits shared" in "".join(told.lines())) == changed
