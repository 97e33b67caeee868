import datetime as dt

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plan_shop import DAY, build_shop, rows_of
from polars.testing import assert_frame_equal

from forecast_platform.contracts import DERIVED
from forecast_platform.contracts.plan import REPLENISHMENT_PLAN
from forecast_platform.contracts.reasons import EXCEPTIONS, ReasonCode
from forecast_platform.lake.schema import polars_schema
from forecast_platform.replenishment import exceptions_first, most_urgent

SERIES = build_shop()
"""Four items at two locations, one origin."""


def codes(line):
    return line["reason_codes"].split(",")


def test_the_plan_has_the_columns_and_types_of_its_contract(shop):
    plan = shop.stock(12.0).plan()
    assert plan.schema == polars_schema(REPLENISHMENT_PLAN)
    required = [c.name for c in REPLENISHMENT_PLAN.columns if c.required]
    assert plan.select(required).null_count().sum_horizontal().item() == 0
    for column in REPLENISHMENT_PLAN.columns:
        if column.allowed:
            assert plan[column.name].is_in(column.allowed).all()
        if column.minimum is not None:
            assert (plan[column.name].drop_nulls() >= column.minimum).all()
    known = {code.value for code in ReasonCode}
    assert set(plan["reason_codes"].str.split(",").explode()) <= known


def test_every_figure_of_a_line_follows_from_the_others(shop):
    plan = shop.stock(12.0).plan()
    ordering = plan.filter(pl.col("order_quantity") > 0)
    assert ordering.height > 0
    sums = {
        "inventory_position": pl.sum_horizontal("on_hand", "on_order", "late_units")
        - pl.col("reserved"),
        "reorder_point": pl.col("protection_demand") + pl.col("safety_stock"),
        "order_up_to_level": pl.col("reorder_point")
        + pl.min_horizontal("eoq", pl.col("protection_demand") / pl.col("protection_days") * 90),
        "raw_quantity": pl.col("order_up_to_level") - pl.col("inventory_position"),
        "order_value": pl.col("order_quantity") * pl.col("unit_cost"),
    }
    for name, parts in sums.items():
        assert ordering.select(((pl.col(name) - parts).abs() < 1e-9).all()).item(), name


def test_the_safety_stock_of_normal_demand_is_z_times_its_spread(shop):
    line = shop.line("i2")
    # 12 days of 3 units, variance 36; lead time varies by a day: sqrt(36 + 3^2) x 1.6449.
    assert line["safety_stock"] == pytest.approx(1.644854 * 45**0.5, rel=1e-5)


def test_an_order_is_sent_tomorrow_and_received_a_lead_time_later(shop):
    line = shop.stock(10.0).line("i0")
    assert line["order_date"] == DAY + dt.timedelta(days=1)
    assert line["expected_receipt_date"] == DAY + dt.timedelta(days=6)
    assert line["stockout_date"] == DAY + dt.timedelta(days=11)
    assert line["latest_order_date"] == DAY + dt.timedelta(days=6)
    assert line["cover_bought_days"] == pytest.approx(line["order_quantity"])


def test_stock_that_runs_out_before_the_receipt_is_said_and_the_order_is_not_backdated(shop):
    line = shop.stock(10.0).line("i3")
    assert line["stockout_date"] == DAY + dt.timedelta(days=3)
    assert line["latest_order_date"] == line["order_date"] == DAY + dt.timedelta(days=1)
    assert "STOCKOUT_BEFORE_RECEIPT" in codes(line)


def test_lead_times_of_deliveries_widen_the_safety_stock_and_say_where_they_come_from(shop):
    contract = next(table for table in DERIVED if table.name == "lead_times")
    base = {"supplier_id": "s0", "deliveries": 40, "std_days": 2.0}
    known = [{**base, "date": DAY, "mean_days": 7.0},
             {**base, "date": DAY - dt.timedelta(days=1), "mean_days": 50.0}]  # fmt: skip
    line = shop.having(lead_times=rows_of(contract, known)).line("i2")
    # The forecast was issued for 5 days: a mean of 7 and a spread of 2 are sqrt(8) about those.
    assert line["lead_time_std_days"] == pytest.approx(8**0.5)
    assert line["safety_stock"] == pytest.approx(1.644854 * (36 + 9 * 8) ** 0.5, rel=1e-5)
    assert line["lead_time_source"] == "history_supplier"
    assert "lead_time_days=history_supplier,lead_time_std" in line["parameters_from"]
    assert "review_days=supplier," in line["parameters_from"]
    assert "TERMS_CHANGED" in codes(line)


