"""Whether residuals of many series still hold a pattern."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from forecast_platform.drawing import canvas, png

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


def ljung_box(
    residuals: Doubles, lags: int, fitted: int | NDArray[np.int64] = 0
) -> tuple[Doubles, Doubles]:
    """Test that the first autocorrelations of residuals are zero (Ljung and Box 1978, eq. 3).

    Args:
        residuals: (N, T), NaN where a day is unknown.
        lags: Autocorrelations tested.
        fitted: Coefficients estimated, of all or (N,) of each, which cost as many degrees of
            freedom.

    Returns:
        Statistics and p-values, each (N,).
    """
    from scipy.stats import chi2  # type: ignore[import-untyped,unused-ignore]

    n = (~np.isnan(residuals)).sum(axis=1)[:, None]
    weights = n * (n + 2) / np.maximum(n - np.arange(1, lags + 1), 1)
    statistic = (weights * autocorrelations(residuals, lags) ** 2).sum(axis=1)
    return statistic, np.asarray(chi2.sf(statistic, np.maximum(lags - fitted, 1)))


def residual_plot(residuals: Doubles, title: str, *, lags: int = 28, fitted: int = 0) -> bytes:
    """PNG of the residuals of one series: over time, their distribution, their autocorrelations.

    Args:
        residuals: (T,) standardised residuals, NaN where a day is unknown.
        title: What the series is.
        lags: Autocorrelations shown, and tested in the title.
        fitted: Coefficients estimated.
    """
    known = residuals[~np.isnan(residuals)]
    figure = canvas(12, 3.2)
    over_time, distribution, lagged = figure.subplots(1, 3)
    over_time.plot(residuals, linewidth=0.8)
    over_time.set_title("standardised residuals by day")
    distribution.hist(known, bins=40, density=True)
    at = np.linspace(-4, 4, 200)
    distribution.plot(at, np.exp(-(at**2) / 2) / np.sqrt(2 * np.pi), label="normal")
    distribution.set_title("distribution")
    distribution.legend()
    lagged.bar(np.arange(1, lags + 1), autocorrelations(residuals[None], lags)[0])
    for side in (-1, 1):
        lagged.axhline(side * 1.96 / np.sqrt(max(len(known), 1)), linestyle="--", color="grey")
    lagged.set_title("autocorrelation by lag, 95 % of noise within the lines")
    statistic, chance = ljung_box(residuals[None], lags, fitted)
    figure.suptitle(f"{title}: Ljung-Box {statistic[0]:.1f} over {lags} lags, p {chance[0]:.3f}")
    return png(figure)
