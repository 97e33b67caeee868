"""What the families call: orders, estimates, forecasts."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecast_platform.models.sarima import estimate as estimation
from forecast_platform.models.sarima import filtering

Doubles = NDArray[np.float64]

ITERATIONS = 60
TOLERANCE = 1e-3
MODES = 2


@dataclass(frozen=True, order=True)
class Order:
    """ARIMA(p, d, q)(P, D, Q)_s as in Hyndman and Athanasopoulos (2021), section 9.9."""

    p: int = 1
    d: int = 1
    q: int = 1
    seasonal_p: int = 0
    seasonal_d: int = 0
    seasonal_q: int = 0
    period: int = 7

    @property
    def array(self) -> NDArray[np.int64]:
        """(p, d, q, P, D, Q, s)."""
        return np.array(
            [self.p, self.d, self.q, self.seasonal_p, self.seasonal_d, self.seasonal_q,
             self.period], dtype=np.int64,
        )  # fmt: skip

    @property
    def n_coefficients(self) -> int:
        """K: number of coefficients."""
        return self.p + self.q + self.seasonal_p + self.seasonal_q

    @property
    def has_mean(self) -> bool:
        """Whether the model has a mean of its own: where nothing is differenced."""
        return self.d + self.seasonal_d == 0

    @property
    def starts(self) -> Doubles:
        """(S, K) free parameters to start from: each block's first partial small or large."""
        plain = itertools.product(*((0.1, 0.8), (0.4, 1.5)))
        seasonal = ((0.2, 0.0), (2.0, 1.5))
        sizes = (self.p, self.q, self.seasonal_p, self.seasonal_q)
        starts = {
            tuple(
                value if k == 0 else 0.0
                for value, size in zip((*first, *second), sizes, strict=True)
                for k in range(size)
            )
            for first, second in itertools.product(plain, seasonal)
        }
        return np.array(sorted(starts)).reshape(len(starts), self.n_coefficients)

    def __str__(self) -> str:
        """As (p,d,q)(P,D,Q)s."""
        return (
            f"({self.p},{self.d},{self.q})"
            f"({self.seasonal_p},{self.seasonal_d},{self.seasonal_q}){self.period}"
        )


@dataclass(frozen=True)
class Estimates:
    """Maximum likelihood estimates of N series.

    Attributes:
        coefficients: (N, K) of (phi, theta, Phi, Theta).
        slopes: (N, k) of the regressors, by generalised least squares; then the mean, (N, k + 1),
            of an order that has one.
        sigma2: (N,) variance of the shocks; NaN where nothing could be estimated.
        log_likelihood: (N,) of the data after the first d + s D known days, given these.
        known: (N,) number of days in it.
        iterations: (N,) of the maximiser.
    """

    coefficients: Doubles
    slopes: Doubles
    sigma2: Doubles
    log_likelihood: Doubles
    known: Doubles
    iterations: Doubles

    @property
    def aicc(self) -> Doubles:
        """(N,) Akaike's criterion corrected for small samples; inf where there is no estimate.

        Hurvich and Tsai (1989), Biometrika 76. To compare orders of the same differencing only.
        """
        k = self.coefficients.shape[1] + self.slopes.shape[1] + 1
        correction = 2 * k * (k + 1) / np.maximum(self.known - k - 1, 1e-9)
        criterion = -2 * self.log_likelihood + 2 * k + correction
        return np.asarray(np.where(np.isnan(criterion), np.inf, criterion))


def estimate(
    values: Doubles,
    order: Order,
    regressors: Doubles | None = None,
    *,
    iterations: int = ITERATIONS,
    tolerance: float = TOLERANCE,
    modes: int = MODES,
    workers: int = 1,
) -> Estimates:
    """Maximise the exact Gaussian likelihood of every series.

    Args:
        values: (N, T), NaN where unknown.
        order: The model.
        regressors: (N, k, T), or (1, k, T) where all series share them.
        iterations: Iterations at most.
        tolerance: Log likelihood that is not worth another step.
        modes: Other modes of nearly cancelling roots to climb; 0 to trust the first.
        workers: Threads.
    """
    values, regressors = _prepared(values, order, regressors)
    n, k = len(values), regressors.shape[1]
    free, coefficients = np.zeros((2, n, order.n_coefficients))
    slopes, figures = np.zeros((n, k)), np.full((n, 4), np.nan)
    starts = order.starts

    def run(rows: slice) -> None:
        estimation.estimated(
            values[rows], _of(regressors, rows), order.array, starts, iterations, tolerance, modes,
            free[rows], coefficients[rows], slopes[rows], figures[rows],
        )  # fmt: skip

    spread_over(run, n, workers)
    return Estimates(coefficients, slopes, *figures.T)


def predict(
    values: Doubles,
    order: Order,
    coefficients: Doubles,
    slopes: Doubles,
    horizon: int,
    regressors: Doubles | None = None,
) -> tuple[Doubles, Doubles]:
    """One-day predictions of known days and forecasts of the next, with fixed parameters.

    Args:
        values: (N, T), NaN where unknown.
        order: The model.
        coefficients: (N, K).
        slopes: As estimated.
        horizon: H days ahead.
        regressors: (N, k, T + H), or (1, k, T + H) where all series share them.

    Returns:
        Means (N, T + H) and variances (N, T + H) in units of sigma^2.
    """
    values, regressors = _prepared(values, order, regressors, horizon)
    means, variances = np.empty((2, len(values), values.shape[1] + horizon))
    filtering.predicted(
        values, regressors, order.array, np.ascontiguousarray(coefficients),
        np.ascontiguousarray(slopes), means, variances,
    )  # fmt: skip
    return means, variances


def psi_weights(order: Order, coefficients: Doubles, horizon: int) -> Doubles:
    """(N, H) weights of the last H shocks in the level, the newest first."""
    out = np.empty((len(coefficients), horizon))
    filtering.impulse_weights(order.array, np.ascontiguousarray(coefficients), out)
    return out


def spread_over(run: Callable[[slice], None], n: int, workers: int) -> None:
    """Call `run` on slices of n rows, in threads where there are several workers."""
    if workers == 1 or n < 2 * workers:
        run(slice(0, n))
        return
    step = -(-n // (4 * workers))
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(run, (slice(at, at + step) for at in range(0, n, step))))


def _prepared(
    values: Doubles, order: Order, regressors: Doubles | None, ahead: int = 0
) -> tuple[Doubles, Doubles]:
    days = values.shape[1] + ahead
    if regressors is None:
        regressors = np.zeros((1, 0, days))
    if order.has_mean:
        ones = np.ones((len(regressors), 1, days))
        regressors = np.concatenate([regressors, ones], axis=1)
    return (
        np.ascontiguousarray(values, dtype=np.float64),
        np.ascontiguousarray(regressors, dtype=np.float64),
    )


def _of(regressors: Doubles, rows: slice) -> Doubles:
    return regressors[rows] if len(regressors) > 1 else regressors
