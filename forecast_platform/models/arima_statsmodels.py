"""ARIMA(1,1,1) per series on weekday-adjusted demand, estimated by statsmodels: the reference.

Estimated once per training cutoff, one series at a time, over processes. Every day after that the
stored parameters filter the newest 182 days of all series at once. Notation as in Hyndman and
Athanasopoulos, Forecasting: Principles and Practice (3rd ed.), chapter 9, with y the demand divided
by its weekday's factor and w its first difference: w_t = phi w_{t-1} + e_t + theta e_{t-1}.
"""

from __future__ import annotations

import datetime as dt
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from forecast_platform.contracts import QUANTILES
from forecast_platform.executing import spread
from forecast_platform.models.base import (
    Floats,
    Progress,
    Reasons,
    known_mean,
    known_quantiles,
    one_blas_thread,
    windows,
)
from forecast_platform.models.local import (
    PATH_DAYS,
    LocalForecaster,
    degenerate,
    path_correlation,
)

if TYPE_CHECKING:
    import polars as pl

    from forecast_platform.panel import Panel

Doubles = NDArray[np.float64]

ESTIMATION_DAYS = 365
PRIOR_UNITS = 25.0
"""Units sold that pull a weekday's factor to 1, so that slow sellers keep a flat week."""

START = (0.2, -0.8)
MAX_ITERATIONS = 50
PARALLEL_FROM = 400
"""Below so many series the start of processes costs more than it saves."""

_BLOCK = 25


@dataclass
class Parameters:
    """Estimates of N series.

    Attributes:
        phi: (N,) autoregressive coefficient.
        theta: (N,) moving-average coefficient.
        weekday: (N, 7) factors, Monday first.
        spread: (N, Q) quantiles of the one-day errors, units.
    """

    phi: Doubles
    theta: Doubles
    weekday: Doubles
    spread: Doubles

    def take(self, rows: NDArray[np.intp]) -> Parameters:
        """The estimates of some series."""
        return Parameters(*(getattr(self, f.name)[rows] for f in fields(self)))


class ArimaStatsmodels(LocalForecaster):
    """ARIMA(1,1,1) on weekday-adjusted demand; series it cannot fit go to the seasonal naive."""

    name = "arima_statsmodels"
    context_days = 182

    def __init__(self, workers: int = 1) -> None:
        super().__init__()
        self.workers = workers
        self.ray_address: str | None = None
        self._parameters: Parameters | None = None

    def _estimate(self, panel: Panel, seed: int, progress: Progress | None) -> Reasons:
        recent = panel.last(ESTIMATION_DAYS)
        demand = recent.demand.astype(np.float64)
        weekday = weekday_factors(demand, recent.first_day)
        adjusted = demand / weekday[:, _weekdays(recent.first_day, recent.n_days)]
        reason = degenerate(demand, ESTIMATION_DAYS)
        phi, theta = np.zeros(panel.n_series), np.zeros(panel.n_series)
        rows = np.flatnonzero([text is None for text in reason])
        done = 0
        for block in self._estimates(adjusted[rows]):
            for outcome in block:
                phi[rows[done]], theta[rows[done]], reason[rows[done]] = outcome
                done += 1
            if progress:
                progress(done, done / len(rows))
        errors = filtered(adjusted, phi, theta)[-1]
        spread = known_quantiles(errors, QUANTILES)
        self._parameters = Parameters(phi, theta, weekday, spread)
        fitted = np.array([text is None for text in reason])
        if fitted.any():
            psi = psi_weights(phi[fitted], theta[fitted], PATH_DAYS)
            self.autocorrelation = path_correlation(psi)
        return reason

    def _estimates(self, series: Doubles) -> Iterator[list[tuple[float, float, str | None]]]:
        blocks = [series[at : at + _BLOCK] for at in range(0, len(series), _BLOCK)]
        if len(series) < PARALLEL_FROM:
            return map(estimate, blocks)
        return spread(
            estimate, blocks, workers=self.workers, ray_address=self.ray_address, processes=True
        )

    def _answer(
        self, panel: Panel, rows: NDArray[np.intp], origins: Sequence[dt.date], horizon: int
    ) -> tuple[Floats, Floats]:
        assert self._parameters is not None  # guaranteed by fit and load
        return _forecast(panel, origins, horizon, self._parameters.take(rows), self.context_days)

    def _columns(self) -> dict[str, Any]:
        assert self._parameters is not None
        return {f.name: getattr(self._parameters, f.name) for f in fields(Parameters)}

    def _restore(self, table: pl.DataFrame) -> None:
        self._parameters = Parameters(*(table[f.name].to_numpy() for f in fields(Parameters)))


