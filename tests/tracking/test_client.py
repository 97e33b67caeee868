from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from forecast_platform.tracking import Tracker, Training
from forecast_platform.tracking.provenance import code_digest


def runs(home: Path, family: str) -> list:
    from mlflow import MlflowClient

    client = MlflowClient(Tracker(home).uri)
    return list(client.search_runs(["1"], f"tags.family = '{family}'"))


def test_a_training_is_one_run_with_its_scores_and_files(
    home: Path, training: Training, tmp_path: Path
) -> None:
    from mlflow import MlflowClient

    tracker = Tracker(home)
    run_id, version = tracker.log_training(training)
    client = MlflowClient(tracker.uri)
    run = client.get_run(run_id)
    assert run.info.status == "FINISHED"
    assert run.data.metrics == {"pinball": 0.5, "rmsse": 0.8}
    assert run.data.params == {"hidden": "64"}
    assert run.data.tags["cutoff"] == "2024-03-03"
    assert run.data.tags["dataset"] == "digest"
    assert run.data.tags["code"] == code_digest()
    packages = client.download_artifacts(run_id, "requirements.txt", str(tmp_path))
    assert "mlflow==" in Path(packages).read_text()
    (given,) = run.inputs.dataset_inputs
    assert (given.dataset.name, given.dataset.digest) == ("features", "digest")
    (made,) = run.outputs.model_outputs
    model = client.get_logged_model(made.model_id)
    assert {metric.key: metric.value for metric in model.metrics} == run.data.metrics
    linked = [{"name": "forecast-lstm", "version": version}]
    assert json.loads(model.tags["mlflow.modelVersions"]) == linked
    registered = client.get_model_version("forecast-lstm", version)
    assert registered.run_id == run_id
    copied = Path(registered.source.removeprefix("file://")) / "weights.npz"
    assert copied.read_bytes() == b"weights"


def test_the_same_training_again_is_the_same_run_and_version(
    home: Path, training: Training
) -> None:
    training = replace(training, family="again")
    assert Tracker(home).log_training(training) == Tracker(home).log_training(training)
    assert len(runs(home, "again")) == 1


def test_a_changed_training_of_a_cutoff_replaces_the_run_with_a_new_version(
    home: Path, training: Training
) -> None:
    tracker, training = Tracker(home), replace(training, family="changed")
    first_run, first = tracker.log_training(training)
    (training.artifacts / "weights.npz").write_bytes(b"others")
    second_run, second = tracker.log_training(training)
    assert (first, second) == ("1", "2")
    assert [run.info.run_id for run in runs(home, "changed")] == [second_run]
    assert first_run != second_run


def test_a_training_that_was_broken_off_is_done_again(home: Path, training: Training) -> None:
    from mlflow.exceptions import MlflowException

    tracker, training = Tracker(home), replace(training, family="broken")
    with pytest.raises(MlflowException, match="no name!"):
        tracker.log_training(replace(training, metrics={"no name!": 1.0}))
    assert len(runs(home, "broken")) == 1
    run_id, version = tracker.log_training(training)
    assert version == "1"
    assert [run.info.run_id for run in runs(home, "broken")] == [run_id]


def test_there_is_one_champion_and_at_most_one_challenger(home: Path, training: Training) -> None:
    tracker = Tracker(home)
    for family in ("one", "two"):
        tracker.log_training(replace(training, family=family))
        tracker.promote(family, "1")
        assert tracker.champion() == (family, "1")
        assert tracker.challenger() is None
    for first, second in (("one", "two"), ("two", "one")):
        tracker.promote(first, "1", (second, "1"))
        assert (tracker.champion(), tracker.challenger()) == ((first, "1"), (second, "1"))


def test_a_version_says_why_it_is_or_is_not_the_champion(home: Path, training: Training) -> None:
    tracker = Tracker(home)
    _, version = tracker.log_training(replace(training, family="reasoned"))
    tracker.explain("reasoned", version, "mean pinball 0.4, best has 0.3")
    held = tracker.client.get_model_version("forecast-reasoned", version)
    assert held.description == "mean pinball 0.4, best has 0.3"


def test_pictures_lie_beside_the_run_and_make_no_training_another(
    home: Path, training: Training
) -> None:
    tracker, training = Tracker(home), replace(training, family="pictured")
    run_id, version = tracker.log_training(replace(training, pictures={"last_fold": b"png"}))
    assert {"last_fold.png", "requirements.txt"} == {
        file.path for file in tracker.client.list_artifacts(run_id)
    }
    assert tracker.log_training(replace(training, pictures={"last_fold": b"other"})) == (
        run_id, version,
    )  # fmt: skip


def test_a_store_without_a_promotion_has_no_champion(tmp_path: Path) -> None:
    assert Tracker(tmp_path).champion() is None


def test_processes_that_make_the_store_at_once_all_succeed(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from forecast_platform.tracking import Tracker;"
        "print(Tracker(pathlib.Path(sys.argv[1])).champion())"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path / "store")], stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    assert [process.communicate()[0].strip() for process in started] == ["None", "None"]


def test_folds_are_child_runs_and_go_with_their_parent(home: Path, training: Training) -> None:
    tracker = Tracker(home)
    folds = {"2024-05-05": {"pinball": 1.5}, "2024-05-19": {"pinball": 2.5}}
    first, _ = tracker.log_training(replace(training, family="folded", folds=folds))
    assert sorted(run.data.metrics["pinball"] for run in tracker._children(first)) == [1.5, 2.5]
    second, _ = tracker.log_training(replace(training, family="folded", dataset="b", folds=folds))
    assert not tracker._children(first)
    assert len(tracker._children(second)) == 2
