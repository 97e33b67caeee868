from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from benchmarks.m5_panel import read
from forecast_platform.contracts import QUANTILES
from forecast_platform.errors import ModelError
from forecast_platform.forecasting.backtest import judge, rolling_origins
from forecast_platform.forecasting.calibrated import held_out, with_actuals
from forecast_platform.forecasting.calibration import Calibration, coverage_table
from forecast_platform.forecasting.metrics import pinball
from forecast_platform.forecasting.truth import truths
from forecast_platform.models import Forecast, create

LEVELS = np.array(QUANTILES)
HORIZON = 28
Origin = tuple[Forecast, np.ndarray]

MISTAKEN: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "poisson": lambda mean: stats.poisson.ppf(LEVELS, mean),
    "normal": lambda mean: stats.norm.ppf(LEVELS, mean, np.sqrt(mean)).clip(0),
    "too wide": lambda mean: stats.gamma.ppf(LEVELS, 0.5, scale=2 * mean),
    "too low": lambda mean: stats.nbinom.ppf(LEVELS, 1.5, 1.5 / (1.5 + 0.6 * mean)),
}


def origins(wrong: str, n: int = 6, series: int = 400) -> list[Origin]:
    """Negative binomial demand of slow and fast series, and what a mistaken model said."""
    rng = np.random.default_rng(11)
    mean = np.exp(rng.normal(0, 1.3, (series, 1)))
    quantiles = np.tile(MISTAKEN[wrong](mean)[None, :, None], (1, 1, HORIZON, 1))
    found = []
    for at in range(n):
        actual = rng.negative_binomial(1.5, 1.5 / (1.5 + mean), (1, series, HORIZON))
        forecast = Forecast(
            origins=(dt.date(2024, 1, 7) + dt.timedelta(days=28 * at),),
            mean=np.tile(mean.astype(np.float32), (1, 1, HORIZON)),
            quantiles=quantiles.astype(np.float32),
            fallback_reason=np.full((1, series), None, dtype=object),
            autocorrelation=0.0,
        )
        found.append((forecast, actual.astype(np.float32)))
    return found


@pytest.fixture(scope="module")
def learned() -> Calibration:
    return Calibration.learned(origins("poisson")[:3])


@pytest.mark.parametrize("wrong", MISTAKEN)
def test_coverage_holds_within_two_points_on_origins_it_never_saw(wrong: str) -> None:
    judged = origins(wrong)
    calibration = Calibration.learned(judged[:3])
    before = coverage_table(judged[3:])
    after = coverage_table((calibration.apply(said), came) for said, came in judged[3:])
    assert (after["transform"] - after["nominal"]).abs().max() < 0.02
    off = (after["transform"] - after["nominal"]).abs().sum()
    assert off < (before["transform"] - before["nominal"]).abs().sum()


@pytest.mark.parametrize("wrong", MISTAKEN)
def test_calibration_lowers_the_pinball_loss(wrong: str) -> None:
    judged = origins(wrong)
    calibration = Calibration.learned(judged[:3])
    said, came = judged[3]
    after = calibration.apply(said)
    assert pinball(came[0], after.quantiles[0], QUANTILES) < pinball(
        came[0], said.quantiles[0], QUANTILES
    )


def test_errors_that_grow_with_the_horizon_are_told_apart() -> None:
    rng = np.random.default_rng(5)
    judged = []
    growth = np.repeat([5.0, 10, 15, 15], 7)
    for said, came in origins("normal", n=4):
        actual = np.rint(rng.normal(100, growth, came.shape)).clip(0)
        flat = np.tile(stats.norm.ppf(LEVELS, 100, 10).astype(np.float32), (*came.shape, 1))
        judged.append((replace(said, quantiles=flat), actual))
    calibration = Calibration.learned(judged[:2])
    week = [
        coverage_table(
            (replace(after, quantiles=after.quantiles[:, :, days]), came[:, :, days])
            for after, came in ((calibration.apply(said), came) for said, came in judged[2:])
        )["counted"].to_numpy()
        for days in (slice(0, 7), slice(7, 14), slice(14, 28))
    ]
    assert np.abs(np.array(week) - [0.5, 0.8, 0.9, 0.95]).max() < 0.03


@settings(max_examples=20)
@given(st.integers(0, 10_000))
def test_calibrated_quantiles_never_fall_and_are_never_negative(
    learned: Calibration, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    quantiles = np.sort(rng.gamma(0.3, 30, (2, 5, 30, 9)), axis=-1).astype(np.float32)
    said = Forecast(
        (dt.date(2024, 1, 1), dt.date(2024, 1, 2)), quantiles.mean(axis=-1), quantiles,
        np.full((2, 5), None, dtype=object), 0.1,
    )  # fmt: skip
    after = learned.apply(said)
    assert (after.quantiles >= 0).all()
    assert (np.diff(after.quantiles, axis=-1) >= 0).all()
    assert after.mean.tolist() == said.mean.tolist()
    alone = learned.apply(
        replace(said, origins=said.origins[1:], mean=said.mean[1:], quantiles=quantiles[1:])
    )
    assert alone.quantiles.tolist() == after.quantiles[1:].tolist()


def test_a_horizon_longer_than_that_judged_is_calibrated_by_what_was() -> None:
    said, came = origins("too wide", n=1)[0]
    week = Calibration.learned([(said, came[:, :, :7])])
    assert np.abs(week.used[:, 2] - week.used[:, 0]).max() < 0.01


def test_a_saved_calibration_is_the_same_and_is_plain_json(
    learned: Calibration, tmp_path: Path
) -> None:
    path = tmp_path / "calibration.json"
    learned.save(path)
    assert json.loads(path.read_text())["levels"] == list(QUANTILES)
    said, _ = origins("poisson", n=1)[0]
    assert Calibration.load(path).apply(said).quantiles.tolist() == (
        learned.apply(said).quantiles.tolist()
    )


def test_days_of_unknown_demand_teach_nothing() -> None:
    said, came = origins("poisson", n=1)[0]
    gaps = came.copy()
    gaps[:, :, 20:] = np.nan
    short = Calibration.learned([(said, gaps)])
    assert short.used.tolist() == Calibration.learned([(said, came[:, :, :20])]).used.tolist()
    with pytest.raises(ModelError, match="judge the model on more origins"):
        Calibration.learned([(said, np.full_like(came, np.nan))])


def test_other_levels_are_refused(learned: Calibration) -> None:
    said, _ = origins("poisson", n=1)[0]
    with pytest.raises(ModelError, match="learn the calibration again"):
        learned.apply(replace(said, levels=(0.5,), quantiles=said.quantiles[..., :1]))


@pytest.mark.nightly
def test_coverage_holds_within_two_points_on_real_demand(real_data: Path, tmp_path: Path) -> None:
    """M5, store TX_3: each pair of origins is calibrated by what the other six taught."""
    m5 = read(real_data / "m5_tx3_foods3").last(730)
    panel, prices = m5.panel, m5.prices
    origins = rolling_origins(panel.last_day, 8)
    families = {family: partial(create, family) for family in ("seasonal_naive", "arima")}
    judge(families, panel, origins, prices=prices, keep=tmp_path)
    known = truths(panel, origins, HORIZON, prices)
    for family in families:
        forecasts = held_out({family: tmp_path / family}, known, folds=4)
        coverage = coverage_table(with_actuals(forecasts, known))
        assert (coverage["transform"] - coverage["nominal"]).abs().max() < 0.02
