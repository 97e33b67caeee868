import numpy as np
import pytest

from forecast_platform.errors import ConfigurationError
from forecast_platform.replenishment.classic.demand import poisson_pmf
from forecast_platform.replenishment.classic.newsvendor import newsvendor_discrete
from forecast_platform.replenishment.classic.perishable import WithdrawalAndAging, withdrawn
from forecast_platform.replenishment.exact.lost_sales import LostSales
from forecast_platform.replenishment.exact.perishables import Perishables
from forecast_platform.replenishment.exact.policies import BaseStock

DEMAND = poisson_pmf(2.0)


def system(shelf_life=2, lead_time=1, expiry=5.0, newest_first=False):
    return Perishables(DEMAND, shelf_life, lead_time, 1.0, 9.0, expiry, newest_first)


def test_goods_of_one_period_are_a_newsvendor():
    best, orders = system(shelf_life=1, lead_time=0).optimal()
    stock = newsvendor_discrete(5.0, 9.0, DEMAND)
    assert best == pytest.approx(float(stock.cost), abs=1e-6)
    assert orders.tolist() == [stock.level]


def test_goods_that_outlive_their_stock_are_the_lost_sales_system():
    demand = poisson_pmf(0.5)
    plain = LostSales(demand, 1, 1.0, 4.0).optimal().cost
    gaps = []
    for life in (2, 4, 8):
        # Expiry saves holding where it is free, and costs more than it saves where it is dear.
        free, dear = (Perishables(demand, life, 1, 1.0, 4.0, w).optimal()[0] for w in (0.0, 5.0))
        assert free <= plain <= dear
        gaps.append(dear - free)
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[-1] < 0.05


def test_longer_lives_and_oldest_first_never_cost_more():
    by_life = [system(shelf_life=life).optimal()[0] for life in (1, 2, 3)]
    assert by_life == sorted(by_life, reverse=True)
    assert system(shelf_life=3).optimal()[0] < system(shelf_life=3, newest_first=True).optimal()[0]


def test_no_simple_policy_beats_the_optimum_and_aging_beats_plain_base_stock():
    case = system()
    plain = min(case.evaluate(BaseStock(level)) for level in range(1, 9))
    aging = min(case.evaluate(WithdrawalAndAging(level, 2, 1, 2.0)) for level in range(1, 9))
    assert case.optimal()[0] - 1e-6 <= aging <= plain


def test_the_optimal_orders_cost_what_the_solution_says():
    case = system(newest_first=True)
    cost, orders = case.optimal()
    assert case.evaluate(lambda states: orders) == pytest.approx(cost, abs=3e-6)


def test_demand_takes_the_oldest_or_the_newest_units():
    shelf, demand = np.array([[1.0, 2.0, 3.0]]), np.array([4.0])
    assert withdrawn(shelf, demand, False).tolist() == [[0, 0, 2]]
    assert withdrawn(shelf, demand, True).tolist() == [[1, 1, 0]]
    assert withdrawn(shelf, np.array([9.0]), True).sum() == 0


def test_aging_adds_what_will_expire_before_the_order_arrives():
    # Life 2, lead time 1: of 5 old units a demand of 2 leaves 3 to expire.
    policy = WithdrawalAndAging(10, 2, 1, 2.0)
    assert policy(np.array([[5, 1], [0, 1]])).tolist() == [10 - 6 + 3, 9]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: system(shelf_life=0), "shelf life"),
        (lambda: system(lead_time=-1), "lead time"),
        (lambda: system(expiry=float("nan")), "expiry cost"),
        (lambda: system(shelf_life=9), "too many to solve"),
        (lambda: system(shelf_life=1).evaluate(BaseStock(4)), "does not settle"),
        (lambda: WithdrawalAndAging(4, 2, 1, -1.0), "Mean demand"),
        (lambda: WithdrawalAndAging(4, 2, 1, 1.0)(np.zeros((1, 3), int)), r"must be \(K, 2\)"),
    ],
)
def test_input_that_makes_no_sense_is_named(call, message):
    with pytest.raises(ConfigurationError, match=message):
        call()
