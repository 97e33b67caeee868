"""Seasonal ARIMA per series, estimated by exact maximum likelihood: our own engine.

ARIMA(1,1,1)(1,0,1)_7 on demand in units, with regressors known in advance if wanted. Estimated
once per training cutoff; every day after that the stored parameters filter the newest days, which
gives what a new estimate with the same parameters would give. Notation as in Hyndman and
Athanasopoulos, Forecasting: Principles and Practice (3rd ed.), chapter 9.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from forecast_platform.contracts import QUANTILES
from forecast_platform.errors import ModelError
from forecast_platform.models.base import Floats, Progress, Reasons, known_quantiles, windows
from forecast_platform.models.local import PATH_LAG, LocalForecaster, degenerate, path_correlation
from forecast_platform.models.sarima import model as engine
from forecast_platform.models.sarima.model import Order

if TYPE_CHECKING:
    import polars as pl

    from forecast_platform.panel import Panel

Doubles = NDArray[np.float64]

ORDER = Order(1, 1, 1, 1, 0, 1, 7)
DAYS = 730
"""Days that parameters are estimated on."""

CONTEXT_DAYS = 182
"""Days that are filtered for a forecast."""

JUDGED_DAYS = 365
"""A series that did not move for a year is not worth a model."""

_BATCH = 500


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


class Arima(LocalForecaster):
    """One order for all series; series that cannot be fitted go to the seasonal naive.

    Args:
        workers: Threads.
        order: The model.
        regressors: Names of covariates known in advance: a regression with ARIMA errors.
    """

    name = "arima"
    context_days = CONTEXT_DAYS

    def __init__(
        self, workers: int = 1, order: Order = ORDER, regressors: Sequence[str] = ()
    ) -> None:
        super().__init__()
        self.workers = workers
        self._order = order
        self._regressors = tuple(regressors)
        self._parameters = Parameters.blank(0, [], 0)

    def _orders(self, demand: Doubles, progress: Progress | None) -> list[Order]:
        """The order of each series (N, T)."""
        return [self._order] * len(demand)

    def _estimate(self, panel: Panel, seed: int, progress: Progress | None) -> Reasons:
        recent = panel.last(DAYS)
        demand = recent.demand.astype(np.float64)
        known = covariates(recent, self._regressors, recent.n_days)
        reason = degenerate(demand[:, -JUDGED_DAYS:], JUDGED_DAYS)
        rows = np.flatnonzero([text is None for text in reason])
        orders = self._orders(demand[rows], progress)
        out = Parameters.blank(panel.n_series, orders, len(self._regressors))
        done = 0
        for order, group in _grouped(orders):
            for at in range(0, len(group), _BATCH):
                some = rows[group[at : at + _BATCH]]
                self._fill(out, order, some, demand[some], _of(known, some))
                done += len(some)
                if progress:
                    progress(done, done / len(rows))
        self._parameters = out
        for row in rows[~(out.sigma2[rows] > 0)]:
            reason[row] = f"ARIMA{Order(*out.order[row].tolist())} could not be estimated"
        fitted = np.flatnonzero([text is None for text in reason])
        if len(fitted):
            self.autocorrelation = path_correlation(self._psi(fitted, PATH_LAG + 1))
        return reason

    def _fill(
        self, out: Parameters, order: Order, rows: NDArray[np.intp], demand: Doubles, known: Doubles
    ) -> None:
        found = engine.estimate(demand, order, known, workers=self.workers)
        means, variances = engine.predict(demand, order, found.coefficients, found.slopes, 0, known)
        out.order[rows] = order.array
        out.coefficients[rows, : order.n_coefficients] = found.coefficients
        out.coefficients[rows, order.n_coefficients :] = 0
        out.slopes[rows] = 0
        out.slopes[rows, : found.slopes.shape[1]] = found.slopes
        out.sigma2[rows] = found.sigma2
        out.log_likelihood[rows] = found.log_likelihood
        out.iterations[rows] = found.iterations
        out.spread[rows] = known_quantiles((demand - means) / np.sqrt(variances), QUANTILES)

    def _psi(self, rows: NDArray[np.intp], horizon: int) -> Doubles:
        own = self._parameters.take(rows)
        psi = np.empty((len(rows), horizon))
        for order, group in _grouped(own.order):
            psi[group] = engine.psi_weights(order, own.coefficients[group], horizon)
        return psi

    def _answer(
        self, panel: Panel, rows: NDArray[np.intp], origins: Sequence[dt.date], horizon: int
    ) -> tuple[Floats, Floats]:
        own = self._parameters.take(rows)
        past = windows(panel, origins, CONTEXT_DAYS).astype(np.float64)
        mean = np.empty((len(origins), len(rows), horizon))
        variance = np.empty_like(mean)
        for at, origin in enumerate(origins):
            known = covariates(panel, self._regressors, CONTEXT_DAYS, origin, horizon)
            for order, group in _grouped(own.order):
                means, variances = engine.predict(
                    past[at, group], order, own.coefficients[group], own.slopes[group], horizon,
                    _of(known, group),
                )  # fmt: skip
                mean[at, group], variance[at, group] = means[:, -horizon:], variances[:, -horizon:]
        return mean, mean[..., None] + np.sqrt(variance)[..., None] * own.spread[:, None, :]

    def _columns(self) -> dict[str, Any]:
        return {f.name: getattr(self._parameters, f.name) for f in fields(Parameters)}

    def _restore(self, table: pl.DataFrame) -> None:
        self._parameters = Parameters(*(table[f.name].to_numpy() for f in fields(Parameters)))


def covariates(
    panel: Panel, names: Sequence[str], days: int, origin: dt.date | None = None, horizon: int = 0
) -> Doubles:
    """(N, k, days + H) values known in advance, up to H days after the origin.

    (1, k, days + H) where no covariate differs between series. Days before the panel are NaN.

    Args:
        panel: The panel.
        names: k covariates.
        days: Days up to and including the origin.
        origin: By default the panel's last day.
        horizon: H.

    Raises:
        ModelError: If the panel lacks a covariate or a day of it, named one by one.
    """
    end = panel.n_days if origin is None else panel.column_of(origin) + 1
    parts = []
    for name in names:
        values = panel.future.get(name)
        if values is None:
            raise ModelError(
                f"The regressor {name!r} is not among the panel's covariates known in advance "
                f"({', '.join(sorted(panel.future)) or 'none'}): add it, or train without it."
            )
        part = np.atleast_2d(values)[:, max(end - days, 0) : end + horizon]
        ahead = part[:, max(part.shape[1] - horizon, 0) :]
        missing = end + horizon - np.atleast_2d(values).shape[1]
        if missing > 0 or np.isnan(ahead).any():
            holes = int(np.isnan(ahead).sum()) + max(missing, 0) * len(part)
            raise ModelError(
                f"The regressor {name!r} lacks {holes} of the values of the {horizon} days after "
                f"{origin or panel.last_day}: fill them in, or train without it."
            )
        front = days + horizon - part.shape[1]
        parts.append(np.pad(part, ((0, 0), (front, 0)), constant_values=np.nan))
    if not parts:
        return np.zeros((1, 0, days + horizon))
    rows = max(len(part) for part in parts)
    shape = (rows, days + horizon)
    return np.stack([np.broadcast_to(part, shape) for part in parts], axis=1).astype(np.float64)


def _of(regressors: Doubles, rows: NDArray[np.intp]) -> Doubles:
    return regressors[rows] if len(regressors) > 1 else regressors


def _grouped(
    orders: Sequence[Order] | NDArray[np.int64],
) -> Iterator[tuple[Order, NDArray[np.intp]]]:
    """Each order with the positions that have it."""
    lines = np.array([astuple(o) if isinstance(o, Order) else o for o in orders]).reshape(-1, 7)
    found, member = np.unique(lines, axis=0, return_inverse=True)
    for at, line in enumerate(found):
        yield Order(*(int(part) for part in line)), np.flatnonzero(member.reshape(-1) == at)
