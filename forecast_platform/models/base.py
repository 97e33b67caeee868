"""What every forecaster family promises, and what they share.

A forecast of origin D rests on the columns [D - context_days + 1, D] of the panel and on nothing
else, so it does not depend on which other origins are asked for in the same call.
"""

from __future__ import annotations

import datetime as dt
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from forecast_platform.contracts import QUANTILES
from forecast_platform.errors import ModelError
from forecast_platform.models import paths as sampling
from forecast_platform.models.analogues import Analogues, own_share
from forecast_platform.models.drivers import ANALOGUES, Parts, completed, table

if TYPE_CHECKING:
    import polars as pl

    from forecast_platform.panel import Panel

Floats = NDArray[np.floating[Any]]
Reasons = NDArray[np.object_]
Progress = Callable[[int, float], None]
"""Called as progress(step, value): epoch and validation loss, or series done and share done."""

ON_OFFER_DAYS = 35
"""A series without a row for so long is off the shelf and gets no forecast."""

NOT_ON_OFFER = f"not on offer in the last {ON_OFFER_DAYS} days"
NOT_TRAINED = "not in training data"

_CHUNK_VALUES = 12_000_000
DESCRIPTION = "model.json"


@dataclass(frozen=True)
class Forecast:
    """Forecasts of O origins for N series, H days ahead, at Q quantile levels.

    Attributes:
        origins: The O origins: last days of data used.
        mean: (O, N, H) float32, expected units per day, >= 0.
        quantiles: (O, N, H, Q) float32, units per day, >= 0 and not falling along Q.
        fallback_reason: (O, N) of None, or why a simpler model answered.
        autocorrelation: Lag-1 autocorrelation of forecast errors along the horizon.
        levels: The Q quantile levels.
    """

    origins: tuple[dt.date, ...]
    mean: NDArray[np.float32]
    quantiles: NDArray[np.float32]
    fallback_reason: Reasons
    autocorrelation: float
    levels: tuple[float, ...] = QUANTILES

    def paths(self, origin: int, n: int, seed: int) -> NDArray[np.float32]:
        """Draw (N, n, H) sample paths of the origin with that index, units per day.

        The same seed gives the same paths. Series share their random levels, so a path is one
        joint future of all series with a strong common component.
        """
        horizon = self.mean.shape[2]
        levels = sampling.path_levels(
            n, horizon, self.autocorrelation, seed=seed, origin=self.origins[origin]
        )
        return sampling.sample_paths(self.quantiles[origin], self.levels, levels)


class Forecaster(Protocol):
    """A family of models over all series of a panel."""

    name: str
    context_days: int

    def fit(self, panel: Panel, *, seed: int, progress: Progress | None = None) -> None:
        """Estimate on the whole panel; its last day is the training cutoff."""

    def update(self, panel: Panel) -> None:
        """Take in new days without estimating again: `predict()` then answers for the last."""

    def predict(
        self, panel: Panel | None = None, origins: Sequence[dt.date] = (), horizon: int = 28
    ) -> Forecast:
        """Forecast from each origin, by default from the last day known."""

    def save(self, folder: Path) -> None:
        """Write everything `load` needs into `folder`, without pickles."""

    def load(self, folder: Path) -> None:
        """Restore what `save` wrote."""