def test_a_line_above_its_reorder_point_orders_nothing(shop):
    line = shop.stock(60.0).line("i0")
    assert (line["raw_quantity"], line["order_quantity"]) == (0.0, 0.0)
    assert line["order_date"] is None
    assert codes(line) == ["ABOVE_REORDER_POINT"]


@settings(deadline=None, max_examples=25)
@given(
    on_hand=st.floats(-50, 200),
    reserved=st.floats(0, 300),
    quantity=st.floats(0.01, 100),
    service=st.floats(0.51, 0.999),
)
def test_no_order_is_negative_fractional_or_in_the_past(on_hand, reserved, quantity, service):
    order = {"date": DAY, "expected_date": DAY, "quantity": quantity}
    shop = SERIES.stock(on_hand, reserved=reserved).orders(order).under(service_level=service)
    plan = shop.plan()
    assert (plan["order_quantity"] >= 0).all()
    assert (plan["order_quantity"] % plan["pack_size"] == 0).all()
    for name in ("order_date", "latest_order_date", "expected_receipt_date"):
        assert (plan[name].drop_nulls() > DAY).all()
    ordered = plan.filter(pl.col("order_quantity") > 0)
    assert (ordered["order_quantity"] >= ordered["min_order_quantity"]).all()
    assert (ordered["order_quantity"] >= ordered["raw_quantity"] - 1e-6).all()


@settings(deadline=None, max_examples=15)
@given(levels=st.tuples(st.floats(0.51, 0.9999), st.floats(0.51, 0.9999)))
def test_a_higher_service_target_never_lowers_the_safety_stock(levels):
    low, high = (
        SERIES.under(service_level=level).plan()["safety_stock"] for level in sorted(levels)
    )
    assert (low <= high).all()


def test_a_class_may_have_a_service_level_of_its_own(shop):
    plan = shop.under(class_service_levels={"A": 0.99}).plan()
    levels = dict(plan.select("abc_class", "service_level").unique().iter_rows())
    assert levels["A"] == 0.99
    assert levels["C"] == 0.95


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 1000))
def test_the_order_of_rows_is_not_significant(seed):
    shop = SERIES.stock(20.0).orders(
        *({"date": DAY, "expected_date": DAY, "quantity": q} for q in (0.1, 0.2, 0.3, 1e6))
    )
    shuffled = {
        name: table.sample(fraction=1.0, shuffle=True, seed=seed)
        for name, table in shop.tables.items()
    }
    assert_frame_equal(shop.having(**shuffled).plan(), shop.plan(), check_exact=True)


@pytest.mark.parametrize("stock", [None, 14.0])
def test_another_unit_of_measure_is_the_same_plan(stock):
    small, large = build_shop(items=2), build_shop(items=2, unit=2.0)
    if stock is not None:
        small, large = small.stock(stock), large.stock(2 * stock)
    one, two = small.plan(), large.plan()
    units = ["inventory_position", "reorder_point", "order_up_to_level", "order_quantity"]
    same = ["days_of_cover", "stockout_date", "order_date", "order_value", "margin_at_risk"]
    assert_frame_equal(one.select(pl.col(units) * 2), two.select(units))
    assert_frame_equal(one.select(same), two.select(same))


@pytest.mark.parametrize("counted", [True, False])
def test_a_day_comes_out_the_same_alone_and_within_a_range(counted, monkeypatch):
    shop = build_shop(items=3, origins=6)
    days = [DAY - dt.timedelta(days=d) for d in range(6)]
    if counted:
        stock = [shop.stock(10.0 + d, day).tables["inventory"] for d, day in enumerate(days[::2])]
        shop = shop.having(inventory=pl.concat(stock)).orders(
            *({"date": d, "expected_date": d + dt.timedelta(days=3), "quantity": 0.7} for d in days)
        )
    alone = pl.concat(shop.plan(day) for day in sorted(days))
    assert_frame_equal(shop.plan(*days), alone, check_exact=True)
    monkeypatch.setattr("forecast_platform.replenishment.plan._LINES_AT_ONCE", 13)
    assert_frame_equal(shop.plan(*days), alone, check_exact=True)


