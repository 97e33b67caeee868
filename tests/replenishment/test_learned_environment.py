"""The environment that agents learn in is the system that dynamic programming solves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast_platform.errors import ConfigurationError
from forecast_platform.replenishment.classic.demand import poisson_pmf
from forecast_platform.replenishment.exact.lost_sales import LostSales
from forecast_platform.replenishment.exact.policies import CappedBaseStock
from forecast_platform.replenishment.exact.states import largest_orders, states_within
from forecast_platform.replenishment.learned.dynamics import (
    Reward,
    draw,
    order_limits,
    play,
)
from forecast_platform.replenishment.learned.environment import LostSalesEnv

DEMAND = poisson_pmf(2.0)
PRICED = LostSales(DEMAND, 3, 1.0, 9.0, order_cost=2.0)
MIXED = Reward(cost=0.5, service=4.0, turnover=0.3)


@given(st.integers(1, 4), st.integers(0, 1000))
def test_stock_is_conserved(lead_time, seed):
    rng = np.random.default_rng(seed)
    environment = LostSalesEnv(LostSales(DEMAND, lead_time, 1.0, 4.0), 8)
    states, _ = environment.reset(seed=seed)
    ordered = sold = 0
    for _ in range(12):
        states, _, _, _, info = environment.step(rng.integers(0, 20, 8))
        ordered, sold = ordered + info["ordered"], sold + info["sold"]
        np.testing.assert_array_equal(info["sold"] + info["lost"], info["demand"])
        np.testing.assert_array_equal(ordered, sold + states.sum(axis=1))
        assert environment.observation_space.contains(states)


@pytest.mark.parametrize("lead_time", [1, 2, 3])
def test_a_period_moves_every_state_where_dynamic_programming_moves_it(lead_time):
    system = LostSales(DEMAND, lead_time, 1.0, 4.0)
    limits = order_limits(system)
    states = states_within(limits)
    vectors = states.vectors()
    rng = np.random.default_rng(1)
    orders = rng.integers(0, largest_orders(vectors, limits) + 1)
    demand = draw(DEMAND, (len(vectors),), rng)
    after = play(vectors, orders, demand)
    expected = states.landing(orders) + np.maximum(states.stock - demand, 0)
    np.testing.assert_array_equal(states.numbers(after.states), expected)


def test_orders_beyond_the_mask_are_cut_and_those_within_it_are_not():
    system = LostSales(DEMAND, 2, 1.0, 4.0)
    environment = LostSalesEnv(system, 3)
    states, info = environment.reset(seed=0)
    for _ in range(20):
        most = info["most"]
        np.testing.assert_array_equal(most, largest_orders(states, system.limits))
        wanted = np.array([0, 1, 99])
        states, _, ended, cut_short, info = environment.step(wanted)
        np.testing.assert_array_equal(info["ordered"], np.minimum(wanted, most))
        assert not ended.any()
        assert not cut_short.any()
    assert (states.sum(axis=1) <= system.limits[0]).all()
    kept, _ = environment.reset(options={"reset_mask": np.array([True, False, False])})
    assert kept[0].sum() == 0
    np.testing.assert_array_equal(kept[1:], states[1:])


def test_the_parts_of_a_reward_add_up_and_mean_what_they_say():
    environment = LostSalesEnv(PRICED, 5, MIXED)
    environment.reset(seed=3)
    for order in (4, 0, 2, 7, 1):
        _, reward, _, _, info = environment.step(np.full(5, order))
        cost = info["left"] + 9.0 * info["lost"] + 2.0 * (info["ordered"] > 0)
        np.testing.assert_allclose(info["cost"], -0.5 * cost)
        np.testing.assert_allclose(info["service"], 4.0 * info["sold"] / 2.0)
        np.testing.assert_allclose(info["turnover"], -0.3 * info["left"] / 2.0)
        np.testing.assert_allclose(reward, info["cost"] + info["service"] + info["turnover"])


def test_the_average_reward_is_the_exact_cost_of_the_priced_system():
    policy = CappedBaseStock(9, 3)
    environment = LostSalesEnv(PRICED, 2000, MIXED)
    states, _ = environment.reset(seed=5)
    averages = np.zeros(2000)
    for period in range(220):
        states, reward, *_ = environment.step(policy(states))
        averages += reward * (period >= 20) / 200
    exact = MIXED.service - MIXED.priced(PRICED).evaluate(policy)
    error = averages.std() / np.sqrt(averages.size)
    assert abs(averages.mean() - exact) < 3 * error


def test_the_same_seed_gives_the_same_demand_whatever_is_ordered():
    seen = []
    for order in (0, 3):
        environment = LostSalesEnv(PRICED, 50)
        environment.reset(seed=8)
        seen.append([environment.step(np.full(50, order))[4]["demand"] for _ in range(5)])
    np.testing.assert_array_equal(*seen)


@pytest.mark.parametrize(
    "weights", [{"cost": -1.0}, {"service": np.nan}, {"cost": 0.0, "turnover": 1.0}]
)
def test_a_reward_that_weighs_nothing_against_stock_or_loss_is_refused(weights):
    with pytest.raises(ConfigurationError, match="weigh"):
        Reward(**weights)
