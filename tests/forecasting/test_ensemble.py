from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from forecast_platform.errors import ModelError
from forecast_platform.forecasting.backtest import judge, judge_forecasts
from forecast_platform.forecasting.calibrated import (
    Calibrated,
    held_out,
    learned,
    load_forecaster,
    with_actuals,
)
from forecast_platform.forecasting.calibration import coverage_table
from forecast_platform.forecasting.ensemble import (
    LEAST_WEIGHT,
    Ensemble,
    combine,
    combined,
    simplex_weights,
    stacked_weights,
)
from forecast_platform.forecasting.kept import kept_forecasts
from forecast_platform.forecasting.truth import Truth, truths
from forecast_platform.models import Forecast, Forecaster, create
from forecast_platform.models.base import Progress
from forecast_platform.panel import Panel

FIRST_DAY = dt.date(2024, 1, 1)
FACTORS = {"low": 0.8, "high": 1.3, "double": 2.0}
SPREAD = np.array([0.3, 0.4, 0.65, 0.95, 1.3, 1.6, 1.8, 2.0, 2.2], dtype=np.float32)


class Scaled:
    """Says a multiple of each series' mean, too sure of it."""

    def __init__(self, factor: float, name: str) -> None:
        self.factor, self.name, self.context_days = factor, name, 7

    def fit(self, panel: Panel, *, seed: int, progress: Progress | None = None) -> None:
        self.panel = panel

    def update(self, panel: Panel) -> None:
        self.panel = panel

    def predict(
        self, panel: Panel | None = None, origins: Sequence[dt.date] = (), horizon: int = 28
    ) -> Forecast:
        panel = panel or self.panel
        level = self.factor * np.nanmean(panel.demand, axis=1)
        mean = np.tile(level[None, :, None], (1, 1, horizon)).astype(np.float32)
        reasons = np.full((1, panel.n_series), None, dtype=object)
        reasons[0, 0] = "too short"
        return Forecast((panel.last_day,), mean, mean[..., None] * SPREAD, reasons, 0.2)

    def save(self, folder: Path) -> None:
        raise NotImplementedError

    def load(self, folder: Path) -> None:
        raise NotImplementedError


@pytest.fixture(scope="module")
def panel() -> Panel:
    rng = np.random.default_rng(8)
    level = np.geomspace(1, 30, 120)[:, None]
    demand = rng.negative_binomial(3, 3 / (3 + level), (120, 300)).astype(np.float32)
    items = np.array([f"i{at:03}" for at in range(120)], dtype=object)
    return Panel(items, np.full(120, "x", dtype=object), FIRST_DAY, demand, demand >= 0)


@pytest.fixture(scope="module")
def known(panel: Panel) -> dict[dt.date, Truth]:
    last = panel.last_day
    return truths(panel, [last - dt.timedelta(days=28 * back) for back in (6, 5, 4, 3, 2, 1)], 28)


@pytest.fixture(scope="module")
def folders(
    panel: Panel, known: dict[dt.date, Truth], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """Kept forecasts of three models: one low, one high, one twice too high."""
    keep = tmp_path_factory.mktemp("kept")
    judge(
        {name: lambda name=name: Scaled(FACTORS[name], name) for name in FACTORS},
        panel, list(known), keep=keep,
    )  # fmt: skip
    return {name: keep / name for name in FACTORS}


def moments(seed: int, size: int) -> np.ndarray:
    errors = np.random.default_rng(seed).normal(size=(size, 3 * size))
    return errors @ errors.T


@given(st.integers(0, 1000), st.integers(1, 6))
def test_weights_are_the_best_of_all_that_add_to_one(seed: int, size: int) -> None:
    matrix = moments(seed, size)
    weights = simplex_weights(matrix, ridge=0)
    found = minimize(
        lambda w: w @ matrix @ w, np.full(size, 1 / size), bounds=[(0, 1)] * size,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1}, options={"ftol": 1e-12},
    )  # fmt: skip
    assert weights.min() >= 0
    assert weights.sum() == pytest.approx(1)
    assert weights @ matrix @ weights <= found.fun * (1 + 1e-6)


def test_twins_share_their_weight_and_perfect_members_weigh_alike() -> None:
    assert simplex_weights(np.ones((2, 2))) == pytest.approx([0.5, 0.5])
    assert simplex_weights(np.zeros((4, 4))) == pytest.approx(np.full(4, 0.25))


def test_a_member_that_adds_only_error_gets_next_to_nothing() -> None:
    weights = simplex_weights(1 + np.diag([0.01, 0.01, 5.0]))
    assert weights[2] < LEAST_WEIGHT < weights[0]


def test_stacking_finds_a_mixture_without_bias(
    folders: dict[str, Path], known: dict[dt.date, Truth]
) -> None:
    weights = stacked_weights(folders, known, list(known)[:3])
    assert sum(weights.values()) == pytest.approx(1)
    assert sum(weights[name] * FACTORS[name] for name in weights) == pytest.approx(1, abs=0.05)


