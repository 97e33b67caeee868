"""MLflow on SQLite under one folder, no server and no autologging.

Each family is a registered model `forecast-<family>`; the alias `champion` is on the version that
answers forecasts, `challenger` on the next best, each on no version of another family. Importing
this module does not import MLflow (1 s); the first call of a `Tracker` does.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from forecast_platform.tracking.artifacts import artifacts_address, artifacts_environment
from forecast_platform.tracking.provenance import (
    code_digest,
    installed_packages,
    packages_digest,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel

    from forecast_platform.storage import Storage

EXPERIMENT = "forecast-platform"
CHAMPION, CHALLENGER = "champion", "challenger"
REQUIREMENTS = "requirements.txt"
DATASET = "features"
_PREFIX = "forecast-"
_EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}
"""So that MLflow's pages show runs and models, not chats."""

_VERSION_TAG = "model_version"
_FINGERPRINT_TAG = "fingerprint"
PARENT_TAG = "mlflow.parentRunId"
SOURCE_TAGS = {"mlflow.source.type": "LOCAL", "mlflow.source.name": "forecast-platform"}


@dataclass(frozen=True)
class Training:
    """What is recorded of one training.

    Attributes:
        family: Model family.
        cutoff: Last day of data the model was trained on.
        artifacts: Folder of the saved model, copied into the store.
        params: Settings that shaped the model.
        metrics: Scores by name.
        dataset: Digest of the training data.
        source: Where the training data lie.
        tags: Anything else worth finding a run by.
        folds: Scores by name of each fold, such as a rolling origin; each becomes a child run.
        pictures: PNG by name, shown with the run.
        beside: Folder of the artifacts that is kept with the model but says nothing about it.
    """

    family: str
    cutoff: dt.date
    artifacts: Path
    params: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    dataset: str = ""
    source: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    folds: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    pictures: Mapping[str, bytes] = field(default_factory=dict)
    beside: str = ""

    @property
    def fingerprint(self) -> str:
        """SHA-256 of model, data, settings and scores: equal ones are one run and one version."""
        digest = hashlib.sha256()
        shape = [self.family, str(self.cutoff), self.dataset, _texts(self.params)]
        digest.update(json.dumps([*shape, dict(sorted(self.metrics.items()))]).encode())
        for path in sorted(p for p in self.artifacts.rglob("*") if p.is_file()):
            inside = path.relative_to(self.artifacts)
            if inside.parts[0] != self.beside:
                digest.update(inside.as_posix().encode())
                digest.update(path.read_bytes())
        return digest.hexdigest()


