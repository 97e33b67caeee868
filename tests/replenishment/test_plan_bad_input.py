"""Bad and missing input: a flagged line or a clear error, never a silent zero."""

import datetime as dt

import polars as pl
import pytest
from plan_shop import DAY, HORIZON, Shop, build_shop, landed_rows

from forecast_platform.contracts.plan import REPLENISHMENT_PLAN
from forecast_platform.errors import ContractError
from forecast_platform.lake.schema import polars_schema


def replaced(shop: Shop, table: str, column: str, value: pl.Expr) -> Shop:
    """The shop with `column` of i0 at l0 replaced."""
    here = (pl.col("item_id") == "i0") & (pl.col("location_id") == "l0")
    changed = pl.when(here).then(value).otherwise(pl.col(column)).cast(pl.Float32).alias(column)
    return shop.having(**{table: shop.tables[table].with_columns(changed)})


def codes(line):
    return line["reason_codes"].split(",")


def test_a_series_on_offer_without_a_forecast_gets_a_flagged_line(shop):
    empty = {name: shop.tables[name].clear() for name in ("forecasts", "lead_time_demand")}
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


def test_products_may_be_landed_without_a_cost(shop):
    products = landed_rows(
        "products", [{"item_id": f"i{n}", "supplier_id": "s0"} for n in range(4)]
    )
    plan = shop.having(products=products).plan()
    assert plan["reason_codes"].str.contains("COST_ESTIMATED").all()
