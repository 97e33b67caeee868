"""The table of ARIMA parameters, a row for each series."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, fields

import numpy as np
from numpy.typing import NDArray

from forecast_platform.contracts import QUANTILES
from forecast_platform.models.sarima.model import Order

Doubles = NDArray[np.float64]


@dataclass
class Parameters:
    """Estimates of N series.

    Attributes:
        order: (N, 7) of (p, d, q, P, D, Q, s).
        coefficients: (N, K) of (phi, theta, Phi, Theta), then zeros.
        slopes: (N, k + 1) of the regressors, and the mean of an order that has
            one, units of demand.
        sigma2: (N,) variance of the shocks, units of demand squared; NaN if not estimated.
        log_likelihood: (N,) log likelihood reached.
        iterations: (N,) iterations of the maximiser.
        spread: (N, Q) quantiles of the one-day errors over their standard deviation in units of
            that of a shock, in units of demand.
    """

    order: NDArray[np.int64]
    coefficients: Doubles
    slopes: Doubles
    sigma2: Doubles
    log_likelihood: Doubles
    iterations: Doubles
    spread: Doubles

    @classmethod
    def blank(cls, n: int, orders: list[Order], k: int) -> Parameters:
        """Room for the estimates of n series, of which the orders are known."""
        widest = max((order.n_coefficients for order in orders), default=0)
        widths = (widest, k + 1, None, None, None, len(QUANTILES))
        shapes = [(n,) if width is None else (n, width) for width in widths]
        return cls(np.zeros((n, 7), dtype=np.int64), *(np.full(shape, np.nan) for shape in shapes))

    def take(self, rows: NDArray[np.intp]) -> Parameters:
        """The estimates of some series."""
        return Parameters(*(getattr(self, f.name)[rows] for f in fields(self)))


def grouped(
    orders: Sequence[Order] | NDArray[np.int64],
) -> Iterator[tuple[Order, NDArray[np.intp]]]:
    """Each order with the positions that have it."""
    lines = np.array([astuple(o) if isinstance(o, Order) else o for o in orders]).reshape(-1, 7)
    found, member = np.unique(lines, axis=0, return_inverse=True)
    for at, line in enumerate(found):
        yield Order(*(int(part) for part in line)), np.flatnonzero(member.reshape(-1) == at)
