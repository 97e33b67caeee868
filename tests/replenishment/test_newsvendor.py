import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast_platform.errors import ConfigurationError
from forecast_platform.replenishment.classic.demand import poisson_pmf
from forecast_platform.replenishment.classic.newsvendor import (
    newsvendor_discrete,
    newsvendor_normal,
    newsvendor_poisson,
    newsvendor_samples,
)


def test_normal_demand_gives_the_figures_of_snyder_and_shen_example_4_3():
    stock = newsvendor_normal(0.18, 0.7, 50, 8)
    assert stock.level == pytest.approx(56.604, abs=5e-4)
    assert stock.cost == pytest.approx(1.99761, abs=5e-6)


def test_poisson_demand_gives_the_figures_of_snyder_and_shen():
    # Fundamentals of Supply Chain Theory (2019): Poisson demand of mean 6, h = 1, p = 4.
    stock = newsvendor_poisson(1, 4, 6.0)
    assert stock.level == 8
    assert stock.cost == pytest.approx(3.57011, abs=5e-6)


def test_items_are_solved_side_by_side_as_alone():
    means, penalties = np.array([0.0, 0.3, 6.0, 80.0]), np.array([4.0, 4.0, 9.0, 1.0])
    together = newsvendor_poisson(1, penalties, means)
    alone = [newsvendor_poisson(1, p, m) for p, m in zip(penalties, means, strict=True)]
    np.testing.assert_allclose(together.level, [stock.level for stock in alone])
    np.testing.assert_allclose(together.cost, [stock.cost for stock in alone], atol=1e-10)
    normal = newsvendor_normal([0.18, 1.0], [0.7, 9.0], [50, 5], [8, 0])
    np.testing.assert_allclose(normal.level, [56.603956, 5.0])


@given(
    demand=st.lists(st.integers(0, 30), min_size=1, max_size=40),
    holding=st.floats(0.1, 5),
    penalty=st.floats(0.1, 50),
)
def test_no_other_level_is_cheaper_for_samples_and_their_distribution(demand, holding, penalty):
    paths, levels = np.array(demand), np.arange(31)[:, None]
    costs = holding * np.maximum(levels - paths, 0) + penalty * np.maximum(paths - levels, 0)
    least = costs.mean(axis=1).min()
    pmf = np.bincount(paths) / paths.size
    for stock in (
        newsvendor_samples(holding, penalty, paths), newsvendor_discrete(holding, penalty, pmf),
    ):  # fmt: skip
        assert stock.cost == pytest.approx(least, rel=1e-9, abs=1e-9)


def test_a_higher_penalty_never_lowers_the_stock():
    levels = newsvendor_discrete(1.0, np.linspace(0.5, 200, 60), poisson_pmf(7.0)).level
    assert (np.diff(levels) >= 0).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: newsvendor_normal(0, 1, 5, 1), "holding cost must be a finite number above 0"),
        (lambda: newsvendor_normal(1, [1, -1], 5, 1), "penalty cost"),
        (lambda: newsvendor_normal(1, 1, 5, -1), "spread of demand"),
        (lambda: newsvendor_poisson(1, 1, [2.0, float("nan")]), "Mean demand"),
        (lambda: newsvendor_poisson(1, 1, 1e9), "larger units"),
        (lambda: newsvendor_discrete(1, 1, [[0.5, 0.5], [0.5, 0.4]]), "sum to 1"),
        (lambda: newsvendor_samples(1, 1, [[], []]), "at least one sampled demand"),
        (lambda: newsvendor_samples(1, 1, [1.0, float("nan")]), "Sampled demand"),
    ],
)
def test_input_that_makes_no_sense_is_named(call, message):
    with pytest.raises(ConfigurationError, match=message):
        call()
