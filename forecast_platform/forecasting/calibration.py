"""Recalibration: which level's quantile a model must give for a nominal level to hold.

Where the probability integral transform of past forecasts falls is a distribution G on [0, 1]; the
quantile at level p of a calibrated forecast is the model's at the level G^-1(p) (Kuleshov, Fenner
and Ermon 2018, "Accurate uncertainties for deep learning using calibrated regression"; for counts
by the transform of Czado, Gneiting and Held 2009). G is learned by volume of demand and by horizon,
on origins that the model was not fitted on, and kept as the levels to use: a small JSON file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from forecast_platform.errors import ModelError
from forecast_platform.forecasting.pit import (
    INTERVALS,
    pit_bounds,
    pit_coverage,
    pit_distribution,
    quantiles_at,
)
from forecast_platform.models import Forecast
from forecast_platform.models.base import are_counts

Floats = NDArray[np.floating[Any]]
Judged = Iterable[tuple[Forecast, Floats]]
"""Forecasts, each with the demand (O, N, <= H) that came, NaN where unknown."""

VOLUME_SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
"""Shares of series, from the slowest, at which classes of volume end; fine at the fast end."""

HORIZONS = (7, 14)
POOLING_DAYS = 100
"""A class's own map counts as much as that of all classes once it has seen so many days."""

PASSES = 3
"""The map is mended by what it left when its quantiles were judged: between the few levels that are
stored, a map learned at once leaves up to four points of coverage (measured on M5)."""

BOUNDS = (1e-5, 1 - 1e-3)
"""Levels used stay inside: demand that a model calls impossible says nothing about how far to go,
and one such series must not stretch the quantiles of its whole class."""

_AT_ONCE = 1_000_000
_TAIL = 10.0 ** -np.arange(2.05, 5.01, 0.05)
_LEVELS = np.concatenate([[0], _TAIL[::-1], np.linspace(0.01, 0.99, 393), 1 - _TAIL])
"""Levels at which G is kept while it is learned: dense, with long tails."""


@dataclass(frozen=True)
class Calibration:
    """A learned map from nominal levels to the levels used.

    Attributes:
        levels: The Q nominal levels.
        volumes: (C - 1,) mean daily forecasts, in units, that part the C classes of volume.
        horizons: (B - 1,) last days ahead of the groups of the horizon but the last.
        used: (C, B, Q) level whose quantile holds at each nominal level, not falling along Q.
    """

    levels: tuple[float, ...]
    volumes: NDArray[np.float64]
    horizons: tuple[int, ...]
    used: NDArray[np.float64]

    @classmethod
    def learned(
        cls,
        judged: Judged,
        *,
        shares: Sequence[float] = VOLUME_SHARES,
        horizons: Sequence[int] = HORIZONS,
    ) -> Calibration:
        """Learn the map from forecasts and what came.

        Args:
            judged: Forecasts of origins that the model was not fitted on, gone through once; their
                quantiles of known days stay in memory while the map is learned.
            shares: Shares of days, by the mean forecast of their series, that part the classes.
            horizons: Last days of the groups of days ahead; one more takes the rest.

        Raises:
            ModelError: If no demand is known.
        """
        seen = _Seen(judged)
        edges = np.quantile(seen.volume, shares)
        volumes = np.unique(edges[edges > 0])
        row = np.searchsorted(volumes, seen.volume, side="right")
        part = np.searchsorted(horizons, seen.ahead, side="left")
        base = seen.quantiles
        nominal = np.asarray(seen.levels)
        used = np.tile(nominal, (len(volumes) + 1, len(horizons) + 1, 1))
        for _ in range(PASSES):
            seen.quantiles = _mapped(base, seen.levels, used, row, part)
            used = _after(used, nominal, seen.map(row, part, used.shape[:2]))
        return cls(seen.levels, volumes, tuple(horizons), used)

    def apply(self, forecast: Forecast) -> Forecast:
        """The forecast with calibrated quantiles; its mean stays.

        Raises:
            ModelError: If the forecast is at other levels than those learned.
        """
        if forecast.levels != self.levels:
            raise ModelError(
                f"Calibrated at the levels {self.levels}, got a forecast at {forecast.levels}: "
                "learn the calibration again from forecasts at these levels."
            )
        volume = forecast.mean.mean(axis=2, dtype=np.float64)[..., None]
        row = np.searchsorted(self.volumes, volume, side="right")
        ahead = np.arange(1, forecast.mean.shape[2] + 1)
        part = np.searchsorted(self.horizons, ahead, side="left")
        quantiles = _mapped(forecast.quantiles, self.levels, self.used, row, part)
        return replace(forecast, quantiles=quantiles)

    def save(self, path: Path) -> None:
        """Write the map as JSON."""
        content = {
            "levels": self.levels,
            "volumes": self.volumes.tolist(),
            "horizons": self.horizons,
            "used": self.used.tolist(),
        }
        path.write_text(json.dumps(content))

    @classmethod
    def load(cls, path: Path) -> Calibration:
        """Read what `save` wrote."""
        content = json.loads(path.read_text())
        return cls(
            tuple(content["levels"]),
            np.array(content["volumes"]),
            tuple(content["horizons"]),
            np.array(content["used"]),
        )


