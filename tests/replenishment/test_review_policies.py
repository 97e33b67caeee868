"""(s,S), (R,s,S), base-stock and (r,Q) against printed optima and a plain Markov chain."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast_platform.errors import ConfigurationError
from forecast_platform.replenishment.classic.continuous_review import (
    reorder_quantity,
    reorder_quantity_cost,
)
from forecast_platform.replenishment.classic.demand import poisson_pmf, total_pmf
from forecast_platform.replenishment.classic.newsvendor import newsvendor_discrete
from forecast_platform.replenishment.classic.periodic import PeriodicReview


@pytest.mark.parametrize(
    ("mean", "reorder", "upto", "cost"),
    [
        (10, 6, 40, 35.022), (15, 10, 49, 42.698), (20, 14, 62, 49.173),
        (25, 19, 56, 54.262), (50, 42, 108, 70.975), (75, 67, 86, 79.554),
    ],
)  # fmt: skip
def test_the_best_order_up_to_policies_are_those_of_zheng_and_federgruen(mean, reorder, upto, cost):
    # Operations Research 39(4), 1991, table 1: h = 1, p = 9, K = 64, no lead time, Poisson demand.
    best = PeriodicReview(poisson_pmf(mean), 0, 1.0, 9.0, 64.0).best()
    assert best[:2] == (reorder, upto)
    assert best.cost == pytest.approx(cost, abs=5e-4)


def by_markov_chain(pmf, lead_time, holding, penalty, order_cost, review, reorder, upto):
    """Cost per period from the stationary positions after each review."""
    size = upto - reorder
    total, moves, costs = total_pmf(pmf, review), np.zeros((size, size)), np.zeros(size)
    for state in range(size):
        position = reorder + 1 + state
        for demand, chance in enumerate(total):
            after = position - demand
            costs[state] += chance * order_cost * (after <= reorder)
            moves[(upto if after <= reorder else after) - reorder - 1, state] += chance
        for period in range(review):
            for demand, chance in enumerate(total_pmf(pmf, lead_time + 1 + period)):
                left = position - demand
                costs[state] += chance * (holding * max(left, 0) + penalty * max(-left, 0))
    equations = np.vstack([moves - np.eye(size), np.ones(size)])
    return np.linalg.lstsq(equations, np.eye(size + 1)[-1], rcond=None)[0] @ costs / review


@settings(max_examples=20, deadline=None)
@given(
    weights=st.lists(st.floats(0.05, 1), min_size=2, max_size=4),
    lead_time=st.integers(0, 2),
    review=st.integers(1, 3),
    order_cost=st.floats(0, 20),
    penalty=st.floats(0.5, 20),
)
def test_costs_equal_a_markov_chain_and_none_is_below_the_best(
    weights, lead_time, review, order_cost, penalty
):
    pmf = np.array(weights) / sum(weights)
    system = PeriodicReview(pmf, lead_time, 1.0, penalty, order_cost, review)
    best = system.best()
    chain = by_markov_chain(
        pmf, lead_time, 1.0, penalty, order_cost, review, best.reorder, best.upto
    )
    assert best.cost == pytest.approx(chain, rel=1e-9)
    for low in range(-4, 12):
        others = [system.cost(low, low + size) for size in range(1, 25)]
        assert min(others) >= best.cost - 1e-9


def test_without_an_order_cost_the_best_policy_is_the_newsvendors_base_stock():
    pmf = poisson_pmf(4.0)
    base = PeriodicReview(pmf, 2, 1.0, 9.0).base_stock()
    stock = newsvendor_discrete(1.0, 9.0, total_pmf(pmf, 3))
    assert base.upto == stock.level
    assert base.cost == pytest.approx(float(stock.cost))
    assert PeriodicReview(pmf, 2, 1.0, 9.0).best() == base


def test_longer_reviews_and_lead_times_raise_the_level_and_the_cost():
    pmf = poisson_pmf(4.0)
    for field in ("lead_time", "review"):
        bests = [
            PeriodicReview(pmf, **{"lead_time": 1, field: n}, holding=1.0, penalty=9.0).base_stock()
            for n in (1, 2, 4)
        ]
        assert [b.upto for b in bests] == sorted(b.upto for b in bests)
        assert [b.cost for b in bests] == sorted(b.cost for b in bests)


def test_the_best_reorder_quantity_policy_is_that_of_snyder_and_shen_example_5_8():
    # Fundamentals of Supply Chain Theory (2019): h = 20, p = 150, K = 100, 1.5 a year, L = 2.
    best = reorder_quantity(100, 20, 150, 1.5, 2)
    assert best[:2] == (3, 5)
    assert best.cost == pytest.approx(107.9236, abs=5e-5)
    assert reorder_quantity_cost(3, 5, 100, 20, 150, 1.5, 2) == pytest.approx(best.cost)


@given(
    order_cost=st.floats(0, 300), penalty=st.floats(1, 200), rate=st.floats(0.1, 20),
    lead_time=st.floats(0, 3),
)  # fmt: skip
def test_no_neighbouring_reorder_quantity_policy_is_cheaper(order_cost, penalty, rate, lead_time):
    best = reorder_quantity(order_cost, 2.0, penalty, rate, lead_time)
    for shift in (-2, -1, 0, 1, 2):
        for quantity in {max(best.quantity + change, 1) for change in (-2, -1, 0, 1, 2)}:
            other = reorder_quantity_cost(
                best.reorder + shift, quantity, order_cost, 2.0, penalty, rate, lead_time
            )
            assert other >= best.cost - 1e-9


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: PeriodicReview([1.0], 0, 1, 9), "nothing to replenish"),
        (lambda: PeriodicReview([0.5, 0.5], -1, 1, 9), "lead time"),
        (lambda: PeriodicReview([0.5, 0.5], 0, 0, 9), "holding cost"),
        (lambda: PeriodicReview([0.5, 0.5], 0, 1, float("nan")), "penalty cost"),
        (lambda: PeriodicReview([0.5, 0.5], 0, 1, 9, -1), "order cost"),
        (lambda: PeriodicReview([0.5, 0.5], 0, 1, 9, 0, 0), "review period"),
        (lambda: PeriodicReview([0.5, 0.5], 0, 1, 9).cost(4, 4), "above the reorder point"),
        (lambda: reorder_quantity(1, 1, 1, 0, 1), "demand rate"),
        (lambda: reorder_quantity(1, 0, 1, 1, 1), "holding cost"),
        (lambda: reorder_quantity(1, 1, 1, 1, -1), "lead time"),
        (lambda: reorder_quantity_cost(1, 0, 1, 1, 1, 1, 1), "order quantity"),
    ],
)
def test_input_that_makes_no_sense_is_named(call, message):
    with pytest.raises(ConfigurationError, match=message):
        call()
