"""Suppliers that take orders on some weekdays only."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest
from plan_shop import DAY, build_shop, landed_rows

from forecast_platform.replenishment import explain, terms
from forecast_platform.replenishment.order_days import read_weekdays, with_order_days

SUNDAY = DAY
LEAD_TIME = 5


def ordering(weekdays: str | None, **more):
    """The small shop, whose supplier takes orders on these weekdays."""
    supplier = {"supplier_id": "s0", "lead_time_days": float(LEAD_TIME), "lead_time_std_days": 1.0,
                "review_days": 7, "min_order_quantity": 6.0, "pack_size": 4.0,
                "order_weekdays": weekdays} | more  # fmt: skip
    return build_shop().having(suppliers=landed_rows("suppliers", [supplier]))


def reviewed(day: dt.date, weekdays: str | None, country: str = "US") -> dict:
    line = pl.DataFrame(
        {"date": [day], "order_weekdays": [weekdays], "lead_time_days": [LEAD_TIME],
         "review_days": [7], "protection_days": [LEAD_TIME + 7]},
        schema_overrides={"order_weekdays": pl.String},
    )  # fmt: skip
    return with_order_days(line, country).row(0, named=True)


@pytest.mark.parametrize(
    ("day", "weekdays", "next_order", "review"),
    [
        (dt.date(2024, 6, 2), "mon", dt.date(2024, 6, 3), 7),
        (dt.date(2024, 6, 2), "mon,thu", dt.date(2024, 6, 3), 3),
        (dt.date(2024, 6, 3), "mon,thu", dt.date(2024, 6, 6), 6),
        (dt.date(2024, 6, 5), "mon,thu", dt.date(2024, 6, 6), 4),
        (dt.date(2024, 6, 1), "mon,tue,wed,thu,fri,sat,sun", dt.date(2024, 6, 2), 1),
    ],
)
def test_an_order_lasts_until_that_of_the_order_day_after_the_next_arrives(
    day, weekdays, next_order, review
):
    line = reviewed(day, weekdays)
    assert (line["next_order_date"], line["review_days"]) == (next_order, review)
    assert line["protection_days"] == LEAD_TIME + review


def test_a_supplier_without_weekdays_takes_orders_on_any_day():
    line = reviewed(SUNDAY, None)
    assert (line["next_order_date"], line["review_days"]) == (None, 7)


def test_no_order_is_sent_on_a_public_holiday():
    # 4 July 2024 was a Thursday, a holiday in the United States and none in Germany.
    eve = dt.date(2024, 7, 3)
    assert reviewed(eve, "thu")["next_order_date"] == dt.date(2024, 7, 11)
    assert reviewed(eve, "thu", "DE")["next_order_date"] == dt.date(2024, 7, 4)
    # The order of the week before has to last over the day that falls out.
    assert reviewed(dt.date(2024, 6, 26), "thu")["review_days"] == 14


def test_lines_due_on_another_day_wait_and_say_so():
    line = ordering("thu").stock(0.0).line()
    assert line["order_quantity"] == 0
    assert line["raw_quantity"] > 0
    assert (line["next_order_date"], line["order_date"]) == (dt.date(2024, 6, 6), None)
    assert {"BELOW_REORDER_POINT", "WAITS_FOR_ORDER_DAY"} <= set(line["reason_codes"].split(","))


def test_all_lines_of_a_supplier_are_ordered_on_the_same_day():
    for weekdays, orders in (("mon", True), ("tue", False)):
        plan = ordering(weekdays).stock(0.0).plan()
        assert (plan["order_quantity"] > 0).all() == orders
        assert (plan["order_quantity"] == 0).all() != orders


def test_a_line_not_due_does_not_wait():
    line = ordering("thu").stock(1000.0).line()
    assert "WAITS_FOR_ORDER_DAY" not in line["reason_codes"]


@pytest.mark.parametrize(
    ("text", "read"),
    [("Monday, Thursday", "mon,thu"), ("fri mon", "mon,fri"), ("MON;MON", "mon"),
     ("every day", None), ("1,4", None), (" , ", None)],
)  # fmt: skip
def test_weekdays_are_read_as_people_write_them(text, read):
    assert read_weekdays(text) == read


def test_weekdays_that_cannot_be_read_are_told_and_replaced():
    line = ordering("whenever").stock(0.0).line()
    assert "TERMS_INVALID" in line["reason_codes"]
    assert (line["next_order_date"], line["order_quantity"] > 0) == (None, True)


def test_the_review_period_between_two_choices_is_the_longest_gap():
    tables = ordering("mon,thu").tables
    series = tables["lead_time_demand"].select("item_id", "location_id")
    found = terms(series, tables["products"], tables["suppliers"], build_shop().parameters)
    assert set(found["review_days"]) == {4}


def test_the_explanation_names_the_next_order_day():
    shop = ordering("mon,tue").stock(0.0)
    told = explain(shop.line(), shop.tables["forecasts"], landed_rows("sales", []))
    assert "next order day of the supplier 2024-06-03" in dict(told.facts)["Terms"]
    waiting = ordering("thu").stock(0.0)
    told = explain(waiting.line(), waiting.tables["forecasts"], landed_rows("sales", []))
    assert told.title.endswith("but due: the supplier takes orders on 2024-06-06 next")
    for figure in told.sums:
        assert sum(value for _, value in figure.parts) == pytest.approx(figure.total)