def coverage_table(judged: Judged) -> pl.DataFrame:
    """Coverage of central intervals: columns nominal, counted, transform; shares of days.

    Counted is the share of days inside the interval, bounds included, which overstates the coverage
    of discrete demand; the transform's is comparable to the nominal.

    Raises:
        ModelError: If no demand is known.
    """
    seen = _Seen(judged)
    low, high = seen.bounds()
    rows = []
    for nominal, between in INTERVALS.items():
        edges = quantiles_at(seen.quantiles, seen.levels, np.array(between))
        inside = (edges[:, 0] <= seen.actual) & (seen.actual <= edges[:, 1])
        rows.append((nominal / 100, float(inside.mean()), pit_coverage(low, high, between)))
    return pl.DataFrame(
        rows,
        schema={"nominal": pl.Float64, "counted": pl.Float64, "transform": pl.Float64},
        orient="row",
    )


class _Seen:
    """The K days of known demand of all forecasts, one after the other.

    Attributes:
        levels: The Q levels.
        quantiles: (K, Q) forecast quantiles.
        actual: (K,) demand that came.
        volume: (K,) mean forecast of the day's series over the horizon, units.
        ahead: (K,) days ahead.
        counts: Whether demand is in whole units.
    """

    def __init__(self, judged: Judged) -> None:
        parts: list[tuple[Floats, ...]] = []
        for forecast, actual in judged:
            self.levels = forecast.levels
            known = ~np.isnan(actual)
            at, series, day = np.nonzero(known)
            volume = forecast.mean.mean(axis=2, dtype=np.float64)[at, series]
            quantiles = forecast.quantiles[:, :, : actual.shape[2]][known]
            parts.append((quantiles, actual[known], volume, day + 1.0))
        if not sum(len(part[0]) for part in parts):
            raise ModelError(
                "Calibration rests on forecasts of days with known demand, and there are none: "
                "judge the model on more origins."
            )
        joined = [np.concatenate(column) for column in zip(*parts, strict=True)]
        self.quantiles, self.actual, self.volume, self.ahead = joined
        self.counts = bool(are_counts(self.actual))

    def bounds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(K,), (K,) bounds of the transform."""
        starts = range(0, len(self.actual), _AT_ONCE)
        parts = [slice(start, start + _AT_ONCE) for start in starts]
        found = [
            pit_bounds(self.actual[part], self.quantiles[part], self.levels, counts=self.counts)
            for part in parts
        ]
        low, high = zip(*found, strict=True)
        return np.concatenate(low), np.concatenate(high)

    def map(
        self, row: NDArray[np.intp], part: NDArray[np.intp], shape: tuple[int, ...]
    ) -> NDArray[np.float64]:
        """(C, B, Q) levels to use, by the class (K,) and the group of the horizon (K,) of days."""
        low, high = self.bounds()
        used = np.empty((*shape, len(self.levels)))
        for group in range(shape[1]):
            same = part == group
            same = same if same.any() else np.ones_like(same)  # a horizon longer than that judged
            pooled = pit_distribution(low[same], high[same], _LEVELS)
            for volume in range(shape[0]):
                mine = same & (row == volume)
                days = int(mine.sum())
                own = pit_distribution(low[mine], high[mine], _LEVELS)
                shrunk = (days * own + POOLING_DAYS * pooled) / (days + POOLING_DAYS)
                used[volume, group] = _inverse(shrunk, self.levels)
        return used


def _mapped(
    quantiles: Floats,
    levels: Sequence[float],
    used: Floats,
    row: NDArray[np.intp],
    part: NDArray[np.intp],
) -> Floats:
    """(..., Q) quantiles at the levels used, by class and group of the horizon of each day."""
    mapped = np.empty_like(quantiles)
    for volume in np.unique(row):
        for group in np.unique(part):
            among = (row == volume) & (part == group)
            mapped[among] = quantiles_at(quantiles[among], levels, used[volume, group])
    return np.maximum.accumulate(mapped, axis=-1)


def _after(used: Floats, nominal: Floats, mended: Floats) -> NDArray[np.float64]:
    """(C, B, Q) levels used at the nominal levels `mended`: linear in their log odds."""
    at, knots, values = _log_odds(mended), _log_odds(nominal), _log_odds(used)
    after = np.empty_like(used)
    for group in np.ndindex(used.shape[:2]):
        inside = np.interp(at[group], knots, values[group])
        beyond = at[group] - np.clip(at[group], knots[0], knots[-1])
        after[group] = 1 / (1 + np.exp(-inside - beyond))
    return np.clip(after, *BOUNDS)


def _log_odds(level: Floats) -> NDArray[np.float64]:
    inside = np.clip(level, *BOUNDS)
    return np.asarray(np.log(inside / (1 - inside)))


def _inverse(distribution: Floats, levels: Sequence[float]) -> NDArray[np.float64]:
    """(Q,) the lowest levels at which the distribution, kept at `_LEVELS`, reaches `levels`."""
    upper = np.clip(np.searchsorted(distribution, levels), 1, len(_LEVELS) - 1)
    low, high = distribution[upper - 1], distribution[upper]
    share = np.clip((np.asarray(levels) - low) / np.where(high > low, high - low, 1), 0, 1)
    return np.asarray(_LEVELS[upper - 1] + share * (_LEVELS[upper] - _LEVELS[upper - 1]))
