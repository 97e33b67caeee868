"""A learned replenishment policy as one MLflow run: curve by step, checkpoint, pictures."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forecast_platform.tracking.client import SOURCE_TAGS, Tracker
from forecast_platform.tracking.provenance import code_digest, packages_digest

CHECKPOINT = "checkpoint"
"""Folder of the policy among the artifacts."""
_NAME_TAG, _FINGERPRINT_TAG = "learned_policy", "fingerprint"


@dataclass(frozen=True)
class PolicyRun:
    """What is recorded of one learned policy.

    Attributes:
        name: What it is learned for; one run per name and cutoff is kept.
        cutoff: Last day of data it rests on.
        params: The problem and how it was learned.
        metrics: Figures by name.
        curve: (step, metrics by name) on the way.
        checkpoint: Folder of the saved policy, copied.
        pictures: PNG by name.
    """

    name: str
    cutoff: dt.date
    params: Mapping[str, Any]
    metrics: Mapping[str, float]
    curve: Sequence[tuple[int, Mapping[str, float]]]
    checkpoint: Path
    pictures: Mapping[str, bytes]

    @property
    def fingerprint(self) -> str:
        """SHA-256 of problem, figures, curve and policy: equal ones are one run."""
        told = [dict(self.params), dict(self.metrics), list(self.curve)]
        digest = hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode())
        for path in sorted(self.checkpoint.iterdir()):
            digest.update(path.name.encode() + path.read_bytes())
        return digest.hexdigest()


def log_policy(tracker: Tracker, learned: PolicyRun) -> str:
    """Record a learned policy; returns the run's id.

    An equal one of the same cutoff is recorded once; a changed one, and one that was broken off, is
    replaced.
    """
    from mlflow.entities import Metric, Param, RunTag

    client = tracker.client
    named = f"tags.{_NAME_TAG} = '{learned.name}' and tags.cutoff = '{learned.cutoff}'"
    for run in client.search_runs([tracker.experiment], named):
        if run.data.tags.get(_FINGERPRINT_TAG) == learned.fingerprint:
            return str(run.info.run_id)
        client.delete_run(run.info.run_id)
    tags = {
        _NAME_TAG: learned.name, "cutoff": str(learned.cutoff), "code": code_digest(),
        "packages": packages_digest(), **SOURCE_TAGS,
    }  # fmt: skip
    run = client.create_run(
        tracker.experiment, tags=tags, run_name=f"learned policy {learned.name} {learned.cutoff}"
    )
    run_id, now = str(run.info.run_id), run.info.start_time
    steps = [(0, learned.metrics), *learned.curve]
    client.log_batch(
        run_id,
        metrics=[
            Metric(key, value, now, step) for step, figures in steps
            for key, value in figures.items()
        ],
        params=[Param(key, str(value)) for key, value in learned.params.items()],
    )  # fmt: skip
    client.log_artifacts(run_id, str(learned.checkpoint), CHECKPOINT)
    for name, picture in learned.pictures.items():
        tracker.log_bytes(run_id, f"{name}.png", picture)
    # The fingerprint comes last: a run without it was broken off.
    client.log_batch(run_id, tags=[RunTag(_FINGERPRINT_TAG, learned.fingerprint)])
    client.set_terminated(run_id)
    return run_id