class Tracker:
    """Runs and versions, made on first use.

    Args:
        home: Folder of the artifacts.
        address: SQLAlchemy address of the store; SQLite under `home` if none.
        storage: Object storage that takes the artifacts in place of the folder.
    """

    def __init__(
        self, home: Path, address: str | None = None, storage: Storage | None = None
    ) -> None:
        self.home = home
        self.storage = storage
        self.uri = address or f"sqlite:///{home / 'mlflow.db'}"

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
                self.client.delete_run(child.info.run_id)
            self.client.delete_run(run.info.run_id)
        return self._log(training)

    def explain(self, family: str, version: str, reason: str) -> None:
        """Say with a version why it is or is not the champion."""
        self.client.update_model_version(_PREFIX + family, version, reason)

    def promote(self, family: str, version: str, challenger: tuple[str, str] | None = None) -> None:
        """Make that version the champion, and no version of another family.

        Args:
            family: Its family.
            version: The version.
            challenger: (family, version) of the next best, if there is one.
        """
        self._hand(CHAMPION, (family, version))
        self._hand(CHALLENGER, challenger)

    def champion(self) -> tuple[str, str] | None:
        """(family, version) of the champion, or None before the first promotion."""
        return self._holder(CHAMPION)

    def challenger(self) -> tuple[str, str] | None:
        """(family, version) of the challenger, or None where only one family is trained."""
        return self._holder(CHALLENGER)

    def _hand(self, alias: str, holder: tuple[str, str] | None) -> None:
        before = self._holder(alias)
        if before and (holder is None or holder[0] != before[0]):
            self.client.delete_registered_model_alias(_PREFIX + before[0], alias)
        if holder:
            self.client.set_registered_model_alias(_PREFIX + holder[0], alias, holder[1])

    def _holder(self, alias: str) -> tuple[str, str] | None:
        for model in self.client.search_registered_models():
            if alias in model.aliases:
                return model.name.removeprefix(_PREFIX), str(model.aliases[alias])
        return None

    def _log(self, training: Training) -> tuple[str, str]:
        from mlflow.entities import Metric, Param, RunTag

        client = self.client
        run = client.create_run(
            self.experiment,
            tags={
                "family": training.family, "cutoff": str(training.cutoff), "code": code_digest(),
                "packages": packages_digest(), **SOURCE_TAGS, **training.tags,
            },
            run_name=f"{training.family} {training.cutoff}",
        )  # fmt: skip
        run_id, now = run.info.run_id, run.info.start_time
        model = self._log_model(training, run_id)
        data = training.dataset
        of = {"dataset_name": DATASET, "dataset_digest": data} if data else {}
        self.log_dataset(run_id, data, training.source)
        client.log_batch(
            run_id,
            metrics=[
                Metric(key, value, now, 0, model_id=model.model_id, run_id=run_id, **of)
                for key, value in training.metrics.items()
            ],
            params=[Param(key, value) for key, value in _texts(training.params).items()],
            tags=[RunTag("dataset", data)],
        )
        self._log_folds(training, run_id)
        self.log_bytes(run_id, REQUIREMENTS, installed_packages().encode())
        for name, picture in training.pictures.items():
            self.log_bytes(run_id, f"{name}.png", picture)
        version = self._register(training, run_id, model)
        # The version's tag comes last: a run without it was broken off.
        client.log_batch(
            run_id,
            tags=[RunTag(_FINGERPRINT_TAG, training.fingerprint), RunTag(_VERSION_TAG, version)],
        )
        client.set_terminated(run_id)
        return run_id, version

    def _log_model(self, training: Training, run_id: str) -> LoggedModel:
        """Copy the model into the store."""
        from mlflow.entities import LoggedModelOutput

        client = self.client
        model = client.create_logged_model(
            self.experiment,
            name=f"{training.family}-{training.cutoff}",
            source_run_id=run_id,
            params=_texts(training.params),
        )
        client.log_model_artifacts(model.model_id, str(training.artifacts))
        client.finalize_logged_model(model.model_id, "READY")
        client.log_outputs(run_id, [LoggedModelOutput(model.model_id, 0)])
        return model

    def _log_folds(self, training: Training, run_id: str) -> None:
        from mlflow.entities import Metric

        for fold, scores in training.folds.items():
            child = self.client.create_run(
                self.experiment,
                tags={PARENT_TAG: run_id, "fold": fold, **SOURCE_TAGS},
                run_name=f"{training.family} {training.cutoff} from {fold}",
            ).info
            metrics = [Metric(key, value, child.start_time, 0) for key, value in scores.items()]
            self.client.log_batch(child.run_id, metrics)
            self.client.set_terminated(child.run_id)

    def _register(self, training: Training, run_id: str, model: LoggedModel) -> str:
        name = _PREFIX + training.family
        self._ensure_registered(name)
        # By its place: a source `models:/<id>` is looked up in the process's default store.
        version = self.client.create_model_version(
            name, source=model.artifact_location, run_id=run_id, model_id=model.model_id
        )
        linked = [{"name": name, "version": str(version.version)}]
        self.client.set_logged_model_tags(
            model.model_id, {"mlflow.modelVersions": json.dumps(linked)}
        )
        return str(version.version)

    def log_dataset(self, run_id: str, digest: str, source: str) -> None:
        """Say what data a run rests on; nothing where there is no digest."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        if digest:
            dataset = Dataset(DATASET, digest, "local", json.dumps({"uri": source}))
            context = InputTag("mlflow.data.context", "training")
            self.client.log_inputs(run_id, [DatasetInput(dataset, [context])])

    def log_bytes(self, run_id: str, name: str, content: bytes) -> None:
        """Add a file to a run, or replace it."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            path.write_bytes(content)
            self.client.log_artifact(run_id, str(path))

    def _runs(self, family: str, cutoff: dt.date) -> list[Any]:
        return list(
            self.client.search_runs(
                [self.experiment], f"tags.family = '{family}' and tags.cutoff = '{cutoff}'"
            )
        )

    def _children(self, run_id: str) -> list[Any]:
        parent = f"tags.`{PARENT_TAG}` = '{run_id}'"
        return list(self.client.search_runs([self.experiment], parent))

    def _ensure_registered(self, name: str) -> None:
        from mlflow.exceptions import MlflowException

        try:
            self.client.get_registered_model(name)
        except MlflowException:
            self.client.create_registered_model(name)

    @cached_property
    def client(self) -> MlflowClient:
        """MLflow's client of this store, which is made if there is none."""
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        from mlflow import MlflowClient

        os.environ |= artifacts_environment(self.storage)
        self.home.mkdir(parents=True, exist_ok=True)
        # Two processes that make the database at once leave it half made.
        with FileLock(self.home / "mlflow.lock"):
            client = MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)
            if client.get_experiment_by_name(EXPERIMENT) is None:
                client.create_experiment(EXPERIMENT, self._artifacts(), tags=_EXPERIMENT_TAGS)
            client.search_registered_models(max_results=1)
        return client

    def _artifacts(self) -> str:
        if self.storage:
            return artifacts_address(self.storage)
        return (self.home / "artifacts").as_uri()

    @cached_property
    def experiment(self) -> str:
        """Id of the experiment that all runs are of."""
        (experiment,) = self.client.search_experiments(filter_string=f"name = '{EXPERIMENT}'")
        return str(experiment.experiment_id)


def _texts(params: Mapping[str, Any]) -> dict[str, str]:
    return {key: str(value) for key, value in sorted(params.items())}
