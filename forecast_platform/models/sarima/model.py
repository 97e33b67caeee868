"""What the families call: orders, estimates, forecasts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from forecast_platform.models.sarima import estimate as estimation
from forecast_platform.models.sarima import filtering
from forecast_platform.models.sarima.order import (
    ITERATIONS,
    MODES,
    TOLERANCE,
    Estimates,
    Method,
    Order,
    with_mean,
)

__all__ = ["Estimates", "Method", "Order", "estimate", "predict", "psi_weights"]

Doubles = NDArray[np.float64]


def estimate(
    values: Doubles,
    order: Order,
    regressors: Doubles | None = None,
    *,
    iterations: int = ITERATIONS,
    tolerance: float = TOLERANCE,
    modes: int = MODES,
    method: Method = "ml",
    device: str | None = None,
) -> Estimates:
    """Maximise the likelihood of every series.

    Args:
        values: (N, T), NaN where unknown.
        order: The model.
        regressors: (N, k, T), or (1, k, T) where all series share them.
        iterations: Iterations at most.
        tolerance: Log likelihood that is not worth another step.
        modes: Other modes of nearly cancelling roots to climb; 0 to trust the first.
        method: "ml" for the exact Gaussian likelihood; "css" for the conditional sum of squares,
            rougher and quicker, which holds for series without gaps only: others get "ml".
        device: A torch device to work on, all series together, say "cuda"; the compiled kernels on
            the processor if None.
    """
    if device is not None:
        from forecast_platform.models.sarima.batched import model as batched

        return batched.estimate(
            values, order, regressors, iterations=iterations, tolerance=tolerance, modes=modes,
            method=method, device=device,
        )  # fmt: skip
    values, regressors = with_mean(values, order, regressors)
    n, k = len(values), regressors.shape[1]
    free, coefficients = np.zeros((2, n, order.n_coefficients))
    slopes, figures = np.zeros((n, k)), np.full((n, 4), np.nan)
    estimation.estimated(
        values, regressors, order.array, order.starts, iterations, tolerance, modes,
        method == "css", free, coefficients, slopes, figures,
    )  # fmt: skip
    return Estimates(coefficients, slopes, *figures.T)


def predict(
    values: Doubles,
    order: Order,
    coefficients: Doubles,
    slopes: Doubles,
    horizon: int,
    regressors: Doubles | None = None,
    *,
    device: str | None = None,
) -> tuple[Doubles, Doubles]:
    """One-day predictions of known days and forecasts of the next, with fixed parameters.

    Args:
        values: (N, T), NaN where unknown.
        order: The model.
        coefficients: (N, K).
        slopes: As estimated.
        horizon: H days ahead.
        regressors: (N, k, T + H), or (1, k, T + H) where all series share them.
        device: As for `estimate`.

    Returns:
        Means (N, T + H) and variances (N, T + H) in units of sigma^2.
    """
    if device is not None:
        from forecast_platform.models.sarima.batched import model as batched

        return batched.predict(
            values, order, coefficients, slopes, horizon, regressors, device=device
        )
    values, regressors = with_mean(values, order, regressors, horizon)
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
