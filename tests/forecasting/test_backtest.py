from __future__ import annotations

import datetime as dt
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import polars as pl
import pytest

from forecast_platform.errors import ModelError
from forecast_platform.forecasting import backtest, judge, leaderboard, rolling_origins
from forecast_platform.forecasting.backtest import judge_forecasts
from forecast_platform.forecasting.kept import kept_forecasts
from forecast_platform.forecasting.leaderboard import leaderboard_plot, level_board
from forecast_platform.forecasting.truth import truths
from forecast_platform.models import Forecaster, create
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
    assert {"mse", "rmse", "mae", "wape", "r2", "rmsse", "wrmsse", "mase", "bias", "pinball",
            "wql", "wspl", "coverage_80", "pit_80"} < set(scores["metric"])  # fmt: skip
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


def test_the_plot_is_a_png_with_and_without_levels(scores: pl.DataFrame, panel: Panel) -> None:
    assert leaderboard_plot(scores).startswith(b"\x89PNG")
    naive = {"naive": partial(create, "seasonal_naive")}
    levels = judge(naive, panel, rolling_origins(panel.last_day, 2)).scores
    assert leaderboard_plot(levels).startswith(b"\x89PNG")


class Counted:
    """A seasonal naive that counts how often it was fitted, and on how many days."""

    fits: ClassVar[list[int]] = []

    def __new__(cls) -> Forecaster:
        model = create("seasonal_naive")
        fit = model.fit

        def counted(panel: Panel, **options: Any) -> None:
            cls.fits.append(panel.n_days)
            fit(panel, **options)

        model.fit = counted
        return model


@pytest.mark.parametrize(("every", "times"), [(None, 1), (1, 4), (3, 2)])
def test_a_model_is_fitted_anew_at_every_kth_origin(
    panel: Panel, every: int | None, times: int
) -> None:
    Counted.fits = []
    origins = rolling_origins(panel.last_day, 4, step=14)
    judge({"naive": Counted}, panel, origins, refit_every=every)
    expected = [panel.column_of(origin) + 1 for origin in origins][:: every or len(origins)]
    assert Counted.fits == expected
    assert len(Counted.fits) == times


def test_a_backtest_is_the_item_location_part_of_a_judgement(
    panel: Panel, scores: pl.DataFrame
) -> None:
    factories = {family: partial(create, family) for family in FAMILIES}
    judgement = judge(factories, panel, rolling_origins(panel.last_day, 3))
    assert judgement.overall.equals(scores)
    assert {"item-location", "total", "class A"} <= set(judgement.scores["level"])
    assert judgement.series.height == len(FAMILIES) * 3 * panel.n_series
    pinball = judgement.series.group_by("model", "origin").agg(pl.col("pinball").mean())
    expected = scores.filter(metric="pinball").select("model", "origin", overall="value")
    both = pinball.join(expected, on=["model", "origin"])
    assert both["pinball"].to_list() == pytest.approx(both["overall"].to_list())


def test_a_fallback_is_told_with_its_reason(panel: Panel) -> None:
    demand = panel.demand.copy()
    demand[0, :140] = np.nan
    available = ~np.isnan(demand)
    late = replace(panel, demand=demand, available=available)
    judgement = judge({"arima": partial(create, "arima")}, late, [FIRST_DAY + dt.timedelta(150)])
    fallbacks = judgement.series.filter(pl.col("fallback_reason").is_not_null())
    assert fallbacks["model"].to_list() == ["arima"]
    assert fallbacks["fallback_reason"].item()


def test_kept_forecasts_score_as_they_did(panel: Panel, tmp_path: Path) -> None:
    origins = rolling_origins(panel.last_day, 2)
    factories = {"naive": partial(create, "seasonal_naive")}
    judgement = judge(factories, panel, origins, keep=tmp_path)
    known = truths(panel, origins, 28)
    again = judge_forecasts("naive", kept_forecasts(tmp_path / "naive"), known)
    assert again.scores.equals(judgement.scores)
    assert again.series.equals(judgement.series)
    with pytest.raises(ModelError, match="has no forecasts"):
        judge_forecasts("naive", kept_forecasts(tmp_path / "other"), known)


def test_level_board_averages_levels_and_shows_classes_beside(panel: Panel) -> None:
    factories = {family: partial(create, family) for family in FAMILIES}
    board = level_board(judge(factories, panel, rolling_origins(panel.last_day, 2)).scores)
    assert board.columns[:4] == ["model", "average", "item-location", "total"]
    assert board["average"].to_list() == pytest.approx(
        [(row["item-location"] + row["total"]) / 2 for row in board.iter_rows(named=True)]
    )
    assert board["average"].is_sorted()


@pytest.mark.parametrize("origins", [[], [dt.date(2023, 1, 1)], [dt.date(2024, 7, 18)]])
def test_origins_without_actuals_are_refused(panel: Panel, origins: list[dt.date]) -> None:
    with pytest.raises(ModelError, match="A backtest needs origins from 2024-01-01 to before"):
        backtest(FAMILIES, panel, origins)
