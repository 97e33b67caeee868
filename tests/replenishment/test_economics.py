import numpy as np
import pytest

from forecast_platform.replenishment.economics import (
    annual_order_cost,
    economic_order_quantity,
    unit_costs,
)


def test_eoq_and_its_cost_match_snyder_and_shen_example_3_1():
    # Fundamentals of Supply Chain Theory, example 3.1: K = 8, D = 1300, h = .3 x .75.
    quantity = economic_order_quantity(8.0, 1300.0, 0.225)
    assert quantity == pytest.approx(304.0468, abs=5e-5)
    assert annual_order_cost(quantity, 8.0, 1300.0, 0.225) == pytest.approx(68.4105, abs=5e-5)


def test_no_other_quantity_costs_less_than_the_eoq():
    best = economic_order_quantity(8.0, 1300.0, 0.225)
    others = best * np.linspace(0.3, 3, 50)
    least = annual_order_cost(best, 8.0, 1300.0, 0.225)
    assert (annual_order_cost(others, 8.0, 1300.0, 0.225) >= least).all()


def test_cost_is_estimated_from_the_price_only_where_it_is_not_known():
    cost, estimated = unit_costs(
        np.array([4.0, np.nan, 0.0, np.nan]), np.array([10.0, 10.0, 20.0, np.nan]), 0.7
    )
    np.testing.assert_allclose(cost, [4.0, 7.0, 14.0, np.nan])
    assert estimated.tolist() == [False, True, True, False]