def test_the_ensemble_beats_its_best_member_on_origins_it_did_not_learn_from(
    folders: dict[str, Path], known: dict[dt.date, Truth]
) -> None:
    newest = list(known)[3:]
    weights = stacked_weights(folders, known, list(known)[:3])
    scores = {
        name: judge_forecasts(name, forecasts, known).overall.filter(metric="wrmsse")["value"]
        for name, forecasts in {
            "ensemble": combined(folders, weights, newest),
            **{name: kept_forecasts(folder, newest) for name, folder in folders.items()},
        }.items()
    }
    assert scores["ensemble"].mean() < min(scores[name].mean() for name in folders)


def test_held_out_forecasts_are_calibrated_and_know_nothing_of_their_own_origins(
    folders: dict[str, Path], known: dict[dt.date, Truth]
) -> None:
    members = {name: folders[name] for name in ("low", "high")}
    forecasts = list(held_out(members, known))
    assert [forecast.origins[0] for forecast in forecasts] == list(known)
    coverage = coverage_table(with_actuals(forecasts, known))
    assert (coverage["transform"] - coverage["nominal"]).abs().max() < 0.03
    newest = list(known)[-1]
    other = dict(known)
    other[newest] = replace(other[newest], actual=other[newest].actual * 9)
    changed = list(held_out(members, other))
    for before, after in zip(forecasts[3:], changed[3:], strict=True):
        assert after.quantiles.tolist() == before.quantiles.tolist()
    assert changed[0].quantiles.tolist() != forecasts[0].quantiles.tolist()


def test_means_and_quantiles_are_averaged_and_reasons_named(panel: Panel) -> None:
    parts = {"low": Scaled(1.0, "low"), "high": Scaled(3.0, "high")}
    model = Ensemble(parts, {"low": 3, "high": 1})
    model.fit(panel, seed=1)
    forecast = model.predict(horizon=5)
    low, high = (part.predict(horizon=5) for part in parts.values())
    assert forecast.mean == pytest.approx(0.75 * low.mean + 0.25 * high.mean)
    assert forecast.quantiles == pytest.approx(0.75 * low.quantiles + 0.25 * high.quantiles)
    assert forecast.fallback_reason[0, :2].tolist() == ["low: too short; high: too short", None]
    assert forecast.autocorrelation == pytest.approx(0.2)


def test_forecasts_of_other_days_are_not_combined(panel: Panel) -> None:
    model = Scaled(1.0, "low")
    model.fit(panel, seed=1)
    parts = {"a": model.predict(horizon=5), "b": model.predict(horizon=6)}
    with pytest.raises(ModelError, match="judge all members on the same panel"):
        combine(parts, {"a": 0.5, "b": 0.5})
    with pytest.raises(ModelError, match="one weight for each of its members"):
        Ensemble({"a": model}, {"b": 1})


def test_a_saved_calibrated_ensemble_forecasts_the_same(
    panel: Panel, folders: dict[str, Path], known: dict[dt.date, Truth], tmp_path: Path
) -> None:
    members: dict[str, Forecaster] = {name: create(name) for name in ("seasonal_naive", "arima")}
    small = panel.select(np.arange(3))
    _, calibration = learned({"low": folders["low"]}, known, list(known))
    model = Calibrated(Ensemble(members, {"seasonal_naive": 1, "arima": 4}), calibration)
    model.fit(small, seed=1)
    model.save(tmp_path / "model")
    loaded = load_forecaster(tmp_path / "model", workers=3)
    assert isinstance(loaded, Calibrated)
    assert loaded.model.members["arima"].workers == 3
    assert (loaded.name, loaded.context_days) == ("ensemble", model.context_days)
    loaded.update(small)
    assert loaded.predict().quantiles.tolist() == model.predict().quantiles.tolist()
    assert loaded.predict(small, [small.last_day]).mean.tolist() == model.predict().mean.tolist()
    plain = model.model.predict()
    assert plain.quantiles.tolist() != model.predict().quantiles.tolist()


def test_a_family_without_calibration_loads_as_it_is(panel: Panel, tmp_path: Path) -> None:
    model = create("seasonal_naive")
    model.fit(panel, seed=1)
    model.save(tmp_path)
    assert type(load_forecaster(tmp_path)) is type(model)
    with pytest.raises(ModelError, match="No saved model"):
        load_forecaster(tmp_path / "none")


def test_missing_kept_forecasts_and_too_few_origins_are_told(
    folders: dict[str, Path], known: dict[dt.date, Truth]
) -> None:
    with pytest.raises(ModelError, match="keeps no forecast of 2024-01-01"):
        list(kept_forecasts(folders["low"], [FIRST_DAY]))
    one = dict(list(known.items())[:1])
    with pytest.raises(ModelError, match="backtest over more origins"):
        list(held_out(folders, one))
