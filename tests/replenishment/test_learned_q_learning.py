"""Tabular Q-learning on Zipkin's Poisson cases, its policies evaluated exactly."""

import numpy as np
import pytest

from forecast_platform.errors import ConfigurationError
from forecast_platform.replenishment.classic.demand import poisson_pmf
from forecast_platform.replenishment.exact.lost_sales import LostSales
from forecast_platform.replenishment.learned.dynamics import Reward
from forecast_platform.replenishment.learned.q_learning import QSettings, learn

QUICK = QSettings(periods=2_000_000)


def zipkin(lead_time, penalty):
    return LostSales(poisson_pmf(5.0), lead_time, 1.0, penalty)


def test_it_comes_within_two_thousandths_of_the_optimum():
    system = zipkin(1, 4.0)
    optimum = system.optimal().cost
    learned = learn(system, 0, QUICK, optimum=optimum)
    cost = system.evaluate(learned.policy)
    assert optimum - 1e-5 < cost < 1.002 * optimum
    curve = learned.curve
    assert curve.columns == ["periods", "cost", "gap"]
    assert curve["periods"].to_list() == list(range(200_000, 2_000_001, 200_000))
    assert curve["cost"].min() == pytest.approx(cost, abs=1e-9)
    np.testing.assert_allclose(curve["gap"], curve["cost"] / optimum - 1)


def test_a_seed_gives_the_same_table_and_another_seed_another():
    short = QSettings(periods=50_000, judgements=1)
    first, again, other = (learn(zipkin(2, 9.0), seed, short) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.values, again.values)
    assert not np.array_equal(first.values, other.values)


def test_orders_beyond_the_limits_have_no_value():
    learned = learn(zipkin(2, 9.0), 0, QSettings(periods=50_000))
    states = learned.policy.states.vectors()
    position = states.sum(axis=1)[:, None] + np.arange(learned.values.shape[1])
    assert np.isinf(learned.values[position > zipkin(2, 9.0).limits[0]]).all()
    assert np.isfinite(learned.values[:, 0]).all()


def test_an_order_cost_and_other_rewards_are_learned_too():
    system = LostSales(poisson_pmf(2.0), 1, 1.0, 9.0, order_cost=5.0)
    reward = Reward(cost=1.0, service=6.0, turnover=1.0)
    priced = reward.priced(system)
    learned = learn(system, 0, QUICK, reward)
    assert priced.evaluate(learned.policy) < 1.01 * priced.optimal().cost


def test_a_case_too_large_for_a_table_is_refused():
    with pytest.raises(ConfigurationError, match="states"):
        learn(zipkin(12, 9.0), 0, QUICK)


@pytest.mark.nightly
@pytest.mark.parametrize("penalty", [4.0, 9.0, 19.0])
@pytest.mark.parametrize("lead_time", [1, 2])
def test_all_cases_come_within_two_thousandths_of_the_optimum(lead_time, penalty):
    system = zipkin(lead_time, penalty)
    cost = system.evaluate(learn(system, 0).policy)
    assert cost < 1.002 * system.optimal().cost
