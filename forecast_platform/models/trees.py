"""LightGBM over all series: direct, recursive, and the mean of both.

Tweedie loss on units, the logarithm of the series' level as offset: without any tree the model says
the level, and trees learn how demand departs from it. Ke et al. (2017), "LightGBM"; direct and
recursive models averaged as the winner of the M5 accuracy competition did (Makridakis,
Spiliotis and Assimakopoulos 2022).
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lightgbm
import numpy as np
from numpy.typing import NDArray

from forecast_platform.errors import ModelError
from forecast_platform.models.base import Floats, Progress
from forecast_platform.models.boosted import Boosted, threads_of
from forecast_platform.models.drivers import LEVEL, Parts, grouped
from forecast_platform.models.regression import PooledRegression, ahead_of, training_rows
from forecast_platform.models.tree_features import (
    DIRECT,
    HORIZON,
    ONE_DAY,
    Index,
    Inputs,
    Rows,
)

if TYPE_CHECKING:
    from forecast_platform.panel import Panel

ALL = "*"
"""The pool of all series."""

STRATEGIES = {"direct": ("direct",), "recursive": ("recursive",), "both": ("direct", "recursive")}


@dataclass(frozen=True)
class Boosting:
    """What LightGBM calls so: its own names and meanings."""

    tweedie_variance_power: float = 1.2
    learning_rate: float = 0.03
    num_leaves: int = 63
    feature_fraction: float = 0.6
    bagging_fraction: float = 0.7
    max_bin: int = 127
    lambda_l2: float = 1.0
    cat_smooth: float = 50


BOOSTING = Boosting()
PARAMETERS: dict[str, Any] = {
    "objective": "tweedie",
    "bagging_freq": 1,
    "verbosity": -1,
    "deterministic": True,
    "force_row_wise": True,
}
TREES, FEWEST_TREES = 400, 60
FULL_ROWS = 300_000
"""With fewer rows there are fewer trees, by the root of their share."""

WEIGHT_EXPONENT = -0.2
"""Rows count level ** this on top of what the Tweedie loss gives them, which is about level ** 0.8;
so neither fast nor slow sellers decide alone."""


class LightGbm(PooledRegression):
    """Boosted trees on the rows of all series.

    Args:
        workers: Threads.
        strategy: 'direct' (one model for all days ahead), 'recursive' (one day ahead, rolled
            forward on its own means) or 'both', the mean of the two.
        pool_by: Attribute of the panel (`location_id`, `category`) each value of which has a model
            of its own; by default one model for all. Values not seen in training are answered by
            the model for all.
        trees: Trees of a model that has `FULL_ROWS` rows or more.
        most_rows: Rows drawn for a model.
        boosting: How trees are grown.
    """

    name = "lightgbm"

    def __init__(
        self,
        workers: int = 1,
        strategy: str = "both",
        pool_by: str = "",
        trees: int = TREES,
        most_rows: int = 400_000,
        boosting: Boosting = BOOSTING,
    ) -> None:
        super().__init__(workers)
        if strategy not in STRATEGIES:
            raise ModelError(
                f"lightgbm has no strategy {strategy!r}: choose from {', '.join(STRATEGIES)}."
            )
        self.strategy, self.pool_by = strategy, pool_by
        self.trees, self.most_rows, self.boosting = trees, most_rows, boosting
        self._boosters: dict[str, dict[str, Boosted]] = {}

    def _drivers(self, panel: Panel, origin: dt.date, horizon: int) -> Parts:
        """TreeSHAP in units: Lundberg et al. (2020), "From local explanations to global
        understanding with explainable AI for trees".

        The trees say log(mean) = log(level) + base + the sum of the inputs' SHAP values. The driver
        "level" is level * exp(base), what they say of a typical row at the series' level, and the
        rest of the mean goes to the inputs in proportion to their SHAP values: (mean - typical) /
        log(mean / typical) units each, the logarithmic mean Divisia index (Ang 2005), which leaves
        nothing over. Costs far more than the forecast itself.
        """  # noqa: D205
        series = np.arange(panel.n_series)
        if not self._boosters:
            return {LEVEL: np.full(len(series), np.nan)}
        total: Parts = {}
        for pool, part in self._pools(panel, series):
            for kind, boosted in self._boosters[pool].items():
                share = 1 / (len(self._boosters[pool]) * horizon)
                for names, units in self._units(boosted, kind, panel, origin, part, horizon):
                    for driver, values in grouped(names, units).items():
                        held = total.setdefault(driver, np.zeros(len(series)))
                        held[part] += share * values
        return total

    def _units(
        self,
        boosted: Boosted,
        kind: str,
        panel: Panel,
        origin: dt.date,
        series: Index,
        horizon: int,
    ) -> Iterator[tuple[list[str], NDArray[np.float64]]]:
        """Inputs and their shares (B, F + 1) in units: sums over the horizon, or its days."""
        names = [*self._inputs(panel, kind).names, LEVEL]
        column = panel.column_of(origin)
        if kind == "direct":
            rows = ahead_of(self._inputs(panel, kind), column, series, horizon)
            units = _in_units(boosted.booster, rows, self.workers)
            yield names, units.reshape(len(series), horizon, -1).sum(axis=1)
            return
        for rows, _ in self._rolled(boosted, panel, column, series, horizon):
            yield names, _in_units(boosted.booster, rows, self.workers)

    def _learn(
        self, panel: Panel, seed: int, share: float, progress: Progress | None = None
    ) -> None:
        pools = {ALL: np.ones(panel.n_series, dtype=np.bool_)}
        if self.pool_by:
            values = _attribute(panel, self.pool_by)
            pools |= {str(value): values == value for value in np.unique(values)}
        self._boosters = {
            pool: {
                kind: self._boost(panel.select(of), kind, seed, share * of.mean(), progress)
                for kind in STRATEGIES[self.strategy]
            }
            for pool, of in pools.items()
            if not np.isnan(panel.demand[of]).all()
        }

    def _boost(
        self, panel: Panel, kind: str, seed: int, share: float, progress: Progress | None
    ) -> Boosted:
        inputs = self._inputs(panel, kind)
        horizon = HORIZON if kind == "direct" else 1
        rows, demand = training_rows(inputs, seed, int(share * self.most_rows), horizon)
        data = lightgbm.Dataset(
            rows.values,
            demand,
            weight=rows.level**WEIGHT_EXPONENT,
            init_score=np.log(rows.level),
            feature_name=inputs.names,
            categorical_feature=inputs.categorical,
        )
        full = min(1.0, len(demand) / FULL_ROWS)
        trees = max(int(self.trees * full**0.5), FEWEST_TREES)
        leaf = int(np.clip(len(demand) // 1000, 20, 200))
        told = [] if progress is None else [_teller(progress, trees)]
        parameters = {
            **PARAMETERS, **asdict(self.boosting), "min_data_in_leaf": leaf, "seed": seed,
            "num_threads": threads_of(self.workers),
        }  # fmt: skip
        return Boosted(lightgbm.train(parameters, data, trees, callbacks=told))

    def _inputs(self, panel: Panel, kind: str) -> Inputs:
        return Inputs(panel, self._schema, DIRECT if kind == "direct" else ONE_DAY)

    def _pools(self, panel: Panel, series: Index) -> Iterator[tuple[str, Index]]:
        """The series that each pool's models answer for."""
        values = np.full(len(series), ALL, dtype=object)
        if self.pool_by:
            values = _attribute(panel, self.pool_by)[series]
            values[[value not in self._boosters for value in values]] = ALL
        for pool in np.unique(values):
            yield pool, series[values == pool]

    def _means(self, panel: Panel, column: int, series: Index, horizon: int) -> Floats:
        ways = {"direct": self._direct, "recursive": self._recursive}
        mean = np.empty((panel.n_series, horizon))
        for pool, part in self._pools(panel, series):
            answers = [
                ways[kind](boosted, panel, column, part, horizon)
                for kind, boosted in self._boosters[pool].items()
            ]
            mean[part] = np.mean(answers, axis=0)
        return mean[series]

    def _direct(
        self, boosted: Boosted, panel: Panel, column: int, series: Index, horizon: int
    ) -> Floats:
        rows = ahead_of(self._inputs(panel, "direct"), column, series, horizon)
        return self._answer(boosted, rows).reshape(len(series), horizon)

    def _recursive(
        self, boosted: Boosted, panel: Panel, column: int, series: Index, horizon: int
    ) -> Floats:
        days = self._rolled(boosted, panel, column, series, horizon)
        return np.stack([mean for _, mean in days], axis=1)

    def _rolled(
        self, boosted: Boosted, panel: Panel, column: int, series: Index, horizon: int
    ) -> Iterator[tuple[Rows, Floats]]:
        """Rows and means of one day after the other, each resting on the means before it."""
        inputs = self._inputs(panel.select(series), "recursive")
        rolled = np.full((len(series), column + 1 + horizon), np.nan, dtype=np.float32)
        rolled[:, : column + 1] = inputs.panel.demand[:, : column + 1]
        everyone, one = np.arange(len(series)), np.ones(len(series), dtype=np.intp)
        for step in range(horizon):
            at = np.full(len(series), column + step)
            rows = inputs.rows(everyone, at, one, rolled, step)
            rolled[:, column + 1 + step] = self._answer(boosted, rows)
            yield rows, rolled[:, column + 1 + step]

    def _answer(self, boosted: Boosted, rows: Rows) -> NDArray[np.float64]:
        """(B,) means, units per day."""
        raw = boosted.raw(rows.values, self.workers)
        return np.asarray(rows.level * np.exp(raw))

    def _save_model(self, folder: Path) -> None:
        text = {
            pool: {kind: boosted.booster.model_to_string() for kind, boosted in kinds.items()}
            for pool, kinds in self._boosters.items()
        }
        about = {"strategy": self.strategy, "pool_by": self.pool_by, "boosters": text}
        (folder / "boosters.json").write_text(json.dumps(about))

    def _load_model(self, folder: Path) -> None:
        about = json.loads((folder / "boosters.json").read_text())
        self.strategy, self.pool_by = about["strategy"], about["pool_by"]
        self._boosters = {
            pool: {kind: Boosted(lightgbm.Booster(model_str=text)) for kind, text in kinds.items()}
            for pool, kinds in about["boosters"].items()
        }


