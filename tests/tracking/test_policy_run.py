from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest

from forecast_platform.tracking import Tracker
from forecast_platform.tracking.policy_run import CHECKPOINT, PolicyRun, log_policy


@pytest.fixture
def learned(tmp_path: Path) -> PolicyRun:
    (tmp_path / "policy").mkdir()
    (tmp_path / "policy" / "orders.npy").write_bytes(b"orders")
    return PolicyRun(
        name="class A, lead time 2",
        cutoff=dt.date(2024, 3, 3),
        params={"method": "Q-learning"},
        metrics={"cost": 4.5, "gap": 0.01},
        curve=[(100, {"curve_cost": 5.0}), (200, {"curve_cost": 4.5})],
        checkpoint=tmp_path / "policy",
        pictures={"curve": b"png"},
    )


def test_a_learned_policy_is_a_run_with_curve_checkpoint_and_picture(
    home: Path, learned: PolicyRun, tmp_path: Path
) -> None:
    tracker = Tracker(home)
    client, run_id = tracker.client, log_policy(tracker, learned)
    run = client.get_run(run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params == {"method": "Q-learning"}
    assert (run.data.metrics["cost"], run.data.metrics["gap"]) == (4.5, 0.01)
    history = client.get_metric_history(run_id, "curve_cost")
    assert {one.step: one.value for one in history} == {100: 5.0, 200: 4.5}
    assert {file.path for file in client.list_artifacts(run_id)} == {CHECKPOINT, "curve.png"}
    folder = Path(client.download_artifacts(run_id, CHECKPOINT, str(tmp_path)))
    assert (folder / "orders.npy").read_bytes() == b"orders"


def test_the_same_policy_again_is_the_same_run_and_another_replaces_it(
    home: Path, learned: PolicyRun
) -> None:
    tracker = Tracker(home)
    learned = replace(learned, name="again")
    first = log_policy(tracker, learned)
    assert log_policy(tracker, learned) == first
    changed = log_policy(tracker, replace(learned, metrics={"cost": 4.4}))
    (kept,) = tracker.client.search_runs([tracker.experiment], "tags.learned_policy = 'again'")
    assert kept.info.run_id == changed != first
    later = replace(learned, cutoff=dt.date(2024, 3, 10))
    assert log_policy(tracker, later) not in (first, changed)
    assert tracker.client.get_run(changed).info.lifecycle_stage == "active"
