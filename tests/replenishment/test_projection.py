"""The projected stock of a plan line, taken back to the figures of the line."""

import datetime as dt

import polars as pl
import pytest
from plan_shop import DAY

from forecast_platform.replenishment.projection import projected_stock


def projected(shop, item="i0"):
    line = shop.line(item)
    series = (pl.col("item_id") == item) & (pl.col("location_id") == "l0")
    ahead = projected_stock(
        line,
        shop.tables["forecasts"].filter(series),
        shop.tables["lead_time_demand"].filter(series),
        shop.tables["purchase_orders"],
    )
    return line, ahead


def test_stock_falls_by_expected_demand_and_rises_by_dated_receipts(shop):
    in_three_days = {"date": DAY, "expected_date": DAY + dt.timedelta(days=3)}
    _, ahead = projected(shop.stock(10.0, reserved=1.0).orders(in_three_days))
    assert ahead["stock"].head(4).to_list() == pytest.approx([8.0, 7.0, 26.0, 25.0])
    assert ahead["date"].to_list() == [DAY + dt.timedelta(days=d) for d in range(1, 29)]


def test_the_order_comes_on_its_day_and_not_before(shop):
    line, ahead = projected(shop.stock(10.0))
    gained = dict(zip(ahead["date"], ahead["with_order"] - ahead["stock"], strict=True))
    day = line["expected_receipt_date"]
    assert gained[day] == pytest.approx(line["order_quantity"])
    assert gained[day - dt.timedelta(days=1)] == 0


def test_the_fan_at_the_end_of_the_protection_period_is_that_of_its_demand(shop):
    line, ahead = projected(shop.stock(10.0))
    end = ahead.row(line["protection_days"] - 1, named=True)
    # 12 days of 1 unit with variance 12: the quantiles lie 1.2816 deviations from the mean.
    assert end["stock"] - end["low"] == pytest.approx(1.281552 * 12**0.5, rel=1e-5)
    assert end["high"] - end["stock"] == pytest.approx(1.281552 * 12**0.5, rel=1e-5)


def test_late_and_simulated_orders_come_at_the_end_of_the_lead_time(shop):
    late = {"date": DAY - dt.timedelta(days=9), "expected_date": DAY - dt.timedelta(days=3)}
    line, ahead = projected(shop.stock(10.0).orders(late))
    assert ahead["stock"].head(5).to_list() == pytest.approx([9.0, 8.0, 7.0, 6.0, 25.0])
    line, ahead = projected(shop)
    assert ahead["stock"][-1] == pytest.approx(line["inventory_position"] - 28)