class WindowForecaster(ABC):
    """Shared half of every family: windows in, finished forecasts out."""

    name: ClassVar[str]
    context_days: ClassVar[int]
    autocorrelation: float = 0.0

    def __init__(self) -> None:
        self._keys: dict[tuple[str, str], int] = {}
        self._state: Panel | None = None
        self._fitted = False
        self._analogues = Analogues()

    @abstractmethod
    def _fit(self, panel: Panel, seed: int, progress: Progress | None) -> None: ...

    @abstractmethod
    def _predict(
        self, panel: Panel, origins: Sequence[dt.date], horizon: int
    ) -> tuple[Floats, Floats, Reasons]:
        """Mean (O, N, H), quantiles (O, N, H, Q) and reasons (O, N), not yet made proper."""

    @property
    def _knows_alike(self) -> bool:
        """Whether the family answers a new item from what it learnt of others by itself."""
        return False

    def _drivers(self, panel: Panel, origin: dt.date, horizon: int) -> Parts:
        """What moves the mean of each series; nothing where a family cannot say."""
        return {}

    @abstractmethod
    def _save(self, folder: Path) -> None: ...

    @abstractmethod
    def _load(self, folder: Path) -> None: ...

    def fit(self, panel: Panel, *, seed: int, progress: Progress | None = None) -> None:
        """Estimate on the whole panel; its last day is the training cutoff."""
        if panel.n_series == 0:
            raise ModelError(
                f"{self.name} needs at least one series to be trained on and got none: "
                "check that clean_demand holds rows up to the training cutoff."
            )
        self._keys = {
            key: row for row, key in enumerate(zip(panel.items, panel.locations, strict=True))
        }
        self._fit(panel, seed, progress)
        self._analogues = Analogues.of(panel)
        self._fitted = True
        self.update(panel)

    def update(self, panel: Panel) -> None:
        """Take in new days without estimating again: `predict()` then answers for the last."""
        self._state = panel.last(max(self.context_days, ON_OFFER_DAYS))

    def predict(
        self, panel: Panel | None = None, origins: Sequence[dt.date] = (), horizon: int = 28
    ) -> Forecast:
        """Forecast `horizon` days from each origin, by default from the last day known.

        Args:
            panel: Days to forecast from; the panel last given to `fit` or `update` if None.
            origins: Last day of data to be used, each within the panel.
            horizon: Days ahead.

        Raises:
            ModelError: If the model is not fitted or has seen no panel.
            ContractError: If the panel does not hold an origin.
        """
        panel = panel if panel is not None else self._state
        if not self._fitted or panel is None:
            raise ModelError(
                f"{self.name} cannot predict yet: call fit, or load and update, first."
            )
        origins = tuple(origins) or (panel.last_day,)
        per_origin = panel.n_series * (self.context_days + horizon * (len(QUANTILES) + 1))
        step = max(1, _CHUNK_VALUES // max(1, per_origin))
        parts = [
            self._finished(panel, origins[at : at + step], horizon)
            for at in range(0, len(origins), step)
        ]
        mean, quantiles, reasons = (np.concatenate(part) for part in zip(*parts, strict=True))
        return Forecast(origins, mean, quantiles, reasons, self.autocorrelation)

    def drivers(self, panel: Panel, origin: dt.date, horizon: int = 28) -> pl.DataFrame:
        """What moves the forecasts of an origin, as `drivers.explained` describes it."""
        parts = self._drivers(panel, origin, horizon)
        if not parts:
            return table(panel, {})
        forecast = self.predict(panel, [origin], horizon)
        total = forecast.mean[0].mean(axis=1, dtype=np.float64)
        own = np.ones(panel.n_series)
        if not self._knows_alike:
            own = own_share(self._known_days(panel, [origin])[0])
        offered = on_offer(panel, [origin])[0]
        alike = np.where(offered, (1 - own) * self._analogues.answers(panel)[0][:, 0], 0)
        own = np.where(offered, own, 0)
        parts = {name: np.where(own > 0, own * values, 0) for name, values in parts.items()}
        return table(panel, completed(parts, total - alike) | {ANALOGUES: alike})

    def save(self, folder: Path) -> None:
        """Write the model into `folder`: JSON, parquet, npz, or a torch state dict."""
        if not self._fitted:
            raise ModelError(f"{self.name} is not fitted, so there is nothing to save.")
        folder.mkdir(parents=True, exist_ok=True)
        self._save(folder)
        description = {
            "family": self.name,
            "autocorrelation": self.autocorrelation,
            "series": list(self._keys),
            "analogues": self._analogues.known,
        }
        (folder / DESCRIPTION).write_text(json.dumps(description))

    def load(self, folder: Path) -> None:
        """Restore what `save` wrote."""
        description = json.loads((folder / DESCRIPTION).read_text())
        self.autocorrelation = float(description["autocorrelation"])
        self._keys = {(item, place): row for row, (item, place) in enumerate(description["series"])}
        self._analogues = Analogues(description["analogues"])
        self._load(folder)
        self._fitted = True

    def rows_of(self, panel: Panel) -> NDArray[np.intp]:
        """(N,) row of each series in the training panel, -1 where it was not trained on."""
        keys = zip(panel.items, panel.locations, strict=True)
        return np.array([self._keys.get(key, -1) for key in keys], dtype=np.intp)

    def _finished(
        self, panel: Panel, origins: Sequence[dt.date], horizon: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], Reasons]:
        mean, quantiles, reasons = self._predict(panel, origins, horizon)
        if not self._knows_alike:
            known_days = self._known_days(panel, origins)
            self._analogues.draw(panel, known_days, mean, quantiles, reasons)
        off = ~on_offer(panel, origins)
        mean = np.maximum(mean, 0).astype(np.float32)
        quantiles = np.maximum.accumulate(np.maximum(quantiles, 0), axis=-1).astype(np.float32)
        mean[off], quantiles[off], reasons[off] = 0, 0, NOT_ON_OFFER
        return mean, quantiles, reasons

    def _known_days(self, panel: Panel, origins: Sequence[dt.date]) -> NDArray[np.int32]:
        return counted(panel, ~np.isnan(panel.demand), origins, self.context_days)


