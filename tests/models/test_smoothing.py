from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from statsmodels.tsa.exponential_smoothing.ets import ETSModel
from statsmodels.tsa.forecasting.theta import ThetaModel
from statsmodels.tsa.holtwinters import SimpleExpSmoothing

from forecast_platform.models import smoothing_kernels as kernels
from forecast_platform.models.intermittent import Adida, Croston, Imapa, Sba, Tsb
from forecast_platform.models.smoothing import (
    Ets,
    MovingAverage,
    Naive,
    Ses,
    Smoothing,
    Theta,
    WeekdayMean,
)
from forecast_platform.panel import Panel

MONDAY = dt.date(2024, 1, 1)
LINEAR = (Naive, MovingAverage, WeekdayMean, Ses, Croston, Sba, Tsb, Adida, Imapa)
ALL = (*LINEAR, Ets, Theta)
WEEK = np.array([0.6, 0.8, 0.9, 1.0, 1.2, 1.6, 0.9])


def panel_of(demand: np.ndarray) -> Panel:
    names = np.array([f"item{i:03}" for i in range(len(demand))], dtype=object)
    values = demand.astype(np.float32)
    return Panel(names, names, MONDAY, values, np.ones(values.shape, dtype=bool))


def fitted(family: type[Smoothing], demand: np.ndarray) -> Smoothing:
    model = family()
    model.fit(panel_of(demand), seed=1)
    return model


def means(family: type[Smoothing], demand: np.ndarray) -> np.ndarray:
    return fitted(family, demand).predict().mean[0]


def row(**at: float) -> np.ndarray:
    """One row of parameters; a season of ones where none is named."""
    parameters = np.zeros((1, kernels.COLUMNS))
    parameters[0, kernels.WEEK :] = 1
    for name, value in at.items():
        parameters[0, getattr(kernels, name)] = value
    return parameters


def forecast(values: np.ndarray, parameters: np.ndarray) -> np.ndarray:
    return kernels.level_forecasts(values[None], np.zeros(1, dtype=np.int64), parameters, 28)[0]


def single(values: np.ndarray) -> np.ndarray:
    """A panel of one series, in the panel's own precision."""
    return values[None].astype(np.float32)


def local_level(alpha: float, days: int, seed: int = 0) -> np.ndarray:
    shocks = np.random.default_rng(seed).standard_normal(days)
    return 50 + shocks + alpha * np.concatenate([[0], np.cumsum(shocks[:-1])])


def poisson(days: int = 400) -> np.ndarray:
    rng = np.random.default_rng(2)
    return rng.poisson(np.array([0.2, 1, 4, 30])[:, None] * np.resize(WEEK, days)).astype(float)


def test_simple_smoothing_is_that_of_statsmodels() -> None:
    values = local_level(0.3, 400)
    theirs = SimpleExpSmoothing(values, initialization_method="known", initial_level=50)
    fixed = theirs.fit(smoothing_level=0.3, optimized=False)
    assert forecast(values, row(ALPHA=0.3)) == pytest.approx(fixed.forecast(28), rel=1e-9)
    ours = kernels.fit_levels(single(values), 0, 1, np.array([0]), True)[0, kernels.ALPHA]
    assert ours == pytest.approx(theirs.fit().params["smoothing_level"], abs=0.01)


def reference() -> tuple[np.ndarray, np.ndarray, object]:
    values = local_level(0.2, 700) + 5 * np.resize(WEEK, 700)
    model = ETSModel(
        pd.Series(values), trend="add", damped_trend=True, seasonal="add", seasonal_periods=7
    )
    # level, trend, season, damping, then the starting states
    theirs = model.smooth(np.array([0.3, 0.05, 0.2, 0.9, values[0], 0, *[0] * 7]))
    ours = row(TREND=1, SEASON=1, ALPHA=0.3, BETA=0.05, GAMMA=0.2, PHI=0.9)
    ours[0, kernels.WEEK :] = 0
    return values, ours, theirs


def test_damped_trend_with_additive_season_is_that_of_statsmodels() -> None:
    values, ours, theirs = reference()
    assert forecast(values, ours) == pytest.approx(theirs.forecast(28), rel=1e-6)


def test_the_spread_grows_with_the_horizon_as_statsmodels_says() -> None:
    _values, ours, theirs = reference()
    variance = theirs.get_prediction(start=700, end=727, method="exact").var_pred_mean
    growth = Ets()._growth(ours, 28)[0]
    assert growth / growth[0] == pytest.approx(np.asarray(variance) / variance[0], rel=1e-6)
    assert growth.mean() == pytest.approx(1)


def test_a_fixed_multiplicative_season_is_smoothing_of_the_adjusted_demand() -> None:
    season = np.resize(WEEK, 301)
    values = local_level(0.3, 301) * season
    parameters = row(SEASON=2, ALPHA=0.2)
    parameters[0, kernels.WEEK :] = WEEK
    adjusted = forecast(values / season, row(ALPHA=0.2))
    assert forecast(values, parameters) == pytest.approx(adjusted * WEEK[(301 + np.arange(28)) % 7])


def test_theta_is_that_of_statsmodels() -> None:
    values = local_level(0.3, 400) + 0.05 * np.arange(400)
    theirs = ThetaModel(values, deseasonalize=False).fit()
    slope = kernels.slopes(single(values), 0, np.ones((1, 7)))[0]
    assert slope == pytest.approx(theirs.params["b0"])
    ours = forecast(values, row(ALPHA=theirs.params["alpha"], DRIFT=slope / 2))
    assert ours == pytest.approx(theirs.forecast(28), rel=1e-4)