def estimate(series: Doubles) -> list[tuple[float, float, str | None]]:
    """Maximum likelihood estimates (phi, theta, reason it failed) of each row of (n, T).

    Runs in worker processes too. Missing days are NaN and integrated out by the Kalman filter.
    """
    from statsmodels.tsa.statespace.sarimax import SARIMAX

    def one(values: Doubles) -> tuple[float, float, str | None]:
        try:
            model = SARIMAX(
                values / np.nanstd(values),
                order=(1, 1, 1),
                simple_differencing=True,
                concentrate_scale=True,
            )
            result = model.fit(start_params=START, maxiter=MAX_ITERATIONS, disp=0, cov_type="none")
        except (ValueError, ArithmeticError, np.linalg.LinAlgError) as error:
            return 0.0, 0.0, f"estimation failed: {type(error).__name__}: {error}"
        phi, theta = (float(value) for value in result.params)
        if not result.mle_retvals["converged"]:
            return 0.0, 0.0, f"not converged in {MAX_ITERATIONS} iterations"
        if not (np.isfinite(phi) and np.isfinite(theta)):
            return 0.0, 0.0, "estimates are not finite"
        return phi, theta, None

    with warnings.catch_warnings(), one_blas_thread():
        warnings.simplefilter("ignore")
        return [one(values) for values in series]


def weekday_factors(demand: Doubles, first_day: dt.date) -> Doubles:
    """(N, 7) mean demand of each weekday over the mean of all days, shrunk to 1, Monday first."""
    weekday = _weekdays(first_day, demand.shape[1])
    level = np.nan_to_num(known_mean(demand))
    factors = np.ones((len(demand), 7))
    for day in range(7):
        of_day = demand[:, weekday == day]
        expected = (~np.isnan(of_day)).sum(axis=1) * level
        factors[:, day] = (np.nansum(of_day, axis=1) + PRIOR_UNITS) / (expected + PRIOR_UNITS)
    return factors


def filtered(
    values: Floats, phi: Doubles, theta: Doubles
) -> tuple[Doubles, Doubles, Doubles, Doubles]:
    """Steady-state filter over the last axis with fixed parameters.

    Args:
        values: (..., N, T) weekday-adjusted demand. An unknown day counts as its forecast.
        phi: (N,) autoregressive coefficients.
        theta: (N,) moving-average coefficients.

    Returns:
        Level y, difference w and error e after the last day, each (..., N), and all one-day errors
        (..., N, T), NaN on unknown days. Starts from the mean of the window: with theta near -1
        nothing is ever forgotten, and the mean is what the exact filter would give.
    """
    y = known_mean(values)
    w, e = np.zeros_like(y), np.zeros_like(y)
    errors = np.empty(values.shape)
    for day in range(values.shape[-1]):
        expected = y + phi * w + theta * e
        error = values[..., day] - expected
        errors[..., day] = error
        e = np.where(np.isnan(error), 0.0, error)
        w = expected + e - y
        y = y + w
    return y, w, e, errors


def psi_weights(phi: Doubles, theta: Doubles, horizon: int) -> Doubles:
    """(N, H) moving-average weights of the level: psi_0 = 1, psi_j - psi_{j-1} = (phi + theta)
    phi^{j-1} (Box, Jenkins, Reinsel and Ljung 2015, section 5.1.1).
    """  # noqa: D205
    powers = phi[:, None] ** np.arange(horizon - 1)
    steps = (phi + theta)[:, None] * powers
    return np.cumsum(np.concatenate([np.ones((len(phi), 1)), steps], axis=1), axis=1)


def _forecast(
    panel: Panel, origins: Sequence[dt.date], horizon: int, parameters: Parameters, days: int
) -> tuple[Floats, Floats]:
    """Mean (O, N, H) and quantiles (O, N, H, Q), units; NaN where nothing is known."""
    phi, theta = parameters.phi, parameters.theta
    of_day = _weekdays(panel.first_day, panel.n_days)
    y, w, e, _ = filtered(
        windows(panel, origins, days, panel.demand / parameters.weekday[:, of_day]), phi, theta
    )
    step = phi * w + theta * e
    mean = y[..., None] + step[..., None] * np.cumsum(phi[:, None] ** np.arange(horizon), axis=1)
    growth = np.sqrt(np.cumsum(psi_weights(phi, theta, horizon) ** 2, axis=1))
    spread = (growth[..., None] * parameters.spread[:, None, :]).astype(np.float32)
    ahead = np.array([_weekdays(origin, horizon + 1)[1:] for origin in origins])
    factor = np.moveaxis(parameters.weekday[:, ahead], 0, 1).astype(np.float32)
    mean = mean.astype(np.float32)
    return mean * factor, (mean[..., None] + spread) * factor[..., None]


def _weekdays(first_day: dt.date, days: int) -> NDArray[np.intp]:
    return (first_day.weekday() + np.arange(days)) % 7
