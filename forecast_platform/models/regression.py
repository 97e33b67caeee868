"""Regressions over the rows of all series: what ridge, trees and boosting share.

A model learns the ratio of demand to its series' level at the origin. The spread around its mean is
learnt from forecasts of the last weeks by a smaller model that has not seen them.
"""

from __future__ import annotations

import datetime as dt
import json
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from forecast_platform.contracts import QUANTILES
from forecast_platform.models.base import (
    NOT_TRAINED,
    Floats,
    Progress,
    Reasons,
    WindowForecaster,
    are_counts,
    on_offer,
    one_blas_thread,
)
from forecast_platform.models.seasonal_naive import SeasonalNaive, lag_one
from forecast_platform.models.spread import Spread, fit_spread, quantiles_around
from forecast_platform.models.tree_features import (
    CONTEXT,
    HORIZON,
    Index,
    Inputs,
    Rows,
    Schema,
)

if TYPE_CHECKING:
    from forecast_platform.panel import Panel

MIN_DAYS = 70
HELD_OUT = (28, 42, 56)
"""Days before the cutoff of the origins that the spread is learnt from."""

HELD_OUT_SHARE = 0.3
"""Size of the model that forecasts them, of the final model's."""

TRAINING_DAYS = 730

SPREAD_EXPONENT = 1.3
"""Squared errors of level m count over m to this power, so that neither fast nor slow sellers
decide alone."""

NOISE = 0.2
"""Level, of a typical series', below which squared errors no longer count for more."""


