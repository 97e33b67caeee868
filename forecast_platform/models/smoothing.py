"""Naive and smoothing families: one parameter row per series, no Python per series.

Parameters are estimated on the whole training panel; a forecast runs the newest 182 days through
the recursion with them. Unknown days are skipped, never counted as zero. The spread comes from
forecasts made inside the training panel from an origin every 28 days (`spread.fit_spread`).

Naive, moving average, weekday mean: Hyndman and Athanasopoulos, Forecasting: Principles and
Practice (3rd ed.), section 5.2. SES and ETS: `smoothing_kernels`. Theta: Assimakopoulos and
Nikolopoulos (2000) in the form of Hyndman and Billah (2003).
"""

from __future__ import annotations

import datetime as dt
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numba import njit
from numpy.typing import NDArray

from forecast_platform.contracts import QUANTILES
from forecast_platform.models import smoothing_kernels as kernels
from forecast_platform.models.base import (
    NOT_TRAINED,
    Floats,
    Progress,
    Reasons,
    WindowForecaster,
    are_counts,
    known_mean,
    windows,
)
from forecast_platform.models.drivers import LEVEL, TREND, WEEKDAY, Parts, around_level
from forecast_platform.models.seasonal_naive import lag_one
from forecast_platform.models.spread import Spread, fit_spread, quantiles_around

if TYPE_CHECKING:
    from forecast_platform.panel import Panel

Doubles = NDArray[np.float64]
Weekdays = NDArray[np.int64]

MIN_KNOWN_DAYS = 28
"""With fewer known days a series is answered with the family's default parameters."""

_STEP = 28
_ORIGINS = 13


