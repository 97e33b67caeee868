from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pytest
from model_shop import CUTOFF
from scipy.stats import norm

from forecast_platform.models import Forecaster
from forecast_platform.models.arima_statsmodels import (
    ArimaStatsmodels,
    estimate,
    filtered,
    psi_weights,
    weekday_factors,
)
from forecast_platform.models.local import path_correlation
from forecast_platform.models.paths import path_levels
from forecast_platform.panel import Panel

PHI, THETA = np.array([0.3, 0.0, -0.4]), np.array([-0.8, -0.6, 0.2])


def simulated(days: int = 400) -> np.ndarray:
    rng = np.random.default_rng(4)
    shocks = rng.standard_normal((3, days))
    steps = shocks.copy()
    for day in range(1, days):
        steps[:, day] += PHI * steps[:, day - 1] + THETA * shocks[:, day - 1]
    return 100 + steps.cumsum(axis=1)


def reference(values: np.ndarray, phi: float, theta: float):
    from statsmodels.tsa.statespace.sarimax import SARIMAX

    return SARIMAX(values, order=(1, 1, 1)).smooth([phi, theta, 1.0])


def test_the_filter_forecasts_as_statsmodels_does() -> None:
    values = simulated()
    y, w, e, errors = filtered(values, PHI, THETA)
    step = (PHI * w + THETA * e)[:, None]
    ours = y[:, None] + step * np.cumsum(PHI[:, None] ** np.arange(28), axis=1)
    for row in range(3):
        theirs = reference(values[row], PHI[row], THETA[row])
        assert ours[row] == pytest.approx(theirs.forecast(28), abs=1e-6)
        assert errors[row, 200:] == pytest.approx(theirs.resid[200:], abs=1e-6)


def test_the_spread_grows_with_the_horizon_as_statsmodels_says() -> None:
    values = simulated()
    psi = psi_weights(PHI, THETA, 28)
    for row in range(3):
        theirs = reference(values[row], PHI[row], THETA[row]).get_forecast(28).se_mean
        assert np.sqrt(np.cumsum(psi[row] ** 2)) == pytest.approx(theirs, rel=1e-6)


def test_after_a_gap_the_filter_comes_back_to_statsmodels() -> None:
    values = simulated()
    values[:, 250:260] = np.nan
    y, w, e, errors = filtered(values, PHI, THETA)
    assert np.isnan(errors[:, 250:260]).all()
    for row in range(3):
        theirs = reference(values[row], PHI[row], THETA[row]).forecast(1)
        assert y[row] + PHI[row] * w[row] + THETA[row] * e[row] == pytest.approx(theirs, abs=1e-3)


def test_where_nothing_is_forgotten_the_forecast_is_the_mean() -> None:
    values = np.random.default_rng(0).poisson(3, (1, 180)).astype(float)
    y, _w, e, _ = filtered(values, np.array([0.0]), np.array([-1.0]))
    assert y - e == pytest.approx(values.mean(axis=1))


def test_estimates_recover_the_process() -> None:
    for row, (phi, theta, reason) in enumerate(estimate(simulated(3000)[:2])):
        assert reason is None
        assert (phi, theta) == pytest.approx((PHI[row], THETA[row]), abs=0.1)


def test_a_series_statsmodels_cannot_estimate_gives_its_reason() -> None:
    impossible, sound = estimate(np.array([[np.inf] * 60, [1.0, 2, 4] * 20]))
    assert impossible == (0.0, 0.0, "not converged in 50 iterations")
    assert sound[2] is None


def test_weekday_factors_are_ratios_to_the_mean_and_flat_for_slow_sellers() -> None:
    week = np.array([1, 1, 1, 1, 1, 2, 0.5])
    fast = np.tile(week * 1e5, 52)
    factors = weekday_factors(np.stack([fast, fast * 1e-9]), dt.date(2024, 1, 1))
    assert factors[0] == pytest.approx(week / week.mean(), rel=1e-3)
    assert factors[1] == pytest.approx(np.ones(7), abs=1e-3)


def test_path_correlation_of_a_random_walk_is_nearly_one_and_of_noise_zero() -> None:
    zero = np.zeros(1)
    assert path_correlation(psi_weights(zero, zero, 28)) > 0.9
    assert path_correlation(psi_weights(zero, zero - 1, 28)) == pytest.approx(0, abs=1e-9)


def test_sums_of_paths_vary_as_the_model_says() -> None:
    psi = psi_weights(np.array([0.3]), np.array([-0.9]), 28)
    shocks = np.random.default_rng(8).standard_normal((40_000, 28))
    errors = np.stack([shocks[:, : day + 1] @ psi[0, day::-1] for day in range(28)], axis=1)
    wanted = (errors / errors.std(axis=0)).sum(axis=1).std()
    at = path_levels(4000, 28, path_correlation(psi), seed=1, origin=dt.date(2024, 1, 1))
    assert norm.ppf(at).sum(axis=1).std() == pytest.approx(wanted, rel=0.05)


def test_processes_estimate_what_one_process_does(
    monkeypatch: pytest.MonkeyPatch, shop: Panel, trained: dict[str, Forecaster]
) -> None:
    monkeypatch.setattr("forecast_platform.models.arima_statsmodels.PARALLEL_FROM", 1)
    monkeypatch.setattr("forecast_platform.models.arima_statsmodels._BLOCK", 4)
    model = ArimaStatsmodels(workers=2)
    told: list[tuple[int, float]] = []
    model.fit(shop.until(CUTOFF), seed=1, progress=lambda *step: told.append(step))
    one = trained["arima_statsmodels"].predict(shop, [CUTOFF])
    assert model.predict(shop, [CUTOFF]).mean.tobytes() == one.mean.tobytes()
    assert told[-1] == (7, 1.0)


def test_a_series_with_no_known_day_in_the_window_says_so(
    shop: Panel, trained: dict[str, Forecaster]
) -> None:
    demand = shop.demand.copy()
    demand[5] = np.nan
    available = shop.available.copy()
    available[5] = True
    changed = replace(shop, demand=demand, available=available)
    forecast = trained["arima_statsmodels"].predict(changed, [CUTOFF])
    reason = "no known demand in the last 182 days; drawn to analogues (category b at shop)"
    assert forecast.fallback_reason[0, 5] == reason
    assert forecast.mean[0, 5].min() > 0