class PooledRegression(WindowForecaster):
    """One regression over all series, direct for every day of the horizon.

    On a history too short to learn from, the seasonal naive answers for every series.
    """

    context_days = CONTEXT
    most_rows: int = 300_000

    def __init__(self, workers: int = 1) -> None:
        super().__init__()
        self.workers = workers
        self.effort = 1.0
        self._schema = Schema([], [], [], {}, 1.0)
        self._unlearnable: str | None = None
        self._fallback = SeasonalNaive()
        self._spread = Spread(np.zeros(0))
        self._counts: NDArray[np.bool_] = np.zeros(0, dtype=np.bool_)

    @property
    def _knows_alike(self) -> bool:
        return self._unlearnable is None

    @abstractmethod
    def _learn(
        self, panel: Panel, seed: int, share: float, progress: Progress | None = None
    ) -> None:
        """Learn from the whole panel a model of `share` of the full size."""

    @abstractmethod
    def _means(self, panel: Panel, column: int, series: Index, horizon: int) -> Floats:
        """(B, H) means of those series from the origin in that column, units per day."""

    @abstractmethod
    def _save_model(self, folder: Path) -> None: ...

    @abstractmethod
    def _load_model(self, folder: Path) -> None: ...

    def _fit(self, panel: Panel, seed: int, progress: Progress | None) -> None:
        self._fallback.fit(panel, seed=seed)
        self._schema = Schema.of(panel)
        self._unlearnable = None
        if panel.n_days < MIN_DAYS:
            self._unlearnable = f"{panel.n_days} days of history, at least {MIN_DAYS} are needed"
        elif np.isnan(panel.demand[:, -MIN_DAYS:]).all():
            self._unlearnable = "no known demand to learn from"
        if self._unlearnable:
            self.autocorrelation = self._fallback.autocorrelation
            return
        with one_blas_thread():
            self._learn_spread(panel, seed)
            self._learn(panel, seed, self.effort, progress)

    def _learn_spread(self, panel: Panel, seed: int) -> None:
        back = [days for days in HELD_OUT if panel.n_days - days >= MIN_DAYS - 28]
        first = panel.n_days - 1 - max(back)
        self._learn(panel.until(panel.days[first].item()), seed, HELD_OUT_SHARE * self.effort)
        everyone = np.arange(panel.n_series)
        columns = [panel.n_days - 1 - days for days in back]
        mean = np.hstack([self._means(panel, at, everyone, HORIZON) for at in columns])
        actual = np.hstack([panel.demand[:, at + 1 : at + 1 + HORIZON] for at in columns])
        self._spread = fit_spread(mean, actual)
        self._counts = are_counts(panel.demand)
        width = np.sqrt(self._spread.variance(mean, everyone))
        errors = np.clip((actual - mean) / np.maximum(width, 1e-9), -3, 3)
        self.autocorrelation = lag_one(errors)

    def _predict(
        self, panel: Panel, origins: Sequence[dt.date], horizon: int
    ) -> tuple[Floats, Floats, Reasons]:
        if self._unlearnable:
            mean, quantiles, reasons = self._fallback._predict(panel, origins, horizon)
            reasons[:] = self._unlearnable
            return mean, quantiles, reasons
        rows = self.rows_of(panel)
        counts = np.full(len(rows), bool(self._counts.mean() >= 0.5))
        counts[rows >= 0] = self._counts[rows[rows >= 0]]
        mean = np.zeros((len(origins), panel.n_series, horizon), dtype=np.float32)
        quantiles = np.zeros((*mean.shape, len(QUANTILES)), dtype=np.float32)
        for at, (origin, wanted) in enumerate(zip(origins, on_offer(panel, origins), strict=True)):
            series = np.flatnonzero(wanted)
            if not len(series):
                continue
            mean[at, series] = self._means(panel, panel.column_of(origin), series, horizon)
            variance = self._spread.variance(mean[at, series], rows[series])
            quantiles[at, series] = quantiles_around(
                mean[at, series], variance, QUANTILES, counts=counts[series]
            )
        reasons = np.full(mean.shape[:2], None, dtype=object)
        reasons[:, rows < 0] = NOT_TRAINED
        return mean, quantiles, reasons

    def _save(self, folder: Path) -> None:
        about = {
            "schema": self._schema.to_dict(),
            "unlearnable": self._unlearnable,
            "pooled": self._spread.pooled,
            "exponent": self._spread.exponent,
        }
        (folder / "schema.json").write_text(json.dumps(about))
        np.savez(folder / "spread.npz", dispersion=self._spread.dispersion, counts=self._counts)
        self._fallback.save(folder / "fallback")
        if not self._unlearnable:
            self._save_model(folder)

    def _load(self, folder: Path) -> None:
        about = json.loads((folder / "schema.json").read_text())
        self._schema, self._unlearnable = Schema(**about["schema"]), about["unlearnable"]
        with np.load(folder / "spread.npz") as arrays:
            self._spread = Spread(arrays["dispersion"], about["pooled"], about["exponent"])
            self._counts = arrays["counts"]
        self._fallback.load(folder / "fallback")
        if not self._unlearnable:
            self._load_model(folder)


class RatioRegression(PooledRegression):
    """Learns demand over level by least squares."""

    def _weights(self, rows: Rows) -> NDArray[np.float64]:
        """(B,) such that a squared error in units counts relative to the spread of its level."""
        spread = (rows.level + NOISE * self._schema.typical) ** SPREAD_EXPONENT
        return np.asarray(rows.level**2 / spread)


def training_rows(
    inputs: Inputs, seed: int, most: int, horizon: int = HORIZON
) -> tuple[Rows, NDArray[np.float64]]:
    """Rows drawn from the whole panel, and their demand (B,)."""
    rng = np.random.default_rng(seed)
    parts = list(inputs.sample(rng, most, TRAINING_DAYS, horizon))
    rows, demand = zip(*parts, strict=True)
    values = np.concatenate([part.values for part in rows])
    return Rows(values, np.concatenate([part.level for part in rows])), np.concatenate(demand)


def ahead_of(inputs: Inputs, column: int, series: Index, horizon: int) -> Rows:
    """Rows (B * H,) of every day ahead of one origin, days of a series together."""
    count = len(series)
    return inputs.rows(
        np.repeat(series, horizon),
        np.full(count * horizon, column),
        np.tile(np.arange(1, horizon + 1), count),
    )
