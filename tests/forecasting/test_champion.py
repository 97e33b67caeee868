from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl
import pytest

from forecast_platform.contracts.models import MODEL_VERSIONS
from forecast_platform.errors import ModelError
from forecast_platform.forecasting import Champion, champion_for, choose_champion
from forecast_platform.forecasting.champion import incumbent_for, next_best
from forecast_platform.lake.schema import polars_schema

DAY = dt.date(2024, 3, 3)


def scores(**values: list[float]) -> pl.DataFrame:
    rows = [
        (model, DAY + dt.timedelta(days=at), "pinball", value)
        for model, of_model in values.items()
        for at, value in enumerate(of_model)
    ]
    return pl.DataFrame(rows, schema=["model", "origin", "metric", "value"], orient="row")


def test_the_lowest_mean_wins_and_every_family_gets_its_reason() -> None:
    best, reasons = choose_champion(scores(arima=[1, 2], lstm=[0.5, 1.5], naive=[9, 9]))
    assert best == "lstm"
    assert reasons == {
        "lstm": "lowest mean pinball 1 over 2 origins",
        "arima": "mean pinball 1.5, lstm has 1",
        "naive": "mean pinball 9, lstm has 1",
    }


def test_ties_go_by_name_and_a_family_without_a_score_never_wins() -> None:
    best, reasons = choose_champion(scores(b=[1], c=[1], a=[float("nan")]))
    assert best == "b"
    assert reasons["a"] == "no pinball score"


def test_the_challenger_is_the_lowest_beside_the_champion_whoever_that_is() -> None:
    scored = scores(arima=[1, 2], lstm=[0.5, 1.5], naive=[9, 9], broken=[float("nan")] * 2)
    assert next_best(scored, "lstm") == "arima"
    assert next_best(scored, "arima") == "lstm"
    assert next_best(scores(lstm=[1]), "lstm") is None


def test_without_any_score_there_is_no_champion() -> None:
    with pytest.raises(ModelError, match="run `forecast-platform backtest`"):
        choose_champion(scores(a=[1.0]), metric="rmsse")


NEARLY = {"lstm": [1.0, 2, 3, 2.2], "arima": [1.1, 1.9, 3.1, 2.2]}
CLEARLY = {"lstm": [1.0, 2, 3, 2], "arima": [1.1, 2.8, 3.1, 2.4]}


def test_an_incumbent_stays_unless_another_is_better_with_confidence() -> None:
    best, reasons = choose_champion(scores(**NEARLY, naive=[9.0, 9, 9, 9]), incumbent="arima")
    assert best == "arima"
    assert reasons["arima"] == (
        "mean pinball 2.075 over 4 origins, the incumbent: none is better with confidence"
    )
    assert reasons["lstm"].startswith(
        "mean pinball 2.05, arima has 2.075: better than the incumbent arima with "
    )
    assert reasons["lstm"].endswith("% confidence, 90% needed")
    assert reasons["naive"] == "mean pinball 9, arima has 2.075"


def test_a_challenger_that_is_better_with_confidence_takes_over() -> None:
    best, reasons = choose_champion(scores(**CLEARLY), incumbent="arima")
    assert best == "lstm"
    assert reasons["lstm"].startswith(
        "mean pinball 2 over 4 origins, better than the incumbent arima's 2.35 with 9"
    )
    assert choose_champion(scores(**CLEARLY), incumbent="lstm")[0] == "lstm"
    assert choose_champion(scores(**CLEARLY), incumbent="arima", confidence=0.99)[0] == "arima"


def test_without_a_scored_incumbent_the_lowest_mean_wins() -> None:
    assert choose_champion(scores(**NEARLY), incumbent="retired")[0] == "lstm"


def versions(*rows: tuple[int, str, bool]) -> pl.DataFrame:
    return pl.DataFrame(
        [(DAY + dt.timedelta(days=day), model, "3", "run", f"models/{model}", champion, "best")
         for day, model, champion in rows],
        schema=polars_schema(MODEL_VERSIONS), orient="row",
    )  # fmt: skip


def test_the_newest_champion_on_or_before_the_origin_answers() -> None:
    known = versions((0, "arima", True), (0, "lstm", False), (7, "lstm", True), (14, "naive", True))
    newest = Champion("lstm", "3", DAY + dt.timedelta(days=7), Path("models/lstm"))
    assert champion_for(known, DAY + dt.timedelta(days=13)) == newest
    assert champion_for(known, DAY + dt.timedelta(days=6)).model == "arima"


def test_a_missing_model_names_the_command_that_trains_one() -> None:
    with pytest.raises(ModelError, match="`forecast-platform train --cutoff D`"):
        champion_for(versions((0, "arima", True)), DAY - dt.timedelta(days=1))


def test_the_incumbent_is_the_champion_of_the_newest_earlier_cutoff() -> None:
    known = versions((0, "arima", True), (7, "lstm", True), (7, "naive", False))
    assert incumbent_for(known, DAY + dt.timedelta(days=14)) == "lstm"
    assert incumbent_for(known, DAY + dt.timedelta(days=7)) == "arima"
    assert incumbent_for(known, DAY) is None
