from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from forecast_platform.errors import ModelError
from forecast_platform.forecasting import backtest, leaderboard, rolling_origins
from forecast_platform.forecasting.backtest import leaderboard_plot
from forecast_platform.panel import Panel

FIRST_DAY = dt.date(2024, 1, 1)
FAMILIES = ["seasonal_naive", "arima"]


@pytest.fixture(scope="module")
def panel() -> Panel:
    rng = np.random.default_rng(5)
    demand = rng.poisson(np.array([[1], [6], [20]]), (3, 200)).astype(np.float32)
    names = np.array(["a", "b", "c"], dtype=object)
    return Panel(names, names, FIRST_DAY, demand, np.ones(demand.shape, dtype=bool))


@pytest.fixture(scope="module")
def scores(panel: Panel) -> pl.DataFrame:
    return backtest(FAMILIES, panel, rolling_origins(panel.last_day, 3))


def test_the_last_origin_has_a_whole_horizon_of_actuals() -> None:
    last = dt.date(2024, 6, 30)
    assert rolling_origins(last, 3, horizon=28, step=14) == [
        dt.date(2024, 5, 5), dt.date(2024, 5, 19), dt.date(2024, 6, 2),
    ]  # fmt: skip


def test_every_model_is_scored_at_every_origin(scores: pl.DataFrame, panel: Panel) -> None:
    assert scores.columns == ["model", "origin", "metric", "value"]
    assert scores["model"].unique().sort().to_list() == sorted(FAMILIES)
    assert scores["origin"].unique().sort().to_list() == rolling_origins(panel.last_day, 3)
    assert {"mse", "rmse", "mae", "wape", "r2", "rmsse", "mase", "bias", "pinball",
            "coverage_50", "coverage_80", "coverage_90"} == set(scores["metric"])  # fmt: skip
    assert scores.group_by("model", "origin", "metric").len()["len"].max() == 1


def test_averaging_beats_repeating_on_noise(scores: pl.DataFrame) -> None:
    board = leaderboard(scores)
    assert board["model"].to_list() == ["arima", "seasonal_naive"]
    assert board["rmsse"].to_list() == sorted(board["rmsse"].to_list())


def test_a_score_does_not_depend_on_days_after_its_horizon(
    scores: pl.DataFrame, panel: Panel
) -> None:
    origins = rolling_origins(panel.last_day, 3)
    demand = panel.demand.copy()
    demand[:, panel.column_of(origins[1] + dt.timedelta(days=28)) + 1 :] = 999
    changed = backtest(FAMILIES, replace(panel, demand=demand), origins)
    upto = pl.col("origin") <= origins[1]
    assert changed.filter(upto).equals(scores.filter(upto))
    assert not changed.filter(~upto).equals(scores.filter(~upto))


def test_progress_names_the_family(panel: Panel) -> None:
    told: list[str] = []
    backtest(["arima"], panel, rolling_origins(panel.last_day, 1),
             progress=lambda family, step, value: told.append(family))  # fmt: skip
    assert set(told) == {"arima"}


def test_the_plot_is_a_png(scores: pl.DataFrame) -> None:
    assert leaderboard_plot(scores).startswith(b"\x89PNG")


@pytest.mark.parametrize("origins", [[], [dt.date(2023, 1, 1)], [dt.date(2024, 7, 18)]])
def test_origins_without_actuals_are_refused(panel: Panel, origins: list[dt.date]) -> None:
    with pytest.raises(ModelError, match="A backtest needs origins from 2024-01-01 to before"):
        backtest(FAMILIES, panel, origins)
