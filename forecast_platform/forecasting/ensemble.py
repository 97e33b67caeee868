"""The ensemble: members' forecasts combined by weights learned on origins kept for that.

Weights are stacked (Wolpert 1992; non-negative and adding to one as in Breiman 1996, "Stacked
regressions"): those that would have had the smallest squared error of the mean. Quantiles are
averaged level by level (Vincentisation), not mixed as probabilities: a mixture of forecasts that
disagree in place is wider than any of them, while averaged quantiles keep the members' shape
(Lichtendahl, Grushka-Cockayne and Winkler 2013, "Is it better to average probabilities or
quantiles?"), and they need no more than the quantiles that are stored. Calibration comes after.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from forecast_platform.errors import ModelError
from forecast_platform.forecasting.kept import kept_forecasts
from forecast_platform.forecasting.levels import SERIES
from forecast_platform.forecasting.truth import Truth
from forecast_platform.models import Forecast, Forecaster, drivers, load
from forecast_platform.models.base import DESCRIPTION, NOT_ON_OFFER, Progress
from forecast_platform.panel import Panel

Floats = NDArray[np.floating[Any]]

RIDGE = 0.002
"""Share of the members' mean squared error added to each: pulls weights of members that err alike
towards one another, since which of two twins was a little better is chance. Small, as most of the
error is noise that all members share."""

LEAST_WEIGHT = 0.01
"""Members below it are left out: they would be fitted and loaded for nothing."""


class Ensemble:
    """A forecaster made of forecasters; see `Forecaster` for the protocol.

    Args:
        members: Fitted or unfitted forecasters by name.
        weights: Weight of each member, >= 0; they are scaled to add to one.
        workers: Threads that members work with once they are loaded.
    """

    name = "ensemble"

    def __init__(
        self,
        members: Mapping[str, Forecaster] | None = None,
        weights: Mapping[str, float] | None = None,
        workers: int = 1,
    ) -> None:
        self.workers = workers
        self.members = dict(members or {})
        self.weights = _scaled(weights or dict.fromkeys(self.members, 1.0))
        if self.weights.keys() != self.members.keys():
            raise ModelError(
                f"An ensemble needs one weight for each of its members {sorted(self.members)}, "
                f"got weights of {sorted(self.weights)}."
            )
        self.context_days = self._context()

    def fit(self, panel: Panel, *, seed: int, progress: Progress | None = None) -> None:
        """Estimate every member; the weights stay."""
        for member in self.members.values():
            member.fit(panel, seed=seed, progress=progress)

    def update(self, panel: Panel) -> None:
        """Take in new days without estimating again."""
        for member in self.members.values():
            member.update(panel)

    def predict(
        self, panel: Panel | None = None, origins: Sequence[dt.date] = (), horizon: int = 28
    ) -> Forecast:
        """Combined forecasts of the members; arguments as `Forecaster.predict`."""
        parts = {
            name: member.predict(panel, origins, horizon) for name, member in self.members.items()
        }
        return combine(parts, self.weights)

    def drivers(self, panel: Panel, origin: dt.date, horizon: int = 28) -> pl.DataFrame:
        """What moves the forecasts of an origin: the members' drivers by their weights.

        A member that takes nothing apart stands there with its whole mean, by name.
        """
        frames = {
            name: drivers.whole(member, panel, origin, horizon)
            for name, member in self.members.items()
        }
        return drivers.combined(frames, self.weights)

    def save(self, folder: Path) -> None:
        """Write each member into `folder/members/name`, and the weights."""
        for name, member in self.members.items():
            member.save(folder / "members" / name)
        description = {"family": self.name, "weights": self.weights}
        (folder / DESCRIPTION).write_text(json.dumps(description))

    def load(self, folder: Path) -> None:
        """Restore what `save` wrote."""
        self.weights = json.loads((folder / DESCRIPTION).read_text())["weights"]
        if not all(map(str.isidentifier, self.weights)):
            raise ModelError(f"{folder} names members that are no families: train it again.")
        self.members = {
            name: load(folder / "members" / name, self.workers) for name in self.weights
        }
        self.context_days = self._context()

    def _context(self) -> int:
        return max((member.context_days for member in self.members.values()), default=0)


def combine(parts: Mapping[str, Forecast], weights: Mapping[str, float]) -> Forecast:
    """The weighted mean of forecasts: of means, of quantiles level by level.

    A series that a member answered by a simpler model carries that member's reason, after its name.

    Args:
        parts: Forecasts of the same origins, series, horizon and levels.
        weights: Weight of each, adding to one.

    Raises:
        ModelError: If there is none, or they are not of the same origins, series or levels.
    """
    forecasts = list(parts.values())
    shapes = {(part.origins, part.quantiles.shape, part.levels) for part in forecasts}
    if len(shapes) != 1:
        raise ModelError(
            "An ensemble combines forecasts of the same origins, series, days and levels, and got "
            f"{len(shapes)} kinds from {sorted(parts)}: judge all members on the same panel."
        )
    first = forecasts[0]
    mean, quantiles = np.zeros_like(first.mean), np.zeros_like(first.quantiles)
    for name, part in parts.items():
        mean += np.float32(weights[name]) * part.mean
        quantiles += np.float32(weights[name]) * part.quantiles
    return Forecast(
        origins=first.origins,
        mean=mean,
        quantiles=np.maximum.accumulate(quantiles, axis=-1),
        fallback_reason=_reasons(parts),
        autocorrelation=sum(weights[name] * part.autocorrelation for name, part in parts.items()),
        levels=first.levels,
    )


def combined(
    folders: Mapping[str, Path], weights: Mapping[str, float], origins: Sequence[dt.date]
) -> Iterator[Forecast]:
    """Combine the kept forecasts of members, one origin at a time, oldest first."""
    parts = [kept_forecasts(folders[name], origins) for name in weights]
    for forecasts in zip(*parts, strict=True):
        yield combine(dict(zip(weights, forecasts, strict=True)), weights)


def stacked_weights(
    folders: Mapping[str, Path], known: Mapping[dt.date, Truth], origins: Sequence[dt.date]
) -> dict[str, float]:
    """Weights of members by their kept forecasts of `origins`, which must then choose nothing.

    Squared errors are measured as WRMSSE does: each series in units of its mean squared day to day
    change, by its share of sales.

    Args:
        folders: Each member's folder of kept forecasts.
        known: The truth of each origin.
        origins: Origins to learn on.

    Returns:
        Weights adding to one, of the members worth keeping.
    """
    names = list(folders)
    moments = np.zeros((len(names), len(names)))
    kept = [kept_forecasts(folders[name], origins) for name in names]
    for forecasts in zip(*kept, strict=True):
        truth = known[forecasts[0].origins[0]]
        scale = truth.scales[[level.name for level in truth.levels].index(SERIES)].squared
        share = np.nan_to_num(truth.value / max(truth.value.sum(), 1e-9) / scale)
        moments += error_moments(truth.actual, [part.mean[0] for part in forecasts], share)
    weights = dict(zip(names, simplex_weights(moments).tolist(), strict=True))
    return _scaled({name: weight for name, weight in weights.items() if weight >= LEAST_WEIGHT})


def error_moments(actual: Floats, means: Sequence[Floats], share: Floats) -> Floats:
    """(K, K) weighted mean products of K members' errors.

    Args:
        actual: (N, H) demand that came, NaN where unknown.
        means: K forecasts (N, >= H).
        share: (N,) weight of each series' squared error.
    """
    known = ~np.isnan(actual)
    weight = np.sqrt(share / np.maximum(known.sum(axis=1), 1))[:, None]
    errors = np.stack(
        [(np.where(known, actual - m[:, : actual.shape[1]], 0) * weight).ravel() for m in means]
    )
    return np.asarray(errors @ errors.T)


def simplex_weights(moments: Floats, ridge: float = RIDGE) -> NDArray[np.float64]:
    """(K,) weights w >= 0 adding to one that minimise w' M w, plus `ridge` on the diagonal.

    With M = A'A the minimum is a non-negative least squares problem: v >= 0 minimising
    |A v - b|^2 with A'b = 1 has the same Karush-Kuhn-Tucker conditions once scaled to add to one.

    Args:
        moments: (K, K) second moments of the members' errors, positive semi-definite.
        ridge: Share of the mean diagonal.
    """
    from scipy.optimize import nnls

    size = len(moments)
    level = float(np.trace(moments)) / size
    if level <= 0:
        return np.full(size, 1 / size)
    root = np.linalg.cholesky(moments / level + ridge * np.eye(size)).T
    solution, _ = nnls(root, np.linalg.solve(root.T, np.ones(size)))
    return np.asarray(solution / solution.sum())


def _scaled(weights: Mapping[str, float]) -> dict[str, float]:
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items()}


def _reasons(parts: Mapping[str, Forecast]) -> NDArray[np.object_]:
    joined = np.full(next(iter(parts.values())).fallback_reason.shape, None, dtype=object)
    for name, part in parts.items():
        for at in zip(*np.nonzero(part.fallback_reason), strict=True):
            reason = part.fallback_reason[at]
            if reason == NOT_ON_OFFER:
                joined[at] = reason
            else:
                joined[at] = "; ".join(filter(None, [joined[at], f"{name}: {reason}"]))
    return joined
