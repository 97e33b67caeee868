"""Figures: Snyder and Shen, Fundamentals of Supply Chain Theory (2019), examples 3.1, 3.5 and 3.8.

K = 8, D = 1300, h = .3 x .75 = .225; p = 5; tiers from 0, 400, 800 at .75, .72, .68.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast_platform.errors import ConfigurationError
from forecast_platform.replenishment.classic.eoq import (
    all_units_discount,
    annual_order_cost,
    economic_order_quantity,
    economic_production_quantity,
    incremental_discount,
    with_backorders,
)

STARTS, PRICES = np.array([0.0, 400, 800]), np.array([0.75, 0.72, 0.68])


def test_backorders_give_the_figures_of_example_3_8():
    lots = with_backorders(8, 1300, 0.225, 5)
    assert lots.quantity == pytest.approx(310.8126, abs=5e-5)
    assert lots.backordered == pytest.approx(0.043062, abs=5e-7)
    assert lots.cost == pytest.approx(66.9214, abs=5e-5)


def test_discounts_give_the_figures_of_example_3_5():
    lots = all_units_discount(8, 1300, 0.3, STARTS, PRICES)
    assert lots.quantity == 800
    assert lots.cost == pytest.approx(978.60, abs=5e-3)
    lots = incremental_discount(8, 1300, 0.3, STARTS, PRICES)
    assert lots.quantity == pytest.approx(304.0468, abs=5e-5)
    assert lots.cost == pytest.approx(1043.4105, abs=5e-5)


@pytest.mark.parametrize("solve", [all_units_discount, incremental_discount])
@given(order_cost=st.floats(1, 200), demand=st.floats(10, 5000), rate=st.floats(0.05, 0.6))
def test_no_other_quantity_is_cheaper_under_discounts(solve, order_cost, demand, rate):
    quantity = np.concatenate([np.geomspace(1, 5000, 400), STARTS[1:]])
    tier = np.searchsorted(STARTS, quantity, side="right") - 1
    if solve is all_units_discount:
        price = PRICES[tier]
    else:
        bought = [np.clip(quantity - start, 0, None) for start in STARTS]
        total = PRICES[0] * bought[0] + np.diff(PRICES) @ bought[1:]
        price = total / quantity
    cost = price * demand + order_cost * demand / quantity + rate * price * quantity / 2
    lots = solve(order_cost, demand, rate, STARTS, PRICES)
    assert lots.cost <= cost.min() * (1 + 1e-9)


def test_items_are_solved_side_by_side_as_alone():
    fixed, demand = np.array([8.0, 80.0, 1.0]), np.array([1300.0, 900.0, 0.0])
    for solve in (all_units_discount, incremental_discount):
        together = solve(fixed, demand, 0.3, STARTS, PRICES)
        alone = [solve(k, d, 0.3, STARTS, PRICES) for k, d in zip(fixed, demand, strict=True)]
        np.testing.assert_allclose(together.quantity, [lots.quantity for lots in alone])
        np.testing.assert_allclose(together.cost, [lots.cost for lots in alone])
        assert (together.quantity[2], together.cost[2]) == (0, 0)


def test_limits_of_backorders_and_production_are_the_plain_quantity():
    plain = economic_order_quantity(8, 1300, 0.225)
    assert with_backorders(8, 1300, 0.225, 1e12).quantity == pytest.approx(plain)
    made = economic_production_quantity(8, 1300, 0.225, 1e12)
    assert made.quantity == pytest.approx(plain)
    assert made.cost == pytest.approx(annual_order_cost(plain, 8, 1300, 0.225))


def test_slow_production_calls_for_larger_lots():
    lots = economic_production_quantity(8, 1300, 0.225, [1400, 2600, 1e9])
    assert (np.diff(lots.quantity) < 0).all()
    assert lots.quantity[1] == pytest.approx(economic_order_quantity(8, 1300, 0.225) * 2**0.5)


def test_zero_costs_have_their_limits_and_missing_ones_stay_missing():
    got = economic_order_quantity(
        [0.0, 8.0, np.nan, 8.0], [9.0, 9.0, 9.0, 0.0], [1.0, 0.0, 1.0, 0.0]
    )
    np.testing.assert_array_equal(got, [0.0, np.inf, np.nan, 0.0])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: economic_order_quantity(-1, 5, 1),
            "order cost must be a finite number at least 0",
        ),
        (lambda: economic_order_quantity(1, [5, -2], 1), r"Demand .* got -2.0 \(1 of 2\)"),
        (lambda: economic_order_quantity(1, 5, np.inf), "holding cost"),
        (lambda: annual_order_cost(0, 1, 5, 1), "order quantity"),
        (lambda: with_backorders(1, 5, 1, 0), "penalty cost must be a finite number above 0"),
        (lambda: with_backorders(1, 5, np.nan, 1), "holding cost"),
        (lambda: economic_production_quantity(1, 5, 1, 5), "exceed demand"),
        (lambda: all_units_discount(1, 5, 0.3, [0, 9, 9], PRICES), "rise from 0"),
        (lambda: all_units_discount(1, 5, 0.3, [0, 9], PRICES), "rise from 0"),
        (lambda: incremental_discount(1, 5, 0.3, STARTS, [0.7, 0.8, 0.6]), "do not"),
        (lambda: incremental_discount(1, 5, 0.0, STARTS, PRICES), "holding rate"),
    ],
)
def test_input_that_makes_no_sense_is_named(call, message):
    with pytest.raises(ConfigurationError, match=message):
        call()
