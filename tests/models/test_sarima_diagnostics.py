from __future__ import annotations

import numpy as np
import pytest

from forecast_platform.models.sarima.diagnostics import autocorrelations, ljung_box, residual_plot


def test_ljung_box_is_that_of_the_reference_and_rejects_what_is_not_noise() -> None:
    from statsmodels.stats.diagnostic import acorr_ljungbox

    noise = np.random.default_rng(16).standard_normal((1, 300))
    statistic, chance = ljung_box(np.concatenate([noise, noise.cumsum(axis=1)]), 14, fitted=2)
    wanted = acorr_ljungbox(noise[0], lags=[14], model_df=2)
    assert statistic[0] == pytest.approx(wanted["lb_stat"].iloc[0])
    assert chance[0] == pytest.approx(wanted["lb_pvalue"].iloc[0])
    assert chance[1] < 1e-6


def test_autocorrelations_leave_unknown_days_out() -> None:
    values = np.tile([1.0, -1.0], 100)[None]
    values[0, 50:60] = np.nan
    assert autocorrelations(values, 2)[0] == pytest.approx([-1, 1], abs=0.03)


def test_each_series_pays_for_its_own_coefficients() -> None:
    noise = np.tile(np.random.default_rng(17).standard_normal((1, 200)), (2, 1))
    _, chance = ljung_box(noise, 10, np.array([0, 4]))
    assert chance.tolist() == [ljung_box(noise, 10, fitted)[1][0] for fitted in (0, 4)]


def test_a_residual_plot_is_a_picture_also_of_a_series_with_gaps() -> None:
    noise = np.random.default_rng(18).standard_normal(200)
    whole = residual_plot(noise, "item")
    noise[20:60] = np.nan
    for picture in (whole, residual_plot(noise, "item")):
        assert picture.startswith(b"\x89PNG")
    assert whole != residual_plot(noise, "item")
