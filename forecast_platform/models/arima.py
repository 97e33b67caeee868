"""Seasonal ARIMA per series, estimated by exact maximum likelihood: our own engine.

ARIMA(1,1,1)(1,0,1)_7 on demand in units, with regressors known in advance if wanted. Estimated
once per training cutoff; every day after that the stored parameters filter the newest days, which
gives what a new estimate with the same parameters would give. Notation as in Hyndman and
Athanasopoulos, Forecasting: Principles and Practice (3rd ed.), chapter 9.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from forecast_platform.contracts import QUANTILES
from forecast_platform.errors import ModelError
from forecast_platform.executing import spread
from forecast_platform.models.arima_parameters import Parameters, grouped
from forecast_platform.models.base import (
    NOT_TRAINED,
    Floats,
    Progress,
    Reasons,
    known_quantiles,
    windows,
)
from forecast_platform.models.local import PATH_DAYS, LocalForecaster, degenerate, path_correlation
from forecast_platform.models.sarima import model as engine
from forecast_platform.models.sarima.diagnostics import ljung_box, residual_plot
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

_BATCH = 250
"""Series estimated in one piece."""
_BATCH_ON_DEVICE = 500


class Arima(LocalForecaster):
    """One order for all series; series that cannot be fitted go to the seasonal naive.

    Args:
        workers: Threads.
        order: The model.
        regressors: Names of covariates known in advance: a regression with ARIMA errors.
        device: Torch device of the batched engine, say "cuda"; compiled kernels if None.
    """

    name = "arima"
    context_days = CONTEXT_DAYS

    def __init__(
        self,
        workers: int = 1,
        order: Order = ORDER,
        regressors: Sequence[str] = (),
        device: str | None = None,
    ) -> None:
        super().__init__()
        self.workers = workers
        self.ray_address: str | None = None
        """Ray cluster that estimates instead of threads, as for `spread`."""
        self.device = device
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
        size = _BATCH_ON_DEVICE if self.device else _BATCH
        blocks = [
            (order, rows[group[at : at + size]])
            for order, group in grouped(orders)
            for at in range(0, len(group), size)
        ]
        pieces = ((order, demand[some], _of(known, some)) for order, some in blocks)
        found = spread(
            _estimated, pieces, self.device, workers=1 if self.device else self.workers,
            ray_address=None if self.device else self.ray_address,
        )  # fmt: skip
        done = 0
        for (order, some), estimates in zip(blocks, found, strict=True):
            _fill(out, order, some, *estimates)
            done += len(some)
            if progress:
                progress(done, done / len(rows))
        self._parameters = out
        for row in rows[~(out.sigma2[rows] > 0)]:
            reason[row] = f"ARIMA{Order(*out.order[row].tolist())} could not be estimated"
        fitted = np.flatnonzero([text is None for text in reason])
        if len(fitted):
            self.autocorrelation = path_correlation(self._psi(fitted, PATH_DAYS))
        return reason

    def _psi(self, rows: NDArray[np.intp], horizon: int) -> Doubles:
        own = self._parameters.take(rows)
        psi = np.empty((len(rows), horizon))
        for order, group in grouped(own.order):
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
            for order, group in grouped(own.order):
                means, variances = engine.predict(
                    past[at, group], order, own.coefficients[group], own.slopes[group], horizon,
                    _of(known, group), device=self.device,
                )  # fmt: skip
                mean[at, group], variance[at, group] = means[:, -horizon:], variances[:, -horizon:]
        return mean, mean[..., None] + np.sqrt(variance)[..., None] * own.spread[:, None, :]

    def residuals(self, panel: Panel) -> Doubles:
        """(N, T) one-day errors of the last 730 days of a panel, in their standard deviations.

        NaN where a day is unknown, and for a series that is not estimated.
        """
        recent = panel.last(DAYS)
        demand = recent.demand.astype(np.float64)
        known = covariates(recent, self._regressors, recent.n_days)
        rows = self.rows_of(panel)
        own = np.flatnonzero([row >= 0 and self._reason[row] is None for row in rows])
        found = self._parameters.take(rows[own])
        errors = np.full(demand.shape, np.nan)
        for order, group in grouped(found.order):
            some = own[group]
            means, variances = engine.predict(
                demand[some], order, found.coefficients[group], found.slopes[group], 0,
                _of(known, some), device=self.device,
            )  # fmt: skip
            scale = np.sqrt(variances * found.sigma2[group][:, None])
            errors[some] = (demand[some] - means) / scale
        return errors

    def diagnose(self, panel: Panel, lags: int = 28) -> pl.DataFrame:
        """Ljung-Box test of each series' residuals, null where there is no estimate.

        Columns item_id, location_id, statistic, and p_value: its chance if residuals are noise.
        """
        import polars as pl

        residuals, rows = self.residuals(panel), self.rows_of(panel)
        sizes = self._parameters.order[np.maximum(rows, 0)][:, [0, 2, 3, 5]].sum(axis=1)
        statistic, chance = ljung_box(residuals, lags, sizes)
        unknown = np.isnan(residuals).all(axis=1)
        statistic[unknown], chance[unknown] = np.nan, np.nan
        names = {"item_id": panel.items.tolist(), "location_id": panel.locations.tolist()}
        return pl.DataFrame({**names, "statistic": statistic, "p_value": chance}).fill_nan(None)

    def residual_plot(self, panel: Panel, row: int) -> bytes:
        """PNG of the residuals of the panel's series of that row."""
        trained = self.rows_of(panel)[row]
        if trained < 0 or self._reason[trained] is not None:
            reason = NOT_TRAINED if trained < 0 else self._reason[trained]
            raise ModelError(
                f"{panel.items[row]} at {panel.locations[row]} has no residuals, as it was not "
                f"estimated ({reason}): choose another series."
            )
        order = Order(*self._parameters.order[trained].tolist())
        title = f"{panel.items[row]} at {panel.locations[row]}, ARIMA{order}"
        residuals = self.residuals(panel.select(np.array([row])))[0]
        return residual_plot(residuals, title, fitted=order.n_coefficients)

    def _columns(self) -> dict[str, Any]:
        columns = {f.name: getattr(self._parameters, f.name) for f in fields(Parameters)}
        if self._regressors:
            columns["regressors"] = [list(self._regressors)] * len(self._parameters.order)
        return columns

    def _restore(self, table: pl.DataFrame) -> None:
        self._parameters = Parameters(*(table[f.name].to_numpy() for f in fields(Parameters)))
        if "regressors" in table.columns:
            self._regressors = tuple(table["regressors"][0])


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


def _estimated(
    piece: tuple[Order, Doubles, Doubles], device: str | None
) -> tuple[engine.Estimates, Doubles]:
    """Estimates of series of one order, and the quantiles (n, Q) of their one-day errors."""
    order, demand, known = piece
    found = engine.estimate(demand, order, known, device=device)
    means, variances = engine.predict(
        demand, order, found.coefficients, found.slopes, 0, known, device=device
    )
    return found, known_quantiles((demand - means) / np.sqrt(variances), QUANTILES)


def _fill(
    out: Parameters,
    order: Order,
    rows: NDArray[np.intp],
    found: engine.Estimates,
    errors: Doubles,
) -> None:
    out.order[rows] = order.array
    out.coefficients[rows, : order.n_coefficients] = found.coefficients
    out.coefficients[rows, order.n_coefficients :] = 0
    out.slopes[rows] = 0
    out.slopes[rows, : found.slopes.shape[1]] = found.slopes
    out.sigma2[rows] = found.sigma2
    out.log_likelihood[rows] = found.log_likelihood
    out.iterations[rows] = found.iterations
    out.spread[rows] = errors
