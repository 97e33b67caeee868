from __future__ import annotations

from pathlib import Path

import pytest

from forecast_platform.forecasting.search import Tried
from forecast_platform.tracking import SearchRun, Tracker

TRIALS = (
    Tried(0, {"p": 1, "d": 0}, (0.5, 0.7), 1.0),
    Tried(1, {"p": 2, "d": 0}, (0.9,), 1.0, stopped=True),
    Tried(2, {"p": 3, "d": 1}, (), 1.0, failure="cannot be fitted"),
)


def test_trials_are_child_runs_that_say_how_they_ended(home: Path) -> None:
    tracker = Tracker(home)
    with SearchRun(tracker, "arima", {"method": "random"}, "digest") as run:
        for tried in TRIALS:
            run.trial(tried)
        run.outcome({"best_loss": 0.6}, {"search.png": b"png"})
    client = tracker.client
    parent = client.get_run(run.run_id)
    assert parent.info.status == "FINISHED"
    assert parent.data.params == {"method": "random"}
    assert parent.data.metrics == {"best_loss": 0.6}
    assert [file.path for file in client.list_artifacts(run.run_id)] == ["search.png"]
    found = client.search_runs([tracker.experiment], f"tags.`mlflow.parentRunId` = '{run.run_id}'")
    by_name = {child.info.run_name: child for child in found}
    judged, stopped, failed = (by_name[f"arima trial {number}"] for number in range(3))
    assert judged.data.params == {"p": "1", "d": "0"}
    assert judged.data.metrics["loss"] == pytest.approx(0.6)
    losses = client.get_metric_history(judged.info.run_id, "fold_loss")
    assert [one.value for one in sorted(losses, key=lambda one: one.step)] == [0.5, 0.7]
    assert (judged.info.status, stopped.info.status) == ("FINISHED", "KILLED")
    assert failed.info.status == "FAILED"
    assert failed.data.tags["failure"] == "cannot be fitted"


@pytest.mark.parametrize(
    ("error", "status"), [(KeyboardInterrupt, "KILLED"), (ValueError, "FAILED")]
)
def test_a_search_that_was_broken_off_says_so(
    home: Path, error: type[BaseException], status: str
) -> None:
    tracker = Tracker(home)
    with pytest.raises(error), SearchRun(tracker, "arima", {}, "digest") as run:
        raise error
    assert tracker.client.get_run(run.run_id).info.status == status
