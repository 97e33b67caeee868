"""Costs of lost-sales systems against the printed tables.

Zipkin (2008), Old and New Methods for Lost-Sales Inventory Systems, Operations Research 56(5),
tables 3 and 4: mean demand 5, h = 1. Six printed figures are not exact, here recomputed: Poisson
p = 4, L = 3 best base-stock 4.97 (printed 4.98); geometric p = 19, L = 2 Myopic 21.29 (21.30);
p = 39: L = 1 best base-stock 24.01 (24.00), L = 2 standard base-stock 27.49 (27.48), L = 4 standard
32.85 (32.82) and best base-stock 30.11 (30.12). Bijvank, Bhulai and Huh (2015), European Journal of
Operational Research 241(2): Poisson demand of mean 5, h = 1.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast_platform.errors import ConfigurationError
from forecast_platform.replenishment.classic.demand import (
    empirical_pmf,
    expected_cost,
    geometric_pmf,
    poisson_pmf,
)
from forecast_platform.replenishment.exact.best import (
    best_base_stock,
    best_batches,
    best_capped_base_stock,
    best_order_up_to,
)
from forecast_platform.replenishment.exact.lost_sales import LostSales
from forecast_platform.replenishment.exact.policies import (
    BaseStock,
    CappedBaseStock,
    ReorderBatches,
    ReorderOrderUpTo,
)

DEMAND = {"Poisson": poisson_pmf(5.0), "geometric": geometric_pmf(5.0)}
# Optimal, Myopic, Myopic-2, standard base-stock, best base-stock for L = 1, 2, 3, 4.
ZIPKIN = """
Poisson    4 4.04/4.11/4.04/4.39/4.16 4.40/4.56/4.41/4.94/4.64 4.60/4.84/4.64/5.77/4.97 4.73/5.06/4.82/6.14/5.20
Poisson    9 5.44/5.45/5.44/5.56/5.55 6.09/6.22/6.10/6.55/6.32 6.53/6.80/6.57/7.47/6.86 6.84/7.20/6.92/8.37/7.27
Poisson   19 6.68/6.69/6.68/6.73/6.73 7.66/7.77/7.67/8.15/7.84 8.36/8.56/8.40/9.19/8.60 8.89/9.18/8.96/9.67/9.23
Poisson   39 7.84/7.88/7.84/7.98/7.86 9.11/9.16/9.12/9.31/9.19 10.04/10.17/10.07/10.43/10.22 10.79/11.04/10.84/11.43/11.06
geometric  4 9.82/9.95/9.83/10.49/10.04 10.24/10.57/10.29/12.24/10.70 10.47/10.99/10.59/13.55/11.13 10.61/11.31/10.79/14.80/11.44
geometric  9 14.51/14.64/14.51/15.13/14.73 15.50/15.93/15.57/17.53/15.99 16.14/16.86/16.32/19.46/16.87 16.58/17.61/16.89/20.78/17.54
geometric 19 19.22/19.37/19.22/19.81/19.40 20.89/21.29/20.95/22.49/21.31 22.06/22.79/22.24/25.06/22.73 22.95/24.02/23.28/27.04/23.85
geometric 39 23.87/23.97/23.87/24.48/24.01 26.21/26.55/26.26/27.49/26.55 27.96/28.61/28.10/30.21/28.51 29.36/30.31/29.63/32.85/30.11
"""  # noqa: E501
BEST_LEVELS = {4: (12, 16, 20, 25), 9: (13, 19, 23, 28), 19: (15, 21, 26, 31), 39: (16, 22, 28, 33)}


def cells():
    for row in ZIPKIN.strip().splitlines():
        name, penalty, *costs = row.split()
        for lead_time, cell in enumerate(costs, 1):
            printed = [float(cost) for cost in cell.split("/")]
            large = name == "geometric" and lead_time == 4 and int(penalty) > 4
            marks = [pytest.mark.nightly] if large else []
            yield pytest.param(name, int(penalty), lead_time, printed, marks=marks)


@pytest.mark.parametrize(("name", "penalty", "lead_time", "printed"), list(cells()))
def test_costs_are_those_of_zipkins_tables(name, penalty, lead_time, printed):
    system = LostSales(DEMAND[name], lead_time, 1.0, penalty)
    best, least = best_base_stock(system)
    costs = [
        system.optimal().cost,
        system.evaluate(system.myopic()),
        system.evaluate(system.myopic(periods=2)),
        system.evaluate(BaseStock(system.standard_base_stock)),
        least,
    ]
    np.testing.assert_allclose(costs, printed, rtol=0, atol=0.005)
    if name == "Poisson":
        assert best.level == BEST_LEVELS[penalty][lead_time - 1]


@pytest.mark.parametrize(
    ("penalty", "level", "cap", "cost"),
    [(4, 26, 5, 4.7978), (9, 29, 5, 6.9123), (19, 31, 6, 8.9544), (39, 34, 6, 10.8926)],
)
def test_the_best_capped_base_stock_policy_comes_close_to_the_optimum(penalty, level, cap, cost):
    # Recomputed for Xin (2021), Operations Research 69(1), on Zipkin's Poisson cases with L = 4.
    system = LostSales(DEMAND["Poisson"], 4, 1.0, penalty)
    best, least = best_capped_base_stock(system)
    assert best == CappedBaseStock(level, cap)
    assert least == pytest.approx(cost, abs=1e-4)
    assert system.optimal().cost <= least <= best_base_stock(system)[1]


def test_costs_with_an_order_cost_are_those_of_bijvank():
    system = LostSales(DEMAND["Poisson"], 2, 1.0, 14.0, order_cost=5.0)
    assert system.optimal().cost == pytest.approx(11.463, abs=5e-4)
    order_up_to, cost = best_order_up_to(system)
    assert order_up_to == ReorderOrderUpTo(17, 23)
    assert cost == pytest.approx(11.618, abs=5e-4)
    batches, cost = best_batches(system)
    assert batches == ReorderBatches(17, 7)
    assert cost == pytest.approx(11.555, abs=5e-4)


def by_linear_equations(system, policy):
    """Average cost from the stationary distribution, the period played event by event."""
    states, moves, costs = [(0,) * system.lead_time], [], []
    for number, state in enumerate(states):
        order = int(policy(np.array([state]))[0])
        cost = system.order_cost * (order > 0)
        for demand, chance in enumerate(system.demand):
            left, lost = max(state[0] - demand, 0), max(demand - state[0], 0)
            cost += chance * (system.holding * left + system.penalty * lost)
            due = (*state[1:], order)
            after = (left + due[0], *due[1:])
            if after not in states:
                states.append(after)
            moves.append((number, states.index(after), chance))
        costs.append(cost)
    matrix = np.zeros((len(states),) * 2)
    for here, there, chance in moves:
        matrix[there, here] += chance
    equations = np.vstack([matrix - np.eye(len(states)), np.ones(len(states))])
    stationary = np.linalg.lstsq(equations, np.eye(len(states) + 1)[-1], rcond=None)[0]
    return stationary @ np.array(costs)


@settings(max_examples=25, deadline=None)
@given(
    demand=st.lists(st.integers(0, 4), min_size=3, max_size=8),
    lead_time=st.integers(1, 3),
    penalty=st.floats(1, 30),
    order_cost=st.floats(0, 5),
    level=st.integers(1, 5),
    size=st.integers(1, 4),
)
def test_evaluation_equals_the_stationary_distribution(
    demand, lead_time, penalty, order_cost, level, size
):
    pmf = 0.9 * empirical_pmf([*demand, 4]) + 0.02
    system = LostSales(pmf, lead_time, 0.7, penalty, order_cost)
    for policy in (
        BaseStock(level), CappedBaseStock(level, size), ReorderOrderUpTo(level - 1, level + size),
        ReorderBatches(level, size),
    ):  # fmt: skip
        exact = by_linear_equations(system, policy)
        assert system.evaluate(policy, 1e-8) == pytest.approx(exact, abs=1e-6)
        assert system.optimal().cost <= exact + 1e-5


def test_the_optimal_policy_costs_what_the_solution_says():
    for order_cost in (0.0, 12.0):
        system = LostSales(DEMAND["geometric"], 2, 1.0, 9.0, order_cost)
        solution = system.optimal()
        assert system.evaluate(solution.policy) == pytest.approx(solution.cost, abs=3e-6)


def test_costs_scale_with_the_currency_and_not_the_policy():
    base = LostSales(DEMAND["Poisson"], 2, 1.0, 9.0, 4.0)
    dearer = LostSales(DEMAND["Poisson"], 2, 3.0, 27.0, 12.0)
    assert dearer.optimal(3e-6).cost == pytest.approx(3 * base.optimal().cost, abs=1e-5)
    assert best_order_up_to(dearer)[0] == best_order_up_to(base)[0]


def test_without_demand_nothing_is_ordered():
    solution = LostSales([1.0], 2, 1.0, 5.0).optimal()
    assert solution.cost == 0
    assert not solution.policy.orders.any()


def test_demand_without_variation_costs_nothing_under_a_capped_policy():
    certain = LostSales([0, 0, 0, 1.0], 3, 1.0, 9.0)
    assert certain.optimal().cost == pytest.approx(0, abs=1e-6)
    assert certain.evaluate(BaseStock(12)) == pytest.approx(0, abs=1e-6)


def test_losing_every_unit_is_the_cost_of_never_ordering():
    system = LostSales(DEMAND["Poisson"], 2, 1.0, 4.0)
    assert system.evaluate(BaseStock(0)) == pytest.approx(20.0)
    assert expected_cost(system.demand, 0, 1.0, 4.0)[0] == pytest.approx(20.0)


def test_a_higher_penalty_never_lowers_the_level():
    levels = [
        best_base_stock(LostSales(DEMAND["geometric"], 2, 1.0, p))[0].level for p in (2, 8, 32)
    ]
    assert levels == sorted(levels)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"demand": [0.5, float("nan")]}, "demand probability"),
        ({"demand": [0.5, -0.5, 1.0]}, "demand probability"),
        ({"demand": [0.5, 0.4]}, "sum to 1"),
        ({"demand": []}, "sum to 1"),
        ({"lead_time": 0}, "lead time must be a whole number of at least 1"),
        ({"lead_time": 1.5}, "lead time"),
        ({"holding": 0.0}, "holding cost must be a finite number above 0"),
        ({"penalty": -1.0}, "penalty cost"),
        ({"penalty": float("nan")}, "penalty cost"),
        ({"order_cost": -1.0}, "order cost"),
        ({"order_cost": float("inf")}, "order cost"),
    ],
)
def test_input_that_makes_no_sense_is_named(wrong, message):
    sound = {"demand": [0.5, 0.5], "lead_time": 1, "holding": 1.0, "penalty": 2.0}
    with pytest.raises(ConfigurationError, match=message):
        LostSales(**{**sound, **wrong})


def test_a_policy_that_cannot_be_evaluated_is_refused():
    system = LostSales(DEMAND["Poisson"], 2, 1.0, 4.0)
    with pytest.raises(ConfigurationError, match="nothing negative"):
        system.evaluate(lambda states: states[:, 0] + 1)
    with pytest.raises(ConfigurationError, match="pipeline states"):
        LostSales(DEMAND["Poisson"], 12, 1.0, 4.0).optimal()
    with pytest.raises(ConfigurationError, match="order cost of 0"):
        LostSales(DEMAND["Poisson"], 2, 1.0, 4.0, 1.0).myopic()
    with pytest.raises(ConfigurationError, match=r"no state \[99, 0\]"):
        system.myopic()(np.array([[99, 0]]))
