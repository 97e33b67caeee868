"""What names a model, and what an estimate of one is."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

Method = Literal["ml", "css"]

ITERATIONS = 60
TOLERANCE = 1e-3
MODES = 2

# Where an autoregressive and a moving-average root cancel there is a ridge; modes lie beside it.
RIDGE = (-0.97, -0.9, -0.75, -0.5, -0.2, 0.2, 0.5, 0.75, 0.9, 0.97)
"""Partial autocorrelations at which modes are looked for."""
ROUGHLY = 30.0
"""Modes are compared to so many times the tolerance of the last climb."""
WORTH = 0.5
"""Log likelihood by which a mode may seem worse than the best and is looked at still."""


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
    def n_differenced(self) -> int:
        """Days that differencing takes."""
        return self.d + self.period * self.seasonal_d

    @property
    def n_state(self) -> int:
        """m: length of the state of the differenced process, at least 1."""
        moving = self.q + self.period * self.seasonal_q
        return max(self.p + self.period * self.seasonal_p, moving, 1)

    @property
    def longest_lag(self) -> int:
        """Length of the state when differencing is part of the autoregression."""
        return max(self.n_state, self.p + self.period * self.seasonal_p + self.n_differenced)

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
    """Estimates of N series.

    Attributes:
        coefficients: (N, K) of (phi, theta, Phi, Theta).
        slopes: (N, k) of the regressors, by generalised least squares; then the mean, (N, k + 1),
            of an order that has one.
        sigma2: (N,) variance of the shocks; NaN where nothing could be estimated.
        log_likelihood: (N,) of the data after the first d + s D known days, given these; with "css"
            after the first p + s P days of their differences too, and given no shocks on them.
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


def with_mean(
    values: Doubles, order: Order, regressors: Doubles | None, ahead: int = 0
) -> tuple[Doubles, Doubles]:
    """Series (N, T) and regressors (N or 1, k, T + ahead), a constant last where one is due."""
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
