"""What a person finds in MLflow: the demo's models, and a search of better options."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import polars as pl
import pytest

from forecast_platform.tracking import Tracker
from tests import command_line as shop
from tests.command_line import CUTOFF, LAST_DAY, copy, read, refusal, works


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the demo's home."""
    demo, _ = shop.demo(tmp_path_factory.getbasetemp())
    return copy(demo, tmp_path_factory.mktemp("searched") / "home")


def test_the_recorded_champion_says_what_was_issued(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow.pyfunc import load_model

    monkeypatch.setenv("MLFLOW_TRACKING_URI", Tracker(home / "mlflow").uri)
    model = load_model("models:/forecast-seasonal_naive@champion")
    sales = read(home, "features").select("item_id", "location_id", ds="date", y="demand")
    told = pl.from_pandas(model.predict(sales.to_pandas()))
    issued = read(home, "forecasts").filter(pl.col("origin") == LAST_DAY)
    assert issued.height > 0
    keys = ("item_id", "location_id", "date")
    told, issued = told.with_columns(pl.col("date").cast(pl.Date)).sort(keys), issued.sort(keys)
    for column in (*keys, "mean", "q05", "q50", "q99"):
        assert told[column].equals(issued[column].cast(told[column].dtype)), column


def test_a_run_keeps_pictures_packages_and_how_each_series_was_answered(home: Path) -> None:
    tracker = Tracker(home / "mlflow")
    (run,) = tracker.client.search_runs([tracker.experiment], "tags.family = 'seasonal_naive'")
    files = {file.path for file in tracker.client.list_artifacts(run.info.run_id)}
    assert files == {"last_fold.png", "leaderboard.png", "requirements.txt"}
    assert 0 <= run.data.metrics["fallback_share"] <= 1
    assert tracker.champion() == ("seasonal_naive", "1")
    version = tracker.client.get_model_version("forecast-seasonal_naive", "1")
    assert "only family scored" in version.description
    series = pl.read_parquet(home / "models" / "seasonal_naive" / str(CUTOFF) / "series.parquet")
    by_model = series["fallback_reason"].is_null()
    assert (series["status"] == "answered").equals(by_model)


def test_training_a_cutoff_again_is_the_same_run_and_version(home: Path) -> None:
    tracker = Tracker(home / "mlflow")
    of_family = [tracker.experiment], "tags.family = 'seasonal_naive'"
    before = [run.info.run_id for run in tracker.client.search_runs(*of_family)]
    works(home, "train", "--cutoff", CUTOFF)
    assert [run.info.run_id for run in tracker.client.search_runs(*of_family)] == before
    assert tracker.champion() == ("seasonal_naive", "1")


def test_a_search_ranks_trials_records_them_and_its_winner_can_be_trained_with(
    home: Path, tmp_path: Path
) -> None:
    space = tmp_path / "space.toml"
    space.write_text("penalty = [0.00001, 10.0, 0.3]\n")
    told = works(
        home, "search", "--model", "ridge", "--method", "grid", "--origins", 1, "--horizon", 7,
        "--space", space, FORECAST_PLATFORM_MODEL_OPTIONS='{"ridge": {"penalty": 1e6}}',
    )  # fmt: skip
    assert "3 trials, of which 0 stopped early and 0 failed" in told
    assert (home / "search-ridge.png").read_bytes().startswith(b"\x89PNG")
    options = tomllib.loads(told.split("let ")[1].split("\n", 1)[1].split("\nPlot")[0])
    assert options["model_options"]["ridge"]["penalty"] in (0.00001, 10.0, 0.3)
    trained = works(
        home, "train", "--cutoff", CUTOFF, FORECAST_PLATFORM_MODELS='["ridge"]',
        FORECAST_PLATFORM_MODEL_OPTIONS=json.dumps(options["model_options"]),
    )  # fmt: skip
    assert "ridge *" in trained
    tracker = Tracker(home / "mlflow")
    runs = tracker.client.search_runs([tracker.experiment], "tags.search = 'ridge'")
    assert [run.info.status for run in runs] == ["FINISHED"]
    (latest,) = tracker.client.search_runs([tracker.experiment], "tags.family = 'ridge'")
    assert float(latest.data.params["penalty"]) == options["model_options"]["ridge"]["penalty"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--model", "theta"], "nothing to search for theta"),
        (["--model", "oracle"], "nothing to search for oracle"),
        (["--model", "ridge", "--method", "grid"], "list their values in the space"),
        (["--model", "ridge", "--origins", 50], "ask for fewer origins"),
        (["--model", "ridge", "--space", "none.toml"], "cannot be read as TOML"),
    ],
)
def test_a_search_that_cannot_be_made_is_answered_by_one_sentence(
    home: Path, words: list[object], told: str
) -> None:
    assert told in refusal(home, "search", *words)


def test_options_that_no_family_has_are_named(home: Path, tmp_path: Path) -> None:
    space = tmp_path / "space.toml"
    space.write_text("penlty = [1]\n")
    told = refusal(home, "search", "--model", "ridge", "--space", space)
    assert "ridge has no option 'penlty': choose from penalty" in told
    options = {"FORECAST_PLATFORM_MODEL_OPTIONS": '{"lightgmb": {"trees": 9}}'}
    assert "model_options names lightgmb" in refusal(home, "backtest", **options)
