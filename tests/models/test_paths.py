from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from forecast_platform.contracts import QUANTILES
from forecast_platform.models.paths import (
    days_of,
    level_weights,
    path_levels,
    path_sums,
    sample_paths,
)

DAY = dt.date(2024, 5, 5)
KNOTS = np.array([0.0, *QUANTILES])


def uniform(upper: float, horizon: int) -> np.ndarray:
    """Quantiles (1, H, Q) of demand that is uniform between 0 and `upper`."""
    return np.tile(upper * np.array(QUANTILES), (1, horizon, 1))


def test_levels_are_uniform_each_day_and_correlated_from_day_to_day() -> None:
    levels = path_levels(2000, 10, 0.7, seed=1, origin=DAY)
    assert np.sort(levels, axis=0)[:, 3] == pytest.approx((np.arange(2000) + 0.5) / 2000)
    assert np.corrcoef(levels[:, 4], levels[:, 5])[0, 1] == pytest.approx(0.68, abs=0.04)
    assert np.corrcoef(levels[:, 0], levels[:, 9])[0, 1] == pytest.approx(0.04, abs=0.06)


def test_levels_depend_on_seed_and_origin_and_not_on_the_length() -> None:
    levels = path_levels(50, 10, 0.5, seed=1, origin=DAY)
    assert levels.tobytes() == path_levels(50, 10, 0.5, seed=1, origin=DAY).tobytes()
    longer = path_levels(50, 30, 0.5, seed=1, origin=DAY)
    assert levels.tobytes() == np.ascontiguousarray(longer[:, :10]).tobytes()
    for other in (path_levels(50, 10, 0.5, seed=2, origin=DAY),
                  path_levels(50, 10, 0.5, seed=1, origin=DAY + dt.timedelta(1))):  # fmt: skip
        assert levels.tobytes() != other.tobytes()


def test_the_quantile_function_meets_every_quantile_and_is_linear_between() -> None:
    values = np.array([0, 1, 2, 3, 5, 8, 9, 11, 12, 20.0])
    assert level_weights(QUANTILES, KNOTS) @ values == pytest.approx(values)
    assert level_weights(QUANTILES, np.array([0.375])) @ values == pytest.approx([4.0])
    assert level_weights(QUANTILES, np.array([0.0])) @ values == pytest.approx([0])


def test_the_tail_beyond_the_highest_quantile_is_exponential() -> None:
    exponential = np.array([0.0, *(-np.log(1 - level) for level in QUANTILES)])
    beyond = np.array([0.995, 0.9999])
    assert level_weights(QUANTILES, beyond) @ exponential == pytest.approx(-np.log(1 - beyond))


def test_sums_over_days_equal_the_sums_of_the_paths() -> None:
    rng = np.random.default_rng(0)
    quantiles = np.sort(rng.gamma(2, 2, (4, 28, len(QUANTILES))), axis=-1)
    at = path_levels(100, 28, 0.3, seed=1, origin=DAY)
    paths = sample_paths(quantiles, QUANTILES, at)
    for days in (1, 9, 28):
        expected = paths[:, :, :days].sum(axis=2)
        assert path_sums(quantiles, QUANTILES, at, days) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("correlation", "factor"), [(0.0, np.sqrt(8)), (1.0, 8)])
def test_the_spread_of_a_sum_is_that_of_independent_or_of_equal_days(
    correlation: float, factor: float
) -> None:
    at = path_levels(4000, 8, correlation, seed=3, origin=DAY)
    one = path_sums(uniform(10, 8), QUANTILES, at, 1).std()
    assert one == pytest.approx(10 / np.sqrt(12), rel=0.03)
    assert path_sums(uniform(10, 8), QUANTILES, at, 8).std() == pytest.approx(
        factor * one, rel=0.05
    )


def test_days_beyond_the_horizon_repeat_its_last_week() -> None:
    assert days_of(5, 28).tolist() == [0, 1, 2, 3, 4]
    assert days_of(38, 28)[28:].tolist() == [21, 22, 23, 24, 25, 26, 27, 21, 22, 23]
    assert days_of(6, 3).tolist() == [0, 1, 2, 0, 1, 2]
