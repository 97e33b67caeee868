import datetime as dt

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plan_shop import DAY, HORIZON, Shop, build_shop, landed_rows
from polars.testing import assert_frame_equal

from forecast_platform.contracts.plan import REPLENISHMENT_PLAN, ReasonCode
from forecast_platform.errors import ContractError
from forecast_platform.lake.schema import polars_schema
from forecast_platform.replenishment import most_urgent

EMPTY_TABLES = ("forecasts", "lead_time_demand")
SERIES = build_shop()
"""Four items at two locations, one origin."""


def replaced(shop: Shop, table: str, column: str, value: pl.Expr) -> Shop:
    """The shop with `column` of i0 at l0 replaced."""
    here = (pl.col("item_id") == "i0") & (pl.col("location_id") == "l0")
    changed = pl.when(here).then(value).otherwise(pl.col(column)).cast(pl.Float32).alias(column)
    return shop.having(**{table: shop.tables[table].with_columns(changed)})


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
    for name in EMPTY_TABLES:
        known[name] = shop.tables[name].filter(pl.col("origin") <= past)
    assert_frame_equal(shop.having(**known).plan(past), shop.plan(past), check_exact=True)


def test_the_same_input_gives_the_same_plan(shop):
    assert_frame_equal(shop.plan(), shop.plan(), check_exact=True)


def test_the_revision_is_the_one_passed_in(shop):
    assert shop.plan(revision=2)["revision"].unique().to_list() == [2]


def test_a_series_on_offer_without_a_forecast_gets_a_flagged_line(shop):
    empty = {name: shop.tables[name].clear() for name in EMPTY_TABLES}
    plan = shop.stock(5.0).having(**empty).plan()
    assert plan.height == 8
    assert plan["order_quantity"].null_count() == 8
    assert not plan["feasible"].any()
    assert plan["reason_codes"].str.contains("NO_FORECAST").all()


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("lead_time_demand", "mean", float("nan")),
        ("lead_time_demand", "q95", float("inf")),
        ("lead_time_demand", "std", -1.0),
        ("lead_time_demand", "q05", None),
        ("forecasts", "mean", float("nan")),
        ("forecasts", "mean", -1.0),
    ],
)
def test_a_forecast_that_makes_no_sense_gets_a_flagged_line(shop, table, column, value):
    plan = replaced(shop.stock(5.0), table, column, pl.lit(value, dtype=pl.Float32)).plan()
    line = plan.row(0, named=True)
    assert line["order_quantity"] is None
    assert not line["feasible"]
    assert codes(line)[0] == "INVALID_FORECAST"
    assert plan["order_quantity"][1:].null_count() == 0


