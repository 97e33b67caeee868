from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from forecast_platform.contracts import QUANTILES
from forecast_platform.forecasting import pit

INSIDE = st.floats(0.001, 0.999)


def normal_quantiles(mean: float, n: int = 1) -> np.ndarray:
    return np.tile(stats.norm.ppf(QUANTILES, mean, 5), (n, 1))


@given(INSIDE, st.integers(30, 200))
def test_the_distribution_function_inverts_the_quantile_function(level: float, mean: int) -> None:
    quantiles = normal_quantiles(mean)
    x = pit.quantiles_at(quantiles, QUANTILES, np.array([level]))[:, 0]
    assert pit.cdf(x, quantiles, QUANTILES) == pytest.approx(level, abs=1e-9)


@given(st.lists(INSIDE, min_size=2, max_size=9))
def test_quantiles_rise_with_their_level_and_are_never_negative(levels: list[float]) -> None:
    found = pit.quantiles_at(normal_quantiles(3).clip(0), QUANTILES, np.sort(levels))
    assert (found >= 0).all()
    assert (np.diff(found) >= -1e-9).all()


def test_repeated_quantiles_are_a_mass_of_probability() -> None:
    quantiles = np.array([0.0, 0, 0, 2, 2, 2, 5, 6, 7])
    at, below = (pit.cdf(np.array(2.0), quantiles, QUANTILES, below=side) for side in (False, True))
    assert (below, at) == (pytest.approx(0.5), pytest.approx(0.9))
    assert pit.cdf(np.array(0.0), quantiles, QUANTILES, below=True) == 0
    assert pit.cdf(np.array(0.0), np.zeros(9), QUANTILES) == 1


@pytest.mark.parametrize("mean", [0.3, 1.0, 4.0, 40.0])
def test_counts_that_follow_their_forecast_are_covered_as_promised(mean: float) -> None:
    """Nine levels leave some room; the counted share of whole units is further off."""
    rng = np.random.default_rng(1)
    p = 1.5 / (1.5 + mean)
    actual = rng.negative_binomial(1.5, p, 20_000).astype(float)
    quantiles = np.tile(stats.nbinom.ppf(QUANTILES, 1.5, p), (20_000, 1))
    low, high = pit.pit_bounds(actual, quantiles, QUANTILES, counts=True)
    off = {"transform": 0.0, "counted": 0.0}
    for nominal, between in pit.INTERVALS.items():
        share = pit.pit_coverage(low, high, between)
        edges = pit.quantiles_at(quantiles, QUANTILES, np.array(between))
        inside = (edges[:, 0] <= actual) & (actual <= edges[:, 1])
        assert share == pytest.approx(nominal / 100, abs=0.05)
        off["transform"] += abs(share - nominal / 100)
        off["counted"] += abs(inside.mean() - nominal / 100)
    assert off["transform"] < off["counted"]


def test_continuous_demand_is_not_randomised() -> None:
    actual = np.array([100.0, 103.3, np.nan])
    low, high = pit.pit_bounds(actual, normal_quantiles(100, 3), QUANTILES, counts=False)
    assert low.tolist() == high.tolist()
    assert high == pytest.approx([0.5, stats.norm.cdf(0.66)], abs=0.01)


@given(st.integers(0, 1000))
def test_the_expected_distribution_is_that_of_many_random_draws(seed: int) -> None:
    rng = np.random.default_rng(seed)
    low = np.sort(rng.random((40, 2)))[:, 0]
    high = np.where(rng.random(40) < 0.3, low, low + rng.random(40) * (1 - low))
    at = np.sort(rng.random(15))
    width = np.where(high > low, high - low, 1)
    share = np.where(
        high[:, None] > low[:, None], np.clip((at - low[:, None]) / width[:, None], 0, 1),
        at >= low[:, None],
    )  # fmt: skip
    assert pit.pit_distribution(low, high, at) == pytest.approx(share.mean(axis=0), abs=1e-7)