def _in_units(booster: lightgbm.Booster, rows: Rows, workers: int) -> NDArray[np.float64]:
    """(B, F + 1) shares of the inputs in the means, and what the trees say of a typical row."""
    threads = threads_of(workers)
    shares = np.array(booster.predict(rows.values, pred_contrib=True, num_threads=threads))
    moved = shares[:, :-1].sum(axis=1)
    typical = rows.level * np.exp(shares[:, -1])
    # (exp(x) - 1) / x, 1 at 0
    per_log = typical * np.divide(np.expm1(moved), moved, np.ones_like(moved), where=moved != 0)
    return np.column_stack([shares[:, :-1] * per_log[:, None], typical])


def _attribute(panel: Panel, name: str) -> NDArray[np.object_]:
    """(N,) values of an attribute, as text."""
    columns = {**panel.static, "location_id": panel.locations}
    if name not in columns:
        raise ModelError(
            f"lightgbm cannot pool by {name!r}, which the panel lacks: choose from "
            f"{', '.join(sorted(columns))}."
        )
    return columns[name].astype(str).astype(object)


def _teller(progress: Progress, trees: int) -> Callable[[lightgbm.callback.CallbackEnv], None]:
    def tell(state: lightgbm.callback.CallbackEnv) -> None:
        done = state.iteration + 1
        if done % 50 == 0 or done == trees:
            progress(done, done / trees)

    return tell
