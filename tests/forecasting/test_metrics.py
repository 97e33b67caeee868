from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import metrics as sk

from forecast_platform.contracts import QUANTILES
from forecast_platform.forecasting import metrics

NAN = np.nan
PAIRS = arrays(np.float64, (2, 3, 5), elements=st.floats(0, 1000, width=32))


@given(PAIRS)
def test_point_metrics_equal_scikit_learns(pair: np.ndarray) -> None:
    actual, mean = pair
    a, m = actual.ravel(), mean.ravel()
    assert metrics.mse(actual, mean) == pytest.approx(sk.mean_squared_error(a, m))
    assert metrics.rmse(actual, mean) == pytest.approx(sk.root_mean_squared_error(a, m))
    assert metrics.mae(actual, mean) == pytest.approx(sk.mean_absolute_error(a, m))
    if np.ptp(a) > 1e-3:
        assert metrics.r2(actual, mean) == pytest.approx(sk.r2_score(a, m), rel=1e-6, abs=1e-6)


@given(PAIRS, st.sampled_from(QUANTILES))
def test_pinball_equals_scikit_learns(pair: np.ndarray, level: float) -> None:
    actual, quantile = pair
    expected = sk.mean_pinball_loss(actual.ravel(), quantile.ravel(), alpha=level)
    assert metrics.pinball(actual, quantile[..., None], [level]) == pytest.approx(expected)


@given(PAIRS)
def test_days_of_unknown_demand_count_nowhere(pair: np.ndarray) -> None:
    actual, mean = pair
    gaps = actual.copy()
    gaps[:, 3:] = NAN
    history = np.tile(np.arange(1.0, 20), (3, 1))
    quantiles = np.repeat(mean[..., None], 9, axis=-1)
    assert metrics.score(gaps, mean, quantiles, QUANTILES, history) == pytest.approx(
        metrics.score(actual[:, :3], mean[:, :3], quantiles[:, :3], QUANTILES, history), nan_ok=True
    )


def test_wape_and_bias_by_hand() -> None:
    actual, mean = np.array([[2.0, 4, NAN]]), np.array([[3.0, 2, 9]])
    assert metrics.wape(actual, mean) == pytest.approx(3 / 6)
    assert metrics.bias(actual, mean) == pytest.approx(-0.5)
    assert np.isnan(metrics.wape(np.zeros((1, 2)), np.ones((1, 2))))


def test_rmsse_by_hand_starts_at_the_first_sale_and_leaves_out_series_that_never_changed() -> None:
    history = np.array([[0.0, 0, 1, 3, 2], [5, 5, 5, 5, 5]])
    actual, mean = np.array([[2.0, 4], [5, 5]]), np.array([[1.0, 1], [9, 9]])
    scale = (2**2 + 1**2) / 2
    assert metrics.rmsse(actual, mean, history) == pytest.approx(np.sqrt((1 + 9) / 2 / scale))


def test_mase_by_hand() -> None:
    history = np.array([[1.0, 2, 3, 4, 5, 6, 7, 3, 3, 3]])
    actual, mean = np.array([[2.0, 4]]), np.array([[1.0, 1]])
    assert metrics.mase(actual, mean, history) == pytest.approx(2 / ((2 + 1 + 0) / 3))


def test_coverage_includes_the_bounds() -> None:
    actual = np.array([[1.0, 2, 3, NAN]])
    assert metrics.coverage(actual, np.full((1, 4), 2.0), np.full((1, 4), 3.0)) == 2 / 3


def test_perfect_forecasts_score_perfectly() -> None:
    actual = np.arange(24.0).reshape(2, 12)
    quantiles = np.repeat(actual[..., None], 9, axis=-1)
    scores = metrics.score(actual, actual, quantiles, QUANTILES, actual)
    assert scores.pop("r2") == 1
    assert {scores.pop(f"coverage_{nominal}") for nominal in metrics.INTERVALS} == {1.0}
    assert {value for name, value in scores.items() if not name.startswith("pit")} == {0.0}