@pytest.mark.parametrize("counted", [True, False])
def test_nothing_dated_after_the_day_is_read(counted):
    shop = build_shop(items=2, origins=4)
    past = DAY - dt.timedelta(days=3)
    if counted:
        counts = [shop.stock(9.0, day).tables["inventory"] for day in (past, DAY)]
        shop = shop.having(inventory=pl.concat(counts)).orders(
            {"date": past, "expected_date": DAY, "received_date": DAY},
            {"date": DAY, "expected_date": DAY},
        )
    orders = shop.tables["purchase_orders"]
    known = {
        name: table.filter(pl.col("date") <= past)
        for name, table in shop.tables.items()
        if name in ("clean_demand", "inventory", "purchase_orders")
    }
    known["purchase_orders"] = orders.filter(pl.col("date") <= past).with_columns(
        received_date=pl.lit(None, dtype=pl.Date)
    )
    for name in ("forecasts", "lead_time_demand"):
        known[name] = shop.tables[name].filter(pl.col("origin") <= past)
    assert_frame_equal(shop.having(**known).plan(past), shop.plan(past), check_exact=True)


def test_the_same_input_gives_the_same_plan(shop):
    assert_frame_equal(shop.plan(), shop.plan(), check_exact=True)


def test_the_revision_is_the_one_passed_in(shop):
    assert shop.plan(revision=2)["revision"].unique().to_list() == [2]


def test_the_most_urgent_orders_come_by_date_then_by_margin_at_risk(shop):
    first = most_urgent(shop.stock(20.0).plan(), 3)
    assert first.height == 3
    assert first["latest_order_date"].is_sorted()
    assert first["item_id"].to_list() == ["i3", "i3", "i2"]
    assert most_urgent(shop.stock(1e6).plan()).is_empty()


def demanded(shop, units, days):
    """The shop in which i0 at l0 had a demand of `units` on each of its last `days` days."""
    here = (pl.col("item_id") == "i0") & (pl.col("location_id") == "l0")
    recent = here & (pl.col("date") > DAY - dt.timedelta(days=days))
    changed = pl.when(recent).then(pl.lit(units)).otherwise(pl.col("demand_units"))
    demand = shop.tables["clean_demand"]
    return shop.having(
        clean_demand=demand.with_columns(changed.cast(pl.Float32).alias("demand_units"))
    )


def test_demand_far_above_the_forecast_is_an_exception(shop):
    # 12 days of 1 unit with variance 12: 7 days are 7 units with a deviation of sqrt(7).
    counted = shop.stock(10.0)
    assert "SUDDEN_DEMAND" not in codes(demanded(counted, (7 + 3.9 * 7**0.5) / 7, 7).line())
    line = demanded(counted, (7 + 4.1 * 7**0.5) / 7, 7).line()
    assert "SUDDEN_DEMAND" in codes(line)
    assert line["exceptions"] == "SUDDEN_DEMAND"


def test_stock_without_demand_in_the_look_back_is_dead(shop):
    quiet = demanded(shop, 0.0, 200)
    assert "DEAD_STOCK" in codes(quiet.stock(10.0).line())
    assert "DEAD_STOCK" not in codes(quiet.stock(0.0).line())
    assert "DEAD_STOCK" not in codes(quiet.line()), "simulated stock is no stock"
    assert "DEAD_STOCK" not in codes(demanded(shop, 0.0, 80).stock(10.0).line())


def test_exceptions_are_told_gravest_first_and_listed_first(shop):
    late = {"date": DAY - dt.timedelta(days=9), "expected_date": DAY - dt.timedelta(days=3)}
    first = demanded(shop.stock(-2.0).orders(late), 50.0, 7).line()
    assert first["exception_rank"] == 1
    assert first["exceptions"] == "NEGATIVE_STOCK,LATE_DELIVERY,SUDDEN_DEMAND"
    plan = exceptions_first(shop.stock(20.0).orders(late).plan())
    assert plan["exceptions"].to_list() == ["LATE_DELIVERY", *[None] * 7]
    assert plan["latest_order_date"][1:].is_sorted()
    assert set(plan.row(0, named=True)["exceptions"].split(",")) <= set(EXCEPTIONS)
