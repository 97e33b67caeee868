import datetime as dt

import pytest
from plan_shop import DAY, Shop, build_shop

from forecast_platform.errors import ContractError

STOCKED = build_shop(items=1, locations=1).stock(30.0)
PROTECTION = 12


def day(offset: int) -> dt.date:
    return DAY + dt.timedelta(days=offset)


def ordered(expected: int, sent: int = -10, received: int | None = None) -> Shop:
    return STOCKED.orders(
        {
            "date": day(sent),
            "expected_date": day(expected),
            "received_date": None if received is None else day(received),
        }
    )


def test_position_is_on_hand_less_reserved_plus_what_arrives_in_time():
    line = STOCKED.stock(30.0, reserved=4.0).orders(
        {"date": day(-3), "expected_date": day(2)}
    ).line()  # fmt: skip
    assert (line["on_hand"], line["reserved"], line["on_order"]) == (30.0, 4.0, 20.0)
    assert line["inventory_position"] == 46.0
    assert line["position_source"] == "counted"


@pytest.mark.parametrize("expected", [-40, -14, -13, -1, 0, 1, 12, 13, 40])
def test_an_open_order_counts_only_if_it_arrives_in_time(expected):
    line = ordered(expected, sent=-45).line()
    counted = -13 <= expected <= PROTECTION
    assert line["inventory_position"] == 30.0 + 20.0 * counted
    assert line["uncounted_units"] == 20.0 * (not counted)
    codes = line["reason_codes"].split(",")
    assert ("LATE_DELIVERY" in codes) == (expected < 0)
    assert ("DELIVERY_OVERDUE" in codes) == (expected < -13)
    assert ("ARRIVES_TOO_LATE" in codes) == (expected > PROTECTION)
    assert line["late_units"] == 20.0 * (-13 <= expected < 0)


@pytest.mark.parametrize(
    ("sent", "received", "is_open"),
    [(0, None, True), (1, None, False), (-9, 0, False), (-9, 1, True), (-180, None, True),
     (-181, None, False)],
)  # fmt: skip
def test_orders_are_open_from_sending_to_the_day_before_receipt(sent, received, is_open):
    assert ordered(5, sent, received).line()["on_order"] == 20.0 * is_open


def test_the_newest_count_not_after_the_day_holds_and_an_older_one_is_flagged():
    fresh = STOCKED.line()
    assert "STOCK_STALE" not in fresh["reason_codes"]
    stale = STOCKED.stock(17.0, day=day(-7)).line()
    assert (stale["on_hand"], stale["stock_date"]) == (17.0, day(-7))
    assert "STOCK_STALE" in stale["reason_codes"]


@pytest.mark.parametrize("offset", [-8, 1])
def test_a_count_outside_the_look_back_leaves_the_stock_simulated(offset):
    line = STOCKED.stock(17.0, day=day(offset)).line()
    assert (line["position_source"], line["stock_date"]) == ("simulated", None)
    assert "STOCK_SIMULATED" in line["reason_codes"]


def test_a_count_below_zero_is_taken_as_zero_and_flagged():
    line = STOCKED.stock(-5.0).line()
    assert (line["on_hand"], line["inventory_position"]) == (0.0, 0.0)
    assert "NEGATIVE_STOCK" in line["reason_codes"]
    assert line["order_quantity"] > 0


def test_a_series_without_a_count_among_counted_ones_says_so():
    shop = build_shop(items=2, locations=1).stock(9.0)
    shop = shop.having(inventory=shop.tables["inventory"].filter(item_id="i0"))
    assert shop.line("i0")["position_source"] == "counted"
    assert "STOCK_SIMULATED,STOCK_MISSING" in shop.line("i1")["reason_codes"]


def test_a_count_of_nan_is_no_count():
    assert STOCKED.stock(float("nan")).line()["position_source"] == "simulated"


def test_two_counts_of_one_close_are_refused():
    inventory = STOCKED.tables["inventory"]
    with pytest.raises(ContractError, match="inventory must have one row per"):
        STOCKED.having(inventory=inventory.vstack(inventory)).plan()
