from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from model_shop import CUTOFF

from forecast_platform.errors import ModelError
from forecast_platform.models.arima import Arima
from forecast_platform.models.auto_arima import AutoArima
from forecast_platform.models.sarima.model import Order
from forecast_platform.panel import Panel


@pytest.fixture(scope="module")
def fitted(shop: Panel) -> Arima:
    model = Arima()
    model.fit(shop.until(CUTOFF), seed=1)
    return model


def with_holidays(effect: float) -> Panel:
    """Three series of 400 days that sell more on the holidays, which are known 28 days ahead."""
    rng = np.random.default_rng(5)
    holiday = (rng.random(428) < 0.1).astype(np.float32)
    demand = rng.poisson(20, (3, 400)) + effect * holiday[:400]
    names = np.array(["a", "b", "c"], dtype=object)
    return Panel(
        names, names, dt.date(2024, 1, 1), demand.astype(np.float32),
        np.ones(demand.shape, dtype=bool), future={"holiday": holiday},
    )  # fmt: skip


def test_the_parameters_are_a_table_with_a_row_for_each_series(
    fitted: Arima, shop: Panel, tmp_path: Path
) -> None:
    fitted.save(tmp_path)
    table = pl.read_parquet(tmp_path / "parameters.parquet")
    assert table["item_id"].to_list() == shop.items.tolist()
    estimated = table.filter(pl.col("reason").is_null())
    assert set(map(tuple, estimated["order"].to_list())) == {(1, 1, 1, 1, 0, 1, 7)}
    assert estimated["sigma2"].min() > 0


def test_threads_estimate_what_one_thread_does(fitted: Arima, shop: Panel) -> None:
    threads = Arima(workers=3)
    told: list[tuple[int, float]] = []
    threads.fit(shop.until(CUTOFF), seed=1, progress=lambda *step: told.append(step))
    assert threads.predict().quantiles.tobytes() == fitted.predict().quantiles.tobytes()
    assert told[-1] == (7, 1.0)


def test_the_spread_grows_with_the_horizon(fitted: Arima) -> None:
    quantiles = fitted.predict(horizon=200).quantiles[0, 5]
    width = quantiles[:, -1] - quantiles[:, 0]
    assert (np.diff(width) >= -1e-4).all()
    assert width[-1] > width[0]


def test_holidays_known_in_advance_are_forecast() -> None:
    panel = with_holidays(15)
    model = Arima(regressors=["holiday"])
    model.fit(panel, seed=1)
    mean, ahead = model.predict().mean[0], panel.future["holiday"][400:] > 0
    lift = mean[:, ahead].mean(axis=1) - mean[:, ~ahead].mean(axis=1)
    assert lift == pytest.approx(np.full(3, 15), abs=1.5)


def test_a_regressor_of_each_series_counts_for_that_series() -> None:
    panel = with_holidays(0)
    price = np.random.default_rng(6).uniform(1, 2, (3, 428)).astype(np.float32)
    slopes = np.array([[-8.0], [0.0], [5.0]], dtype=np.float32)
    panel = replace(panel, demand=panel.demand + slopes * price[:, :400], future={"price": price})
    model = Arima(order=Order(1, 0, 0), regressors=["price"])
    model.fit(panel, seed=1)
    cheap = replace(panel, future={"price": np.where(np.arange(428) < 400, price, 1)})
    dear = replace(panel, future={"price": np.where(np.arange(428) < 400, price, 2)})
    change = model.predict(dear).mean[0, :, -1] - model.predict(cheap).mean[0, :, -1]
    assert change == pytest.approx(slopes[:, 0], abs=2.5)


def test_a_saved_model_keeps_its_regressors(tmp_path: Path) -> None:
    panel = with_holidays(15)
    model, again = Arima(regressors=["holiday"]), Arima()
    model.fit(panel, seed=1)
    model.save(tmp_path)
    again.load(tmp_path)
    wanted = model.predict(panel)
    assert again.predict(panel).quantiles.tobytes() == wanted.quantiles.tobytes()


def test_a_device_forecasts_what_the_kernels_do(fitted: Arima, shop: Panel) -> None:
    device = Arima(device="cpu")
    device.fit(shop.until(CUTOFF), seed=1)
    ours, other = fitted.predict(), device.predict()
    assert other.mean == pytest.approx(ours.mean, rel=2e-3, abs=0.02)
    assert other.fallback_reason.tolist() == ours.fallback_reason.tolist()


def test_residuals_of_a_good_model_are_noise_and_of_a_poor_one_are_not() -> None:
    panel = with_holidays(0)
    week = 8 * np.sin(2 * np.pi * np.arange(400) / 7).astype(np.float32)
    panel = replace(panel, demand=panel.demand + week)
    chances = []
    for order in (Order(1, 1, 1, 1, 0, 1), Order(0, 1, 1)):
        model = Arima(order=order)
        model.fit(panel, seed=1)
        assert np.nanstd(model.residuals(panel), axis=1) == pytest.approx(np.ones(3), abs=0.1)
        chances.append(model.diagnose(panel)["p_value"].to_numpy())
    assert (chances[0] > 0.001).all()
    assert (chances[1] < 1e-6).all()


def test_a_series_without_an_estimate_has_no_residuals(fitted: Arima, shop: Panel) -> None:
    table = fitted.diagnose(shop.until(CUTOFF))
    reasons = fitted.predict().fallback_reason[0]
    constant = shop.items.tolist().index("constant")
    assert table["p_value"][constant] is None
    assert table["p_value"].is_not_null().sum() == (fitted._reason == None).sum()  # noqa: E711
    assert reasons[constant] is not None
    assert fitted.residual_plot(shop.until(CUTOFF), 0).startswith(b"\x89PNG")
    with pytest.raises(ModelError, match=r"constant at shop has no residuals.*constant demand"):
        fitted.residual_plot(shop.until(CUTOFF), constant)


def test_a_regressor_that_is_not_known_is_named() -> None:
    panel = with_holidays(3)
    model = Arima(regressors=["holiday"])
    model.fit(panel, seed=1)
    with pytest.raises(ModelError, match=r"'holiday' is not among .*\(none\)"):
        model.predict(replace(panel, future={}))
    with pytest.raises(ModelError, match="'holiday' lacks 2 of the values of the 30 days after"):
        model.predict(panel, horizon=30)


def test_auto_arima_gives_each_series_its_order(shop: Panel) -> None:
    rng = np.random.default_rng(7)
    noise, walk = rng.poisson(9, 400), 200 + rng.normal(0, 4, 400).cumsum()
    panel = replace(with_holidays(0), demand=np.stack([noise, walk, noise]).astype(np.float32))
    model = AutoArima()
    model.fit(panel, seed=1)
    order = model._parameters.order
    assert order[:, 1].tolist() == [0, 1, 0]
    assert order[0].tolist() == order[2].tolist()
    assert model.predict().mean[0, 0].mean() == pytest.approx(9, abs=1)


def test_a_search_without_time_still_answers(shop: Panel) -> None:
    model = AutoArima(seconds=0)
    model.fit(shop.until(CUTOFF), seed=1)
    assert model.predict().fallback_reason[0, :6].tolist() == [None] * 6
