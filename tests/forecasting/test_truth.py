from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest

from forecast_platform.contracts import QUANTILES
from forecast_platform.errors import ModelError
from forecast_platform.forecasting import metrics
from forecast_platform.forecasting.truth import Truth, abc_classes, truths
from forecast_platform.models import Forecast
from forecast_platform.panel import Panel

FIRST = dt.date(2024, 1, 1)
ORIGIN = FIRST + dt.timedelta(days=99)
PRICES = np.array([[10.0], [1], [1], [1]])


@pytest.fixture(scope="module")
def panel() -> Panel:
    rng = np.random.default_rng(3)
    demand = rng.poisson([[5], [9], [1], [30]], (4, 120)).astype(np.float32)
    demand[2, 110:] = np.nan
    return Panel(
        np.array(["a", "a", "b", "b"], dtype=object), np.array(["x", "y", "x", "y"], dtype=object),
        FIRST, demand, np.ones(demand.shape, dtype=bool),
    )  # fmt: skip


@pytest.fixture(scope="module")
def forecast() -> Forecast:
    mean = np.tile(np.array([6.0, 8, 2, 25])[None, :, None], (1, 1, 28)).astype(np.float32)
    quantiles = (mean[..., None] * np.linspace(0.5, 2, 9)).astype(np.float32)
    return Forecast((ORIGIN,), mean, quantiles, np.full((1, 4), None, dtype=object), 0.0)


def value(scores: pl.DataFrame, level: str, metric: str) -> float:
    return float(scores.filter(level=level, metric=metric)["value"].item())


def test_weights_are_sales_in_currency_of_the_28_days_before(panel: Panel) -> None:
    truth = Truth.of(panel, ORIGIN, 20, PRICES)
    sold = panel.demand[:, 72:100].sum(axis=1)
    assert truth.value == pytest.approx(sold * PRICES[:, 0])
    assert truth.actual == pytest.approx(panel.demand[:, 100:120], nan_ok=True)
    by_day = Truth.of(panel, ORIGIN, 20, np.repeat(PRICES, 120, axis=1))
    assert by_day.value == pytest.approx(truth.value)


def test_scores_of_sums_are_those_of_the_summed_forecast(panel: Panel, forecast: Forecast) -> None:
    """Days of unknown demand are left out of both sums."""
    truth = Truth.of(panel, ORIGIN, 20, PRICES)
    scores = truth.scores(forecast)
    assert scores["level"].unique(maintain_order=True).to_list() == [
        "item-location", "class A", "class B", "class C", "item", "location", "total",
    ]  # fmt: skip
    known = ~np.isnan(truth.actual)
    mean = np.where(known, forecast.mean[0, :, :20], 0).sum(axis=0)
    actual = np.nan_to_num(truth.actual).sum(axis=0)
    assert value(scores, "total", "mae") == pytest.approx(np.abs(actual - mean).mean(), rel=1e-6)
    changes = np.square(np.diff(panel.demand[:, :100].sum(axis=0))).mean()
    expected = np.sqrt(np.square(actual - mean).mean() / changes)
    assert value(scores, "total", "wrmsse") == pytest.approx(expected, rel=1e-6)


def test_wrmsse_by_hand(panel: Panel, forecast: Forecast) -> None:
    """M5: each series' error over its own day to day changes, by its share of sales."""
    truth = Truth.of(panel, ORIGIN, 20, PRICES)
    errors = truth.actual - forecast.mean[0, :, :20]
    ratios = []
    for series in range(4):
        history = panel.demand[series, :100]
        history = history[np.flatnonzero(history > 0)[0] :]
        ratios.append(np.sqrt(np.nanmean(errors[series] ** 2) / np.mean(np.diff(history) ** 2)))
    expected = np.dot(ratios, truth.value) / truth.value.sum()
    assert value(truth.scores(forecast), "item-location", "wrmsse") == pytest.approx(expected)


def test_a_class_is_scored_on_its_series_alone(panel: Panel, forecast: Forecast) -> None:
    truth = Truth.of(panel, ORIGIN, 20, PRICES)
    mine = truth.abc == "A"
    assert mine.tolist() == [True, False, False, True]
    expected = metrics.pinball(truth.actual[mine], forecast.quantiles[0, mine, :20], QUANTILES)
    assert value(truth.scores(forecast), "class A", "pinball") == pytest.approx(expected)


def test_series_are_told_with_their_errors(panel: Panel, forecast: Forecast) -> None:
    rows = Truth.of(panel, ORIGIN, 20, PRICES).by_series(forecast)
    row = rows.row(3, named=True)
    assert (row["item_id"], row["location_id"], row["abc_class"]) == ("b", "y", "A")
    assert row["mae"] == pytest.approx(np.abs(panel.demand[3, 100:] - 25).mean())
    assert row["forecast"] == 25


def test_classes_part_at_80_and_95_percent_of_value() -> None:
    assert abc_classes(np.array([0.0, 1, 80, 15, 4])).tolist() == ["C", "C", "A", "B", "C"]
    assert abc_classes(np.zeros(2)).tolist() == ["C", "C"]


def test_origins_without_actuals_are_refused(panel: Panel) -> None:
    assert list(truths(panel, [ORIGIN, FIRST], 5)) == [FIRST, ORIGIN]
    with pytest.raises(ModelError, match="A backtest needs origins from"):
        truths(panel, [panel.last_day], 5)
