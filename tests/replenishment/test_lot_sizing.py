import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast_platform.errors import ConfigurationError
from forecast_platform.replenishment.classic.lot_sizing import silver_meal, wagner_whitin

# Wagner and Whitin (1958), Management Science 5(1), table 1; holding 1 per unit and month.
DEMAND = [69, 29, 36, 61, 61, 26, 34, 67, 45, 67, 79, 56]
ORDER_COST = [85, 102, 102, 101, 98, 114, 105, 86, 119, 110, 98, 114]


def cost_of(orders, demand, order_cost, holding):
    left = np.cumsum(orders) - np.cumsum(demand)
    assert (left > -1e-9).all(), "demand is met"
    return np.sum(np.asarray(order_cost) * (orders > 0)) + holding * left.sum()


def test_wagner_and_whitins_example_costs_864():
    plan = wagner_whitin(DEMAND, ORDER_COST, 1)
    assert plan.cost[0] == 864
    assert cost_of(plan.orders[0], DEMAND, ORDER_COST, 1) == 864


def test_demand_of_one_size_is_bought_in_lots_of_the_economic_order_quantity():
    plan = silver_meal(np.full(12, 10.0), 80, 1)
    np.testing.assert_array_equal(plan.orders[0], [40, 0, 0, 0] * 3)
    np.testing.assert_array_equal(wagner_whitin(np.full(12, 10.0), 80, 1).orders, plan.orders)


@given(
    demand=st.lists(st.integers(0, 9), min_size=1, max_size=7),
    order_cost=st.floats(0, 40),
    holding=st.floats(0, 3),
)
def test_no_choice_of_order_periods_is_cheaper(demand, order_cost, holding):
    least = np.inf
    for chosen in itertools.product([False, True], repeat=len(demand)):
        if not any(demand[: chosen.index(True) if any(chosen) else None]):
            source = np.maximum.accumulate([t if c else -1 for t, c in enumerate(chosen)])
            orders = np.bincount(np.maximum(source, 0), demand, len(demand))
            least = min(least, cost_of(orders, demand, order_cost, holding))
    best, heuristic = (f(demand, order_cost, holding) for f in (wagner_whitin, silver_meal))
    assert best.cost[0] == pytest.approx(least, abs=1e-9)
    assert heuristic.cost[0] >= least - 1e-9
    for plan in (best, heuristic):
        total = cost_of(plan.orders[0], demand, order_cost, holding)
        assert plan.cost[0] == pytest.approx(total, abs=1e-9)


def test_items_are_planned_side_by_side_as_alone_in_any_order():
    rng = np.random.default_rng(5)
    demand = rng.poisson(2.0, (6, 20)) * rng.integers(0, 2, (6, 20))
    demand[3] = 0
    fixed = rng.uniform(1, 30, (6, 1))
    for solve in (wagner_whitin, silver_meal):
        together, turned = solve(demand, fixed, 0.5), solve(demand[::-1], fixed[::-1], 0.5)
        np.testing.assert_array_equal(together.orders[::-1], turned.orders)
        alone = [solve(row, cost, 0.5).orders[0] for row, cost in zip(demand, fixed, strict=True)]
        np.testing.assert_array_equal(together.orders, alone)
        assert together.cost[3] == 0


@pytest.mark.parametrize("solve", [wagner_whitin, silver_meal])
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (([1, -1], 1, 1), "Demand"),
        (([1, float("nan")], 1, 1), "Demand"),
        (([], 1, 1), "items, periods"),
        (([1, 2], -1, 1), "order cost"),
        (([1, 2], 1, [1, float("inf")]), "holding cost"),
    ],
)
def test_input_that_makes_no_sense_is_named(solve, wrong, message):
    with pytest.raises(ConfigurationError, match=message):
        solve(*wrong)
