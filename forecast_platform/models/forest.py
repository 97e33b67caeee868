"""A single regression tree and a random forest (scikit-learn), kept as plain arrays.

Breiman et al. (1984), "Classification and Regression Trees"; Breiman (2001), "Random Forests". Only
training needs scikit-learn: a saved forest is five arrays, walked by a small kernel here.
"""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestRegressor  # noqa: TID253 - on first use of a forest
from sklearn.tree import DecisionTreeRegressor  # noqa: TID253

from forecast_platform.models.base import Floats, Progress
from forecast_platform.models.regression import RatioRegression, ahead_of, training_rows
from forecast_platform.models.tree_features import Index, Inputs

if TYPE_CHECKING:
    from forecast_platform.panel import Panel

UNKNOWN = -2.0
"""Stands for NaN: below every known value of demand, shares and codes."""

Nodes = dict[str, NDArray[Any]]


class _Trees(RatioRegression):
    """Trees as arrays: what the two families share."""

    def __init__(self, workers: int = 1) -> None:
        super().__init__(workers)
        self._nodes: Nodes = {}

    @abstractmethod
    def _estimator(self, rows: int, seed: int) -> Any:
        """A scikit-learn estimator for so many rows."""

    def _learn(
        self, panel: Panel, seed: int, share: float, progress: Progress | None = None
    ) -> None:
        rows, demand = training_rows(Inputs(panel, self._schema), seed, int(share * self.most_rows))
        estimator = self._estimator(len(demand), seed)
        values = np.nan_to_num(rows.values, nan=UNKNOWN)
        estimator.fit(values, demand / rows.level, sample_weight=self._weights(rows))
        self._nodes = nodes_of(
            [tree.tree_ for tree in getattr(estimator, "estimators_", [estimator])]
        )

    def _means(self, panel: Panel, column: int, series: Index, horizon: int) -> Floats:
        rows = ahead_of(Inputs(panel, self._schema), column, series, horizon)
        ratio = walked(np.nan_to_num(rows.values, nan=UNKNOWN), **self._nodes)
        return (rows.level * ratio).reshape(len(series), horizon)

    def _save_model(self, folder: Path) -> None:
        np.savez_compressed(folder / "trees.npz", **self._nodes)  # type: ignore[arg-type]

    def _load_model(self, folder: Path) -> None:
        with np.load(folder / "trees.npz") as arrays:
            self._nodes = dict(arrays)


class DecisionTree(_Trees):
    """One regression tree."""

    name = "decision_tree"
    most_rows = 150_000

    def _estimator(self, rows: int, seed: int) -> Any:
        return DecisionTreeRegressor(min_samples_leaf=max(rows // 300, 20), random_state=seed)


class RandomForest(_Trees):
    """Trees on random parts of rows and inputs, averaged.

    Args:
        workers: Threads.
        trees: How many.
        max_features: Share of the inputs that a split is chosen from.
        max_samples: Share of the rows that a tree sees.
    """

    name = "random_forest"
    most_rows = 150_000

    def __init__(
        self,
        workers: int = 1,
        trees: int = 40,
        max_features: float = 0.4,
        max_samples: float = 0.3,
    ) -> None:
        super().__init__(workers)
        self.trees, self.max_features, self.max_samples = trees, max_features, max_samples

    def _estimator(self, rows: int, seed: int) -> Any:
        return RandomForestRegressor(
            n_estimators=self.trees,
            max_samples=self.max_samples,
            max_features=self.max_features,
            min_samples_leaf=int(np.clip(rows // 5000, 5, 30)),
            n_jobs=self.workers,
            random_state=seed,
        )


def nodes_of(trees: list[Any]) -> Nodes:
    """Scikit-learn's trees one behind the other; children count from the start of all nodes."""
    counts = np.array([tree.node_count for tree in trees])
    roots = np.concatenate([[0], np.cumsum(counts)[:-1]])

    def joined(name: str, dtype: type) -> NDArray[Any]:
        return np.concatenate([np.ravel(getattr(tree, name)) for tree in trees]).astype(dtype)

    start = np.repeat(roots, counts)
    leaf = joined("feature", np.int32) < 0
    return {
        "roots": roots.astype(np.int32),
        "left": np.where(leaf, -1, joined("children_left", np.int64) + start).astype(np.int32),
        "right": np.where(leaf, -1, joined("children_right", np.int64) + start).astype(np.int32),
        "feature": joined("feature", np.int32),
        "threshold": joined("threshold", np.float64),
        "value": joined("value", np.float64),
    }


@njit(cache=True)
def walked(
    values: NDArray[np.float32],
    roots: NDArray[np.int32],
    left: NDArray[np.int32],
    right: NDArray[np.int32],
    feature: NDArray[np.int32],
    threshold: NDArray[np.float64],
    value: NDArray[np.float64],
) -> NDArray[np.float64]:
    """(B,) mean over the trees of the leaf that each row (B, F) falls into."""
    out = np.zeros(len(values))
    for row in range(len(values)):
        for root in roots:
            node = root
            while left[node] >= 0:
                inside = values[row, feature[node]] <= threshold[node]
                node = left[node] if inside else right[node]
            out[row] += value[node]
    return out / len(roots)
