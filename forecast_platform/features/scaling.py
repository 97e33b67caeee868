"""Scaling for models that need it, with statistics from training days only."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from forecast_platform.panel import FloatArray, Panel

MIN_STD = 1e-3
"""Below this a value counts as constant and is only centred."""


@dataclass(frozen=True)
class Scaler:
    """Demand as log1p, standardised per series; covariates standardised over all series.

    Attributes:
        items: (N,) items of the training series.
        locations: (N,) their locations.
        mean: (N + 1,) float32, mean of log1p(demand) over the training days; last the median over
            series, for a series without known demand in training.
        std: (N + 1,) float32, its standard deviation, 1 where demand was constant.
        covariates: By name the mean and standard deviation over all series and training days;
            unknown values become the mean.
    """

    items: NDArray[np.object_]
    locations: NDArray[np.object_]
    mean: FloatArray
    std: FloatArray
    covariates: Mapping[str, tuple[float, float]]

    @classmethod
    def fit(cls, panel: Panel, cutoff: dt.date | None = None) -> Scaler:
        """Take the statistics of the days up to and including `cutoff`, by default of all days.

        Raises:
            ContractError: If the panel does not hold the cutoff.
        """
        days = panel.n_days if cutoff is None else panel.column_of(cutoff) + 1
        moments = np.array([_moments(series) for series in np.log1p(panel.demand[:, :days])])
        moments = moments.reshape(-1, 2)
        known = moments[~np.isnan(moments[:, 0])]
        typical = np.median(known, axis=0) if len(known) else np.array([0.0, 1.0])
        moments = np.vstack([np.where(np.isnan(moments), typical, moments), typical])
        covariates = {
            name: _moments(values[..., :days])
            for name, values in {**panel.past, **panel.future}.items()
        }
        mean, std = moments.T.astype(np.float32)
        return cls(panel.items, panel.locations, mean, std, covariates)

    def transform(self, panel: Panel) -> Panel:
        """The panel on the scale a model is trained on; unknown demand stays NaN."""
        mean, std = self._of(panel)
        return replace(
            panel,
            demand=(np.log1p(panel.demand) - mean[:, None]) / std[:, None],
            past={name: self._covariate(name, values) for name, values in panel.past.items()},
            future={name: self._covariate(name, values) for name, values in panel.future.items()},
        )

    def inverse(self, values: FloatArray, panel: Panel) -> FloatArray:
        """Bring values (N, ...) of the panel's series back to units per day, never negative."""
        mean, std = (s.reshape(-1, *[1] * (values.ndim - 1)) for s in self._of(panel))
        units: FloatArray = np.maximum(np.expm1(values * std + mean), 0)
        return units

    def _of(self, panel: Panel) -> tuple[FloatArray, FloatArray]:
        row = {key: i for i, key in enumerate(zip(self.items, self.locations, strict=True))}
        keys = zip(panel.items, panel.locations, strict=True)
        at = np.array([row.get(key, len(row)) for key in keys], dtype=np.intp)
        return self.mean[at], self.std[at]

    def _covariate(self, name: str, values: FloatArray) -> FloatArray:
        mean, std = self.covariates.get(name, (0.0, 1.0))
        scaled: FloatArray = (values - np.float32(mean)) / np.float32(std)
        return np.nan_to_num(scaled)


def _moments(values: FloatArray) -> tuple[float, float]:
    """Mean and standard deviation of the known values; NaN twice where there are none."""
    known = values[~np.isnan(values)].astype(np.float64)
    if not known.size:
        return float("nan"), float("nan")
    std = float(known.std())
    return float(known.mean()), std if std > MIN_STD else 1.0
