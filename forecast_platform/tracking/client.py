"""MLflow on SQLite under one folder, no server and no autologging.

Each family is a registered model `forecast-<family>`; the alias `champion` is on the version that
answers forecasts, and on no version of another family. Importing this module does not import
MLflow (4 s); the first call of a `Tracker` does.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

if TYPE_CHECKING:
    from mlflow import MlflowClient

EXPERIMENT = "forecast-platform"
CHAMPION = "champion"
_PREFIX = "forecast-"
_VERSION_TAG = "model_version"
_FINGERPRINT_TAG = "fingerprint"
_PARENT_TAG = "mlflow.parentRunId"


@dataclass(frozen=True)
class Training:
    """What is recorded of one training.

    Attributes:
        family: Model family.
        cutoff: Last day of data the model was trained on.
        artifacts: Folder of the saved model, copied into the run.
        params: Settings that shaped the model.
        metrics: Scores by name.
        dataset: Digest of the training data.
        tags: Anything else worth finding a run by.
        folds: Scores by name of each fold, such as a rolling origin; each becomes a child run.
    """

    family: str
    cutoff: dt.date
    artifacts: Path
    params: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    dataset: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    folds: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of everything but the tags: equal trainings are one run and one version."""
        digest = hashlib.sha256()
        shape = [self.family, str(self.cutoff), self.dataset, _texts(self.params)]
        digest.update(json.dumps([*shape, dict(sorted(self.metrics.items()))]).encode())
        for path in sorted(p for p in self.artifacts.rglob("*") if p.is_file()):
            digest.update(path.relative_to(self.artifacts).as_posix().encode())
            digest.update(path.read_bytes())
        return digest.hexdigest()


class Tracker:
    """Runs and versions under `home` (`mlflow.db`, `artifacts/`), made on first use."""

    def __init__(self, home: Path) -> None:
        self.home = home

    @property
    def uri(self) -> str:
        """Address of the store, for `mlflow ui --backend-store-uri`."""
        return f"sqlite:///{self.home / 'mlflow.db'}"

    def log_training(self, training: Training) -> tuple[str, str]:
        """Record a training and register its version; returns (run id, version).

        An equal training of the same family and cutoff is recorded once. A changed one, and one
        that was broken off, is replaced: the old run is deleted, the old version stays, since rows
        of `forecasts` may name it.
        """
        for run in self._runs(training.family, training.cutoff):
            tags = run.data.tags
            if _VERSION_TAG in tags and tags.get(_FINGERPRINT_TAG) == training.fingerprint:
                return run.info.run_id, tags[_VERSION_TAG]
            for child in self._children(run.info.run_id):
                self._client.delete_run(child.info.run_id)
            self._client.delete_run(run.info.run_id)
        return self._log(training)

    def promote(self, family: str, version: str) -> None:
        """Make that version the champion, and no version of another family."""
        for model in self._client.search_registered_models():
            if CHAMPION in model.aliases and model.name != _PREFIX + family:
                self._client.delete_registered_model_alias(model.name, CHAMPION)
        self._client.set_registered_model_alias(_PREFIX + family, CHAMPION, version)

    def champion(self) -> tuple[str, str] | None:
        """(family, version) of the champion, or None before the first promotion."""
        for model in self._client.search_registered_models():
            if CHAMPION in model.aliases:
                return model.name.removeprefix(_PREFIX), str(model.aliases[CHAMPION])
        return None

    def _log(self, training: Training) -> tuple[str, str]:
        from mlflow.entities import Metric, Param, RunTag

        client, name = self._client, _PREFIX + training.family
        run = client.create_run(
            self._experiment,
            tags={"family": training.family, "cutoff": str(training.cutoff), **training.tags},
            run_name=f"{training.family} {training.cutoff}",
        )
        run_id, now = run.info.run_id, run.info.start_time
        client.log_batch(
            run_id,
            metrics=[Metric(key, value, now, 0) for key, value in training.metrics.items()],
            params=[Param(key, value) for key, value in _texts(training.params).items()],
            tags=[RunTag("dataset", training.dataset)],
        )
        for fold, scores in training.folds.items():
            child = client.create_run(
                self._experiment,
                tags={_PARENT_TAG: run_id, "fold": fold},
                run_name=f"{training.family} {training.cutoff} from {fold}",
            ).info.run_id
            client.log_batch(child, [Metric(key, value, now, 0) for key, value in scores.items()])
            client.set_terminated(child)
        client.log_artifacts(run_id, str(training.artifacts), "model")
        self._ensure_registered(name)
        version = client.create_model_version(
            name, source=f"{run.info.artifact_uri}/model", run_id=run_id
        ).version
        # The version's tag comes last: a run without it was broken off.
        client.log_batch(
            run_id,
            tags=[
                RunTag(_FINGERPRINT_TAG, training.fingerprint),
                RunTag(_VERSION_TAG, str(version)),
            ],
        )
        client.set_terminated(run_id)
        return run_id, str(version)

    def _runs(self, family: str, cutoff: dt.date) -> list[Any]:
        return list(
            self._client.search_runs(
                [self._experiment], f"tags.family = '{family}' and tags.cutoff = '{cutoff}'"
            )
        )

    def _children(self, run_id: str) -> list[Any]:
        parent = f"tags.`{_PARENT_TAG}` = '{run_id}'"
        return list(self._client.search_runs([self._experiment], parent))

    def _ensure_registered(self, name: str) -> None:
        from mlflow.exceptions import MlflowException

        try:
            self._client.get_registered_model(name)
        except MlflowException:
            self._client.create_registered_model(name)

    @cached_property
    def _client(self) -> MlflowClient:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        from mlflow import MlflowClient

        self.home.mkdir(parents=True, exist_ok=True)
        # Two processes that make the database at once leave it half made.
        with FileLock(self.home / "mlflow.lock"):
            client = MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)
            if client.get_experiment_by_name(EXPERIMENT) is None:
                client.create_experiment(EXPERIMENT, (self.home / "artifacts").as_uri())
            client.search_registered_models(max_results=1)
        return client

    @cached_property
    def _experiment(self) -> str:
        (experiment,) = self._client.search_experiments(filter_string=f"name = '{EXPERIMENT}'")
        return str(experiment.experiment_id)


def _texts(params: Mapping[str, Any]) -> dict[str, str]:
    return {key: str(value) for key, value in sorted(params.items())}