def one_blas_thread() -> AbstractContextManager[object]:
    """Hold BLAS to one thread: on matrices this small its threads only wait for one another.

    Measured on two busy cores: 30 times the time for an ARIMA estimate.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    limits: AbstractContextManager[object] = threadpool_limits(1, user_api="blas")
    return limits


def on_offer(panel: Panel, origins: Sequence[dt.date]) -> NDArray[np.bool_]:
    """(O, N) whether a series was available or its demand known in the last 35 days."""
    seen = panel.available | ~np.isnan(panel.demand)
    return counted(panel, seen, origins, ON_OFFER_DAYS) > 0


def counted(
    panel: Panel, flags: NDArray[np.bool_], origins: Sequence[dt.date], days: int
) -> NDArray[np.int32]:
    """(O, N) flags (N, T) set in the last `days` days up to and including each origin."""
    end = np.array([panel.column_of(origin) + 1 for origin in origins])
    first = max(int(end.min()) - days, 0)
    part = flags[:, first : int(end.max())]
    total = np.zeros((panel.n_series, part.shape[1] + 1), dtype=np.int32)
    np.cumsum(part, axis=1, out=total[:, 1:])
    before = np.maximum(end - days, first)
    return np.asarray(total[:, end - first] - total[:, before - first]).T


def windows(
    panel: Panel, origins: Sequence[dt.date], days: int, values: Floats | None = None
) -> Floats:
    """(O, N, days) of demand, or of other (N, T) values, up to and including each origin.

    Days before the panel are NaN.
    """
    values = panel.demand if values is None else values
    end = np.array([panel.column_of(origin) for origin in origins])
    first = int(end.min()) - days + 1
    part = values[:, max(first, 0) : int(end.max()) + 1]
    if first < 0:
        part = np.pad(part, ((0, 0), (-first, 0)), constant_values=np.nan)
    views = np.lib.stride_tricks.sliding_window_view(part, days, axis=1)
    return np.ascontiguousarray(views[:, end - int(end.min())].transpose(1, 0, 2))


def are_counts(values: Floats) -> NDArray[np.bool_]:
    """(N,) whether at least 90 % of a series' known sales (N, T) are whole numbers.

    Not all of them, since a capped outlier lies between two.
    """
    sold = values > 0
    whole = sold & (values == np.round(values))
    return np.asarray(whole.sum(axis=-1) >= 0.9 * sold.sum(axis=-1))


def known_mean(values: Floats) -> NDArray[np.float64]:
    """Mean over the last axis of the values that are not NaN; NaN where there is none."""
    known = ~np.isnan(values)
    count = known.sum(axis=-1)
    total = np.where(known, values, 0).sum(axis=-1, dtype=np.float64)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))


def known_quantiles(values: Floats, levels: Sequence[float]) -> NDArray[np.float64]:
    """(..., Q) empirical quantiles over the last axis, linear between ranks, ignoring NaN.

    Definition 7 of Hyndman and Fan (1996), as numpy's default. NaN where nothing is known.
    """
    ranked = np.sort(values, axis=-1)  # NaN last
    count = (~np.isnan(values)).sum(axis=-1)[..., None]
    at = np.maximum(count - 1, 0) * np.asarray(levels)
    low = np.floor(at).astype(np.intp)
    high = np.minimum(low + 1, np.maximum(count - 1, 0))
    below = np.take_along_axis(ranked, low, axis=-1).astype(np.float64)
    above = np.take_along_axis(ranked, high, axis=-1)
    return np.asarray(below + (above - below) * (at - low))