def test_the_form_of_the_season_is_found_by_aicc() -> None:
    rng = np.random.default_rng(0)
    days = 600
    level = np.linspace(20, 60, days)
    noise = rng.standard_normal((3, days))
    demand = np.stack([
        40 + noise[0],
        40 + 20 * np.resize(WEEK - 1, days) + noise[1],
        level * np.resize(WEEK, days) + noise[2],
    ])  # fmt: skip
    forms = fitted(Ets, demand).parameters[:, kernels.SEASON]
    assert forms.tolist() == [0, 1, 2]


def test_a_season_does_not_run_away_while_nothing_is_sold() -> None:
    values = 10 * np.resize(WEEK, 365)
    values[100:300] = 0
    parameters = row(SEASON=2, ALPHA=0.2, GAMMA=0.3)
    assert forecast(values, parameters) == pytest.approx(10 * WEEK[(365 + np.arange(28)) % 7],
                                                         rel=0.3)  # fmt: skip


def test_simple_families_are_what_their_names_say() -> None:
    demand = np.arange(70.0)[None]
    demand[0, -3] = np.nan
    assert (means(Naive, demand) == 69).all()
    known = demand[~np.isnan(demand)]
    assert means(MovingAverage, demand) == pytest.approx(known[-28:].mean())
    ahead = means(WeekdayMean, demand)[0]
    assert ahead[0] == pytest.approx(np.arange(14, 70, 7).mean())
    assert ahead[4] == pytest.approx(np.arange(11, 67, 7).mean())
    assert ahead[7:14].tolist() == ahead[:7].tolist()


@pytest.mark.parametrize("family", ALL)
def test_constant_demand_goes_on_and_no_demand_stays_none(family: type[Smoothing]) -> None:
    demand = np.repeat([[4.0], [0.0], [0.5]], 200, axis=1)
    ahead = means(family, demand)
    factor = 1 - fitted(Sba, demand).parameters[:, 1] / 2 if family is Sba else np.ones(3)
    assert ahead[0] == pytest.approx(4 * factor[0])
    assert not ahead[1].any()
    assert ahead[2] == pytest.approx(0.5 * factor[2])


@pytest.mark.parametrize("family", LINEAR)
def test_twice_the_demand_is_twice_the_forecast(family: type[Smoothing]) -> None:
    assert means(family, 2 * poisson()).tolist() == (2 * means(family, poisson())).tolist()


@pytest.mark.parametrize("family", ALL)
def test_the_mean_of_a_series_does_not_depend_on_the_others(family: type[Smoothing]) -> None:
    demand = poisson()
    alone = means(family, demand[[2, 0]])
    assert alone.tobytes() == means(family, demand)[[2, 0]].tobytes()


@pytest.mark.parametrize("family", [Naive, MovingAverage, WeekdayMean, Ses, Croston, Sba, Tsb])
def test_unknown_days_are_skipped_and_not_taken_for_zeros(family: type[Smoothing]) -> None:
    demand = poisson(161)
    gap = np.full((len(demand), 14), np.nan)
    gapped = np.concatenate([demand[:, :77], gap, demand[:, 77:]], axis=1)
    assert means(family, gapped) == pytest.approx(means(family, demand), rel=1e-6)


@pytest.mark.parametrize("family", [Ses, Ets, Theta, Tsb])
def test_quantiles_hold_what_they_say_on_days_ahead(family: type[Smoothing]) -> None:
    rng = np.random.default_rng(8)
    level = rng.uniform(8, 40, 300)[:, None] * np.ones(428)
    demand = rng.negative_binomial(level / 1.5, 1 / 2.5).astype(float)
    model = fitted(family, demand[:, :400])
    ahead = model.predict()
    spread_out = demand[:, 400:, None] + rng.uniform(-0.5, 0.5, (300, 28, 1))
    below = (spread_out <= ahead.quantiles[0]).mean(axis=(0, 1))
    assert below == pytest.approx(np.array(ahead.levels), abs=0.02)


def test_short_histories_say_so_and_are_answered() -> None:
    demand = poisson(60)
    demand[1, :40] = np.nan
    ahead = fitted(Theta, demand).predict()
    assert ahead.fallback_reason[0].tolist() == [
        None, "20 known days, at least 28 are needed", None, None,
    ]  # fmt: skip
    assert ahead.mean[0, 1].mean() == pytest.approx(1, rel=0.5)


def test_a_series_with_nothing_known_in_the_window_is_drawn_to_its_analogues() -> None:
    demand = poisson(400)
    demand[2, -182:] = np.nan
    ahead = fitted(Ets, demand).predict()
    assert str(ahead.fallback_reason[0, 2]).startswith("no known demand in the last 182 days; ")
    assert ahead.mean[0, 2].min() > 0  # what the others sell


@pytest.mark.parametrize("family", ALL)
def test_a_longer_horizon_keeps_the_days_of_a_shorter_one(family: type[Smoothing]) -> None:
    model = fitted(family, poisson())
    long, short = model.predict(horizon=45), model.predict(horizon=3)
    assert long.mean[:, :, :3].tobytes() == short.mean.tobytes()
    assert long.quantiles[:, :, :3] == pytest.approx(short.quantiles, rel=1e-5)
    assert np.isfinite(long.quantiles).all()
