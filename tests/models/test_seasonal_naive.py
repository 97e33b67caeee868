from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from forecast_platform.models import create
from forecast_platform.models.seasonal_naive import lag_one
from forecast_platform.panel import Panel


def panel_of(*series: list[float]) -> Panel:
    demand = np.array(series, dtype=np.float32)
    names = np.array([f"item{i}" for i in range(len(series))], dtype=object)
    return Panel(names, names, dt.date(2024, 1, 1), demand, np.ones(demand.shape, dtype=bool))


def test_next_week_repeats_the_last_known_value_of_each_weekday() -> None:
    last_weeks = [1.0, 2, 3, 4, 5, 6, 7, 11, 12, np.nan, 14, 15, 16, np.nan]
    model = create("seasonal_naive")
    model.fit(panel_of(last_weeks), seed=1)
    mean = model.predict(horizon=9).mean[0, 0]
    assert mean.tolist() == [11, 12, 3, 14, 15, 16, 7, 11, 12]


def test_quantiles_are_the_point_plus_the_series_own_errors_of_as_many_weeks_ahead() -> None:
    rng = np.random.default_rng(0)
    demand = rng.poisson(50, 700).astype(np.float64)
    model = create("seasonal_naive")
    model.fit(panel_of(demand.tolist()), seed=1)
    forecast = model.predict()
    for day in (0, 13, 27):
        weeks = 7 * (day // 7 + 1)
        errors = np.quantile(demand[weeks:] - demand[:-weeks], forecast.levels)
        assert forecast.quantiles[0, 0, day] == pytest.approx(forecast.mean[0, 0, day] + errors)


def test_a_short_series_takes_the_errors_of_all_in_proportion_to_its_level() -> None:
    rng = np.random.default_rng(0)
    long = rng.poisson(50, 700).astype(np.float64)
    short = np.full(700, np.nan)
    short[-20:] = 500
    model = create("seasonal_naive")
    model.fit(panel_of(long.tolist(), short.tolist()), seed=1)
    quantiles = model.predict().quantiles[0, :, 0]
    width = quantiles[:, 6] - quantiles[:, 0]
    assert width[1] == pytest.approx(10 * width[0], rel=0.1)


def test_lag_one_is_the_autocorrelation_of_known_neighbours() -> None:
    rng = np.random.default_rng(1)
    errors = np.zeros((3, 5000))
    for day in range(1, 5000):
        errors[:, day] = 0.6 * errors[:, day - 1] + rng.standard_normal(3)
    errors[:, ::10] = np.nan
    assert lag_one(errors) == pytest.approx(0.6, abs=0.03)
    assert lag_one(np.zeros((2, 9))) == 0