class Smoothing(WindowForecaster):
    """What the families share: windows in, one parameter row per series, quantiles around it."""

    context_days = 182
    default: tuple[float, ...]
    """Parameters of a series that was not estimated."""

    def __init__(self) -> None:
        super().__init__()
        self.parameters: Doubles = np.zeros((0, len(self.default)))
        self._known: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self._spread = Spread(np.zeros(0))

    @abstractmethod
    def _estimate(self, demand: Floats, first: int) -> Doubles:
        """(N, P) parameters from demand (N, T), `first` the weekday of its first day."""

    @abstractmethod
    def _forecast(
        self, values: Floats, first: Weekdays, parameters: Doubles, horizon: int
    ) -> Doubles:
        """(M, H) means after windows (M, T), each with its own parameters; NaN: nothing known."""

    def _growth(self, parameters: Doubles, horizon: int) -> Doubles:
        """(N, H) variance h days ahead over the mean of days 1..28."""
        return np.ones((len(parameters), horizon))

    def _fit(self, panel: Panel, seed: int, progress: Progress | None) -> None:
        self._known = (~np.isnan(panel.demand)).sum(axis=1)
        self.parameters = np.tile(np.array(self.default), (panel.n_series, 1))
        rows = self._known >= MIN_KNOWN_DAYS
        self.parameters[rows] = self._estimate(panel.demand[rows], panel.first_day.weekday())
        self._fit_spread(panel)
        if progress:
            progress(panel.n_series, 1.0)

    def _fit_spread(self, panel: Panel) -> None:
        columns = range(panel.n_days - 1 - _STEP, MIN_KNOWN_DAYS // 2, -_STEP)[:_ORIGINS]
        columns = columns or range(panel.n_days // 2, panel.n_days // 2 + 1)
        days = [panel.first_day + dt.timedelta(days=column) for column in columns]
        # One origin at a time keeps a window per series in memory, not thirteen.
        means = [
            self._means(windows(panel, [day], self.context_days), [day], _STEP, self.parameters)
            for day in days
        ]
        mean = np.maximum(np.concatenate(means), 0)
        ahead = np.full(mean.shape, np.nan)
        for at, column in enumerate(columns):
            came = panel.demand[:, column + 1 : column + 1 + _STEP]
            ahead[at, :, : came.shape[1]] = came
        errors = ahead - mean
        scale = np.maximum(known_mean(panel.demand), 1e-9)[:, None]
        self.autocorrelation = lag_one((errors / scale).reshape(-1, _STEP))
        flat = (panel.n_series, -1)
        self._spread = fit_spread(
            mean.transpose(1, 0, 2).reshape(flat), ahead.transpose(1, 0, 2).reshape(flat)
        )

    def _means(
        self, window: Floats, origins: Sequence[dt.date], horizon: int, parameters: Doubles
    ) -> Doubles:
        """(O, N, H) from windows (O, N, T) that end with the origins."""
        n_origins, n_series, days = window.shape
        first = np.array([(day.weekday() + 1 - days) % 7 for day in origins])
        return self._forecast(
            window.reshape(-1, days),
            np.repeat(first, n_series),
            np.tile(parameters, (n_origins, 1)),
            horizon,
        ).reshape(n_origins, n_series, horizon)

    def _drivers(self, panel: Panel, origin: dt.date, horizon: int) -> Parts:
        window = windows(panel, [origin], self.context_days)
        mean = self._means(window, [origin], horizon, self._parameters_of(panel))[0]
        return around_level(window[0], mean)

    def _parameters_of(self, panel: Panel) -> Doubles:
        """(N, P) of each series, the defaults of one that was not trained on."""
        rows = self.rows_of(panel)
        parameters = np.tile(np.array(self.default), (panel.n_series, 1))
        parameters[rows >= 0] = self.parameters[rows[rows >= 0]]
        return parameters

    def _predict(
        self, panel: Panel, origins: Sequence[dt.date], horizon: int
    ) -> tuple[Floats, Floats, Reasons]:
        rows = self.rows_of(panel)
        parameters = self._parameters_of(panel)
        window = windows(panel, origins, self.context_days)
        mean = self._means(window, origins, horizon, parameters)
        reasons = np.empty(mean.shape[:2], dtype=object)
        reasons[:] = self._reasons(rows)
        unknown = np.isnan(mean[..., 0])
        reasons[unknown] = f"no known demand in the last {self.context_days} days"
        mean = np.maximum(np.nan_to_num(mean), 0)
        variance = self._spread.variance(mean, rows) * self._growth(parameters, horizon)
        quantiles = quantiles_around(mean, variance, QUANTILES, counts=are_counts(window))
        return mean, quantiles, reasons

    def _reasons(self, rows: NDArray[np.intp]) -> Reasons:
        reasons = np.full(len(rows), None, dtype=object)
        for at, row in enumerate(rows.tolist()):
            if row < 0:
                reasons[at] = NOT_TRAINED
            elif self._known[row] < MIN_KNOWN_DAYS:
                reasons[at] = f"{self._known[row]} known days, at least {MIN_KNOWN_DAYS} are needed"
        return reasons

    def _save(self, folder: Path) -> None:
        np.savez(
            folder / "parameters.npz",
            parameters=self.parameters,
            known=self._known,
            dispersion=self._spread.dispersion,
            pooled=self._spread.pooled,
            exponent=self._spread.exponent,
        )

    def _load(self, folder: Path) -> None:
        with np.load(folder / "parameters.npz") as arrays:
            self.parameters, self._known = arrays["parameters"], arrays["known"]
            self._spread = Spread(
                arrays["dispersion"], float(arrays["pooled"]), float(arrays["exponent"])
            )


class _Levels(Smoothing):
    """The families with one recursion, `smoothing_kernels.level_forecasts`."""

    default = (0, 0, 0.1, 0, 0, 0, 0, *[1] * 7)

    def _forecast(
        self, values: Floats, first: Weekdays, parameters: Doubles, horizon: int
    ) -> Doubles:
        return np.asarray(kernels.level_forecasts(values, first, parameters, horizon))

    def _drivers(self, panel: Panel, origin: dt.date, horizon: int) -> Parts:
        window = windows(panel, [origin], self.context_days)[0]
        first = np.full(len(window), (origin.weekday() + 1 - self.context_days) % 7)
        parts = kernels.level_parts(window, first, self._parameters_of(panel), horizon).mean(axis=2)
        return dict(zip((LEVEL, TREND, WEEKDAY), parts.T, strict=True))

    def _growth(self, parameters: Doubles, horizon: int) -> Doubles:
        """1 + sum of c_j^2 over j < h, of the additive forms (Hyndman et al. 2008, chapter 6)."""
        days = np.arange(1, max(horizon, _STEP))
        alpha, beta, phi, gamma = (
            parameters[:, [column]]
            for column in (kernels.ALPHA, kernels.BETA, kernels.PHI, kernels.GAMMA)
        )
        seasonal = (days % 7 == 0) & (parameters[:, [kernels.SEASON]] > 0)
        c = alpha + beta * np.cumsum(phi**days, axis=1) + gamma * seasonal
        growth = np.concatenate([np.ones((len(c), 1)), 1 + np.cumsum(c**2, axis=1)], axis=1)
        return np.asarray(growth[:, :horizon] / growth[:, :_STEP].mean(axis=1, keepdims=True))


class Naive(_Levels):
    """The last known value."""

    name = "naive"
    default = (0, 0, 1, 0, 0, 0, 0, *[1] * 7)

    def _estimate(self, demand: Floats, first: int) -> Doubles:
        return np.tile(np.array(self.default, dtype=np.float64), (len(demand), 1))


class Ses(_Levels):
    """Simple exponential smoothing, alpha by least squares."""

    name = "ses"

    def _estimate(self, demand: Floats, first: int) -> Doubles:
        return np.asarray(kernels.fit_levels(demand, first, 1, np.array([0]), True))


class Ets(_Levels):
    """ETS with additive errors: trend none or damped, season none, additive or multiplicative."""

    name = "ets"

    def _estimate(self, demand: Floats, first: int) -> Doubles:
        return np.asarray(kernels.fit_levels(demand, first, 2, np.array([0, 1, 2]), False))


class Theta(_Levels):
    """The standard theta method on weekday-adjusted demand.

    Half the slope of a straight line through the history is added to simple exponential smoothing,
    as drift, from where the level's own lag leaves it (Hyndman and Billah 2003).
    """

    name = "theta"

    def _estimate(self, demand: Floats, first: int) -> Doubles:
        parameters = np.asarray(kernels.fit_levels(demand, first, 1, np.array([2]), True))
        slope = kernels.slopes(demand, first, parameters[:, kernels.WEEK :])
        parameters[:, kernels.DRIFT] = slope / 2
        return parameters


class _Recent(Smoothing):
    """Means of the newest known days: `count` of any weekday, or of the same."""

    default = (0.0,)
    count: int
    same_weekday: bool

    def _estimate(self, demand: Floats, first: int) -> Doubles:
        return np.zeros((len(demand), 1))

    def _forecast(
        self, values: Floats, first: Weekdays, parameters: Doubles, horizon: int
    ) -> Doubles:
        cycle = 7 if self.same_weekday else 1
        return np.asarray(_recent_means(values, self.count, cycle, horizon))


class MovingAverage(_Recent):
    """Mean of the newest 28 known days."""

    name = "moving_average"
    count = 28
    same_weekday = False


class WeekdayMean(_Recent):
    """Mean of the newest eight known days of the same weekday."""

    name = "weekday_mean"
    count = 8
    same_weekday = True


@njit(cache=True)
def _recent_means(values: Floats, count: int, cycle: int, horizon: int) -> Doubles:
    """(M, H) means of the newest `count` known values at whole cycles before each day ahead.

    A place in the cycle with nothing known takes the mean of the window.
    """
    out = np.full((values.shape[0], horizon), np.nan)
    for row in range(values.shape[0]):
        everything = np.nanmean(values[row])
        for place in range(min(cycle, horizon)):
            total, n = 0.0, 0
            day = values.shape[1] - cycle + place
            while day >= 0 and n < count:
                if not np.isnan(values[row, day]):
                    total += values[row, day]
                    n += 1
                day -= cycle
            for h in range(place, horizon, cycle):
                out[row, h] = total / n if n else everything
    return out
