from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from forecast_platform.forecasting.search import Tried
from forecast_platform.home import Home
from forecast_platform.searching import Found, Wanted, advice
from forecast_platform.settings import Settings

TRIED = (
    Tried(0, {"p": 1}, (0.5, 0.7), 1.0),
    Tried(1, {"p": 2}, (0.3,), 1.0, stopped=True),
    Tried(2, {"p": 3}, (0.5, 0.6), 1.0),
    Tried(3, {"p": 0}, (), 1.0, failure="arima cannot be fitted so: singular"),
)


def home(folder: Path) -> Home:
    options = {"arima": {"d": 0, "p": 1}, "lstm": {"hidden": 32}}
    return Home(Settings(home=folder, model_options=options))


def test_the_winner_was_judged_at_every_origin_and_is_better_than_the_options_in_use(
    tmp_path: Path,
) -> None:
    found = Found(TRIED, 0.6, tmp_path / "plot.png", "run")
    assert [one.number for _, one in found.ranked] == [2, 0]
    assert found.winner == (pytest.approx(0.55), TRIED[2])
    lines = advice(home(tmp_path), Wanted("arima"), found)
    assert lines[0].startswith("4 trials, of which 1 stopped early and 1 failed")
    assert lines[1] == "The first failure: arima cannot be fitted so: singular"
    assert "8.3% below the options in use" in lines[2]
    merged = tomllib.loads(lines[3])["model_options"]
    assert merged == {"arima": {"d": 0, "p": 3}, "lstm": {"hidden": 32}}
    Settings(home=tmp_path, model_options=merged)


@pytest.mark.parametrize("tried", [TRIED[:2], TRIED[3:]])
def test_nothing_is_advised_where_nothing_is_better(
    tmp_path: Path, tried: tuple[Tried, ...]
) -> None:
    found = Found(tried, 0.6, tmp_path / "plot.png", "run")
    assert found.winner is None
    told = advice(home(tmp_path), Wanted("arima"), found)[-1]
    assert told == "No trial is better than the options in use (0.6000)."
