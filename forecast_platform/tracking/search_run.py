"""A search of hyper-parameters as one MLflow run with a child run per trial."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any

from forecast_platform.tracking.client import PARENT_TAG, SOURCE_TAGS, Tracker
from forecast_platform.tracking.provenance import code_digest, packages_digest

if TYPE_CHECKING:
    from forecast_platform.forecasting.search import Tried

_STATUS = {"judged": "FINISHED", "stopped": "KILLED", "failed": "FAILED"}
_LONGEST_TAG = 5000


class SearchRun:
    """The run of one search, open inside a `with` block.

    Args:
        tracker: Where it is recorded.
        family: Model family searched.
        params: How it is searched.
        dataset: Digest of the data it is judged on.
        source: Where they lie.
    """

    def __init__(
        self,
        tracker: Tracker,
        family: str,
        params: Mapping[str, Any],
        dataset: str = "",
        source: str = "",
    ) -> None:
        self._tracker, self._family = tracker, family
        self._params, self._dataset, self._source = params, dataset, source
        self.run_id = ""

    def __enter__(self) -> SearchRun:
        """Open the run."""
        tags = {
            "search": self._family, "dataset": self._dataset, "code": code_digest(),
            "packages": packages_digest(),
        }  # fmt: skip
        self.run_id = self._run(f"search {self._family}", tags, self._params)
        self._tracker.log_dataset(self.run_id, self._dataset, self._source)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the run; one that was broken off says so."""
        if kind is None:
            status = "FINISHED"
        else:
            status = "FAILED" if issubclass(kind, Exception) else "KILLED"
        self._tracker.client.set_terminated(self.run_id, status)

    def trial(self, tried: Tried) -> None:
        """Record a trial: its settings, the loss of each fold, and how it ended."""
        tags = {PARENT_TAG: self.run_id, "outcome": tried.outcome}
        if tried.failure:
            tags["failure"] = tried.failure[:_LONGEST_TAG]
        child = self._run(f"{self._family} trial {tried.number}", tags, tried.params)
        client = self._tracker.client
        for fold, loss in enumerate(tried.losses):
            client.log_metric(child, "fold_loss", loss, step=fold)
        if tried.loss is not None:
            client.log_metric(child, "loss", tried.loss)
        client.set_terminated(child, _STATUS[tried.outcome])

    def outcome(self, metrics: Mapping[str, float], files: Mapping[str, bytes]) -> None:
        """Record what was found: metrics and files by name."""
        for name, value in metrics.items():
            self._tracker.client.log_metric(self.run_id, name, value)
        for name, content in files.items():
            self._tracker.log_bytes(self.run_id, name, content)

    def _run(self, name: str, tags: Mapping[str, str], params: Mapping[str, Any]) -> str:
        from mlflow.entities import Param

        client = self._tracker.client
        run_id = client.create_run(
            self._tracker.experiment, tags={**SOURCE_TAGS, **tags}, run_name=name
        ).info.run_id
        client.log_batch(run_id, params=[Param(key, str(value)) for key, value in params.items()])
        return str(run_id)
