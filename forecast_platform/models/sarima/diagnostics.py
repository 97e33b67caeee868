"""Whether residuals of many series still hold a pattern."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]


def autocorrelations(residuals: Doubles, lags: int) -> Doubles:
    """(N, lags) autocorrelations at lags 1.. of residuals (N, T), NaN where a day is unknown."""
    known = ~np.isnan(residuals)
    count = np.maximum(known.sum(axis=1), 1)
    mean = np.where(known, residuals, 0).sum(axis=1) / count
    error = np.where(known, residuals - mean[:, None], 0)
    power = np.square(error).sum(axis=1)
    out = np.zeros((len(residuals), lags))
    for lag in range(1, min(lags, residuals.shape[1] - 1) + 1):
        product = (error[:, lag:] * error[:, :-lag]).sum(axis=1)
        out[:, lag - 1] = np.divide(product, power, out=np.zeros_like(power), where=power > 0)
    return out


def ljung_box(residuals: Doubles, lags: int, fitted: int = 0) -> tuple[Doubles, Doubles]:
    """Test that the first autocorrelations of residuals are zero (Ljung and Box 1978, eq. 3).

    Args:
        residuals: (N, T), NaN where a day is unknown.
        lags: Autocorrelations tested.
        fitted: Coefficients estimated, which cost as many degrees of freedom.

    Returns:
        Statistics and p-values, each (N,).
    """
    from scipy.stats import chi2  # type: ignore[import-untyped,unused-ignore]

    n = (~np.isnan(residuals)).sum(axis=1)[:, None]
    weights = n * (n + 2) / np.maximum(n - np.arange(1, lags + 1), 1)
    statistic = (weights * autocorrelations(residuals, lags) ** 2).sum(axis=1)
    return statistic, np.asarray(chi2.sf(statistic, max(lags - fitted, 1)))
