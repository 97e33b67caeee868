"""Serial systems, allocation, transfers and joint replenishment."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast_platform.errors import ConfigurationError
from forecast_platform.replenishment.classic.allocation import allocate, transfers
from forecast_platform.replenishment.classic.demand import expected_cost, poisson_pmf
from forecast_platform.replenishment.classic.joint import joint_replenishment
from forecast_platform.replenishment.classic.multi_echelon import (
    normal_serial_system,
    serial_level_bounds,
    serial_system,
)
from forecast_platform.replenishment.classic.newsvendor import newsvendor_discrete

# Snyder and Shen (2019), example 6.1: echelon holding costs 3, 2, 2, lead times 1, 1, 2 from the
# customer upwards, p = 37.12, demand normal (5, 1).
EXAMPLE = {"echelon_holding": [3, 2, 2], "penalty": 37.12, "lead_times": [1, 1, 2], "mean": 5}


def test_a_serial_system_has_the_levels_and_cost_of_snyder_and_shen():
    best = normal_serial_system(**EXAMPLE, std=1, step=0.01)
    np.testing.assert_allclose(best.levels, [6.49, 12.02, 22.71], atol=5e-3)
    assert best.cost == pytest.approx(47.65, rel=3e-3)


def test_levels_lie_between_the_newsvendor_bounds():
    low, high = serial_level_bounds(**EXAMPLE, std=1)
    levels = normal_serial_system(**EXAMPLE, std=1).levels
    assert (low <= levels + 0.02).all()
    assert (levels <= high + 0.02).all()


def test_one_stage_is_a_newsvendor_over_the_lead_time():
    pmf = poisson_pmf(6.0)
    one = serial_system([1.0], 4.0, [pmf])
    stock = newsvendor_discrete(1.0, 4.0, pmf)
    assert one.levels[0] == stock.level
    assert one.cost == pytest.approx(float(stock.cost))


@settings(max_examples=30, deadline=None)
@given(
    available=st.integers(0, 9),
    position=st.lists(st.integers(0, 5), min_size=3, max_size=3),
    means=st.lists(st.floats(0.2, 6), min_size=3, max_size=3),
)
def test_no_other_split_of_the_warehouse_is_cheaper(available, position, means):
    tables = np.zeros((1, 3, 60))
    for row, mean in zip(tables[0], means, strict=True):
        pmf = poisson_pmf(mean)
        row[: pmf.size] = pmf
    costs = [expected_cost(row, 70, 1.0, 4.0) for row in tables[0]]
    sent = allocate([available], [position], tables, 1.0, 4.0)[0]
    splits = [s for s in itertools.product(range(available + 1), repeat=3) if sum(s) <= available]
    least = min(
        sum(c[at + units] for c, at, units in zip(costs, position, split, strict=True))
        for split in splits
    )
    ours = sum(c[at + units] for c, at, units in zip(costs, position, sent, strict=True))
    assert sent.sum() <= available
    assert ours == pytest.approx(least)


@given(
    surplus=st.lists(st.integers(0, 9), min_size=3, max_size=3),
    need=st.lists(st.integers(0, 9), min_size=3, max_size=3),
)
def test_transfers_move_no_more_than_is_spare_or_needed(surplus, need):
    cost = np.array([[0, 1, 9], [1, 0, 2], [3, 2, 0.0]])
    moved = transfers([surplus], [need], cost, 5.0)[0]
    assert (moved.sum(axis=1) <= surplus).all()
    assert (moved.sum(axis=0) <= need).all()
    assert moved[0, 2] == 0, "dearer than the unit is worth"
    left, lack = surplus - moved.sum(axis=1), need - moved.sum(axis=0)
    for source, target in ((0, 1), (1, 0), (1, 2), (2, 0), (2, 1)):
        assert min(left[source], lack[target]) == 0, "nothing worth moving is left"


@settings(max_examples=50)
@given(
    major=st.floats(1, 500),
    items=st.lists(
        st.tuples(st.floats(0, 80), st.floats(0.5, 5000), st.floats(0.05, 9)),
        min_size=1,
        max_size=9,
    ),
)
def test_joint_orders_cost_at_most_two_percent_more_than_the_bound(major, items):
    minor, demand, holding = np.array(items).T
    joint = joint_replenishment(major, minor, demand, holding)
    assert joint.bound - 1e-9 <= joint.cost <= 1.0202 * joint.bound
    powers = np.log2(joint.intervals / joint.intervals.min())
    np.testing.assert_allclose(powers, np.round(powers), atol=1e-9)


def test_one_item_alone_orders_its_economic_quantity():
    joint = joint_replenishment(6.0, [2.0], [1300.0], [0.225])
    assert joint.quantities[0] == pytest.approx(304.0468, abs=5e-5)
    assert joint.cost == pytest.approx(68.4105, abs=5e-5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: serial_system([1.0, 2.0], 4.0, [[1.0]]), "one lead time demand per stage"),
        (lambda: serial_system([0.0], 4.0, [[1.0]]), "echelon holding cost"),
        (lambda: normal_serial_system([1.0], 4.0, [1.0], 5, 0), "spread of demand"),
        (lambda: allocate([1.5], [[1]], [[[1.0]]], 1, 1), "whole units"),
        (lambda: allocate([1], [[-1]], [[[1.0]]], 1, 1), "stock position"),
        (lambda: allocate([1], [[1]], [[1.0]], 1, 1), "demand \\(N, S, M\\)"),
        (lambda: transfers([[1]], [[-1]], [[0]], 1), "Stock needed"),
        (lambda: transfers([[1]], [[1, 1]], [[0]], 1), "unit costs \\(S, S\\)"),
        (lambda: joint_replenishment(0, [1], [1], [1]), "order cost"),
        (lambda: joint_replenishment(1, [1], [0], [1]), "Demand"),
        (lambda: joint_replenishment(1, [], [], []), "items"),
    ],
)
def test_input_that_makes_no_sense_is_named(call, message):
    with pytest.raises(ConfigurationError, match=message):
        call()
