"""Only a policy that beats every rival on the same demand with confidence is promoted."""

import numpy as np
import pytest

from forecast_platform.errors import ConfigurationError
from forecast_platform.replenishment.classic.demand import poisson_pmf
from forecast_platform.replenishment.exact.lost_sales import LostSales
from forecast_platform.replenishment.exact.policies import BaseStock
from forecast_platform.replenishment.learned.dynamics import draw
from forecast_platform.replenishment.learned.guard import (
    CAPPED,
    MYOPIC,
    OPTIMUM,
    costs_per_path,
    judge,
    rivals,
)

SYSTEM = LostSales(poisson_pmf(5.0), 2, 1.0, 9.0)
DEMAND = draw(SYSTEM.demand, (600, 200), np.random.default_rng(0))


@pytest.fixture(scope="module")
def against():
    return rivals(SYSTEM)


def test_simulated_costs_are_the_exact_ones(against):
    for policy in against.values():
        costs = costs_per_path(policy, SYSTEM, DEMAND, warm_up=50)
        error = costs.std() / np.sqrt(costs.size)
        assert abs(costs.mean() - SYSTEM.evaluate(policy)) < 3 * error


def test_a_bad_policy_is_refused(against):
    verdict = judge(BaseStock(9), against, SYSTEM, DEMAND)
    assert not verdict.promoted
    assert not verdict.rivals["beaten"].any()
    assert (verdict.rivals["saving"] < 0).all()


def test_nothing_is_promoted_over_the_optimum_not_even_itself(against):
    verdict = judge(against[OPTIMUM], against, SYSTEM, DEMAND)
    beaten = dict(verdict.rivals.select("rival", "beaten").iter_rows())
    assert beaten == {OPTIMUM: False, MYOPIC: True, CAPPED: True}
    assert not verdict.promoted


def test_a_better_policy_is_promoted_where_demand_departs_from_what_was_planned_with():
    planned = LostSales(poisson_pmf(4.0), 2, 1.0, 9.0)
    verdict = judge(SYSTEM.optimal().policy, rivals(planned), SYSTEM, DEMAND)
    assert verdict.promoted
    assert set(verdict.rivals["rival"]) == {OPTIMUM, MYOPIC, CAPPED}
    assert (verdict.rivals["at_least"] > 0).all()


def test_a_saving_too_small_for_the_paths_at_hand_is_not_believed(against):
    few = DEMAND[:150, :4]
    verdict = judge(against[OPTIMUM], {MYOPIC: against[MYOPIC]}, SYSTEM, few, confidence=0.999)
    assert not verdict.promoted


def test_large_systems_are_judged_against_what_can_be_worked_out():
    assert set(rivals(SYSTEM, most_states=10)) == {CAPPED}


@pytest.mark.parametrize("demand", [-DEMAND, DEMAND + 0.5, DEMAND[:50], DEMAND[:, :1], DEMAND[0]])
def test_demand_that_makes_no_sense_is_refused(demand):
    with pytest.raises(ConfigurationError):
        judge(BaseStock(9), {"other": BaseStock(8)}, SYSTEM, demand)