def test_a_gap_in_the_daily_forecast_is_no_forecast(shop):
    gap = shop.tables["forecasts"].filter(
        ~((pl.col("item_id") == "i0") & (pl.col("horizon") == HORIZON // 2))
    )
    assert codes(shop.having(forecasts=gap).line())[0] == "INVALID_FORECAST"


def test_no_expected_demand_orders_nothing_and_says_so(shop):
    quiet = shop.stock(0.0)
    numbers = [c for c, t in quiet.tables["lead_time_demand"].schema.items() if t == pl.Float32]
    for column in numbers:
        quiet = replaced(quiet, "lead_time_demand", column, pl.lit(0.0))
    line = replaced(quiet, "forecasts", "mean", pl.lit(0.0)).line()
    assert (line["order_quantity"], line["stockout_date"]) == (0.0, None)
    assert codes(line)[0] == "NO_DEMAND"


def test_an_item_without_supplier_or_product_row_is_planned_from_settings(shop):
    line = shop.stock(2.0).having(products=shop.tables["products"].clear()).line()
    assert line["supplier_id"] is None
    assert line["parameter_source"] == "settings"
    assert {"NO_SUPPLIER", "TERMS_FROM_SETTINGS", "COST_ESTIMATED"} <= set(codes(line))
    assert line["unit_cost"] == pytest.approx(10.0 * 0.7)
    assert line["order_quantity"] > 0


def test_without_cost_and_price_the_order_covers_the_reorder_point(shop):
    line = replaced(
        shop.stock(2.0).having(products=shop.tables["products"].clear()),
        "clean_demand", "price", pl.lit(None),
    ).line()  # fmt: skip
    assert {"COST_UNKNOWN", "PRICE_UNKNOWN"} <= set(codes(line))
    assert (line["eoq"], line["order_value"], line["margin_at_risk"]) == (None, None, None)
    assert line["order_up_to_level"] == line["reorder_point"]
    assert line["order_quantity"] > 0


@pytest.mark.parametrize("term", ["pack_size", "min_order_quantity"])
def test_a_minimum_or_pack_beyond_the_longest_cover_is_left_to_the_planner(shop, term):
    huge = shop.tables["suppliers"].with_columns(pl.lit(5_000.0).alias(term))
    line = shop.stock(2.0).having(suppliers=huge).line()
    assert line["order_quantity"] == 5_000.0
    assert not line["feasible"]
    assert "EXCEEDS_MAX_COVER" in codes(line)


def test_the_economic_order_quantity_buys_no_more_than_the_longest_cover(shop):
    line = shop.stock(2.0).under(max_cover_days=20).line()
    assert line["order_up_to_level"] == pytest.approx(line["reorder_point"] + 20)
    assert "EOQ_CAPPED" in codes(line)


def test_terms_that_changed_since_the_forecast_leave_the_forecasts_in_force(shop):
    slower = shop.tables["suppliers"].with_columns(lead_time_days=pl.lit(9.0))
    line = shop.having(suppliers=slower).line()
    assert (line["lead_time_days"], line["protection_days"]) == (5, 12)
    assert "TERMS_CHANGED" in codes(line)


def test_a_zero_lead_time_is_received_on_the_day_of_the_order():
    line = build_shop(items=1, locations=1, lead_time=0).stock(1.0).line()
    assert line["expected_receipt_date"] == line["order_date"]
    simulated = build_shop(items=1, locations=1, lead_time=0).line()
    assert simulated["on_order"] == 0.0


def test_a_series_without_history_is_planned_from_its_forecast():
    shop = build_shop(items=1, locations=1)
    line = shop.having(clean_demand=shop.tables["clean_demand"].clear()).line()
    assert (line["abc_class"], line["xyz_class"], line["on_hand"]) == ("C", "Z", 0.0)
    assert {"NO_HISTORY", "STOCK_SIMULATED"} <= set(codes(line))
    assert line["order_quantity"] > 0


def test_doubled_products_are_refused_rather_than_doubling_the_plan(shop):
    doubled = pl.concat([shop.tables["products"]] * 2)
    with pytest.raises(ContractError, match="products must have one row per item_id"):
        shop.having(products=doubled).plan()


def test_a_day_without_any_series_has_an_empty_plan(shop):
    plan = shop.plan(DAY + dt.timedelta(days=400))
    assert plan.is_empty()
    assert plan.schema == polars_schema(REPLENISHMENT_PLAN)


def test_the_most_urgent_orders_come_by_date_then_by_margin_at_risk(shop):
    first = most_urgent(shop.stock(20.0).plan(), 3)
    assert first.height == 3
    assert first["latest_order_date"].is_sorted()
    assert first["item_id"].to_list() == ["i3", "i3", "i2"]
    assert most_urgent(shop.stock(1e6).plan()).is_empty()


def test_products_may_be_landed_without_a_cost(shop):
    products = landed_rows(
        "products", [{"item_id": f"i{n}", "supplier_id": "s0"} for n in range(4)]
    )
    plan = shop.having(products=products).plan()
    assert plan["reason_codes"].str.contains("COST_ESTIMATED").all()
