"""Orders, series and the reference engine of the tests of ARIMA."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np

from forecast_platform.models.sarima.model import Order, psi_weights

WEEKLY = Order(1, 1, 1, 1, 0, 1, 7)
ORDERS = (
    WEEKLY,
    Order(2, 0, 1),
    Order(0, 1, 2, 0, 1, 1),
    Order(3, 1, 0, 2, 0, 0),
    Order(1, 0, 1, 1, 1, 1),
)


def reference(values: np.ndarray, order: Order, exog: np.ndarray | None = None, **options: bool):
    from statsmodels.tsa.statespace.sarimax import SARIMAX

    p, d, q, *seasonal = astuple(order)
    trend = "c" if order.has_mean else "n"
    return SARIMAX(values, exog, order=(p, d, q), seasonal_order=seasonal, trend=trend, **options)


def simulated(order: Order, coefficients: list[float], days: int, n: int, seed: int) -> np.ndarray:
    """(n, days) paths of the model from psi weights, after a run-in."""
    shocks = np.random.default_rng(seed).standard_normal((n, 2 * days))
    psi = psi_weights(order, np.array([coefficients]), 2 * days)[0]
    return np.stack([np.convolve(row, psi)[days : 2 * days] for row in shocks])


def demand(n: int, days: int, seed: int) -> np.ndarray:
    """(n, days) counts with a week and a wandering level."""
    rng = np.random.default_rng(seed)
    level = np.exp(rng.normal(0, 0.03, (n, days)).cumsum(axis=1)) * rng.gamma(2, 3, (n, 1))
    week = rng.uniform(0.6, 1.5, (n, 7))
    return rng.poisson(level * np.tile(week, days // 7 + 1)[:, :days]).astype(float)


def theirs(order: Order, coefficients: np.ndarray, slopes: np.ndarray, sigma2: float) -> np.ndarray:
    """Parameters in statsmodels' order: intercept of the equation, regressors, ARMA, variance."""
    p = order.p
    phi = coefficients[:p].sum()
    seasonal = coefficients[p + order.q : p + order.q + order.seasonal_p].sum()
    intercept = [slopes[-1] * (1 - phi) * (1 - seasonal)] if order.has_mean else []
    return np.array([*intercept, *coefficients, sigma2])
