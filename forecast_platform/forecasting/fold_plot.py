"""What was forecast against what came, of one origin, as a picture."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from forecast_platform.drawing import canvas, plain, png

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from forecast_platform.forecasting.truth import Truth
    from forecast_platform.models import Forecast

SHOWN = 3
"""Series shown beside the sum of all: those that sell for most."""

_BAND = (0.1, 0.9)


def fold_plot(truth: Truth, forecast: Forecast) -> bytes:
    """PNG of the sum of all series, and of the largest ones with their 80 % interval.

    Args:
        truth: What came after the origin.
        forecast: The forecast of that origin alone, quantiles at .1 and .9 among its levels.
    """
    largest = np.argsort(-truth.value, kind="stable")[:SHOWN]
    horizon = truth.actual.shape[1]
    mean, quantiles = forecast.mean[0, :, :horizon], forecast.quantiles[0, :, :horizon]
    days = [truth.origin + dt.timedelta(days=ahead + 1) for ahead in range(horizon)]
    low, high = (quantiles[..., forecast.levels.index(level)] for level in _BAND)
    figure = canvas(4 * (1 + len(largest)), 3, "tight")
    total, *others = figure.subplots(1, 1 + len(largest), squeeze=False)[0]
    known = ~np.isnan(truth.actual)
    sums = [np.where(known, values, 0).sum(axis=0) for values in (truth.actual, mean)]
    _draw(total, days, sums[0], sums[1], f"all series from {truth.origin}")
    for axes, row in zip(others, largest, strict=True):
        axes.fill_between(days, low[row], high[row], alpha=0.25, label="80 % interval")
        name = plain(f"{truth.items[row]} at {truth.locations[row]}")
        _draw(axes, days, truth.actual[row], mean[row], name)
    return png(figure)


def _draw(
    axes: Axes,
    days: list[dt.date],
    actual: NDArray[np.floating[Any]],
    mean: NDArray[np.floating[Any]],
    title: str,
) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    axes.plot(days, actual, "k.-", linewidth=0.8, label="actual")  # type: ignore[arg-type]
    axes.plot(days, mean, label="forecast")  # type: ignore[arg-type]
    axes.set_title(title, fontsize=9)
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=7)
    few = AutoDateLocator(maxticks=5)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(few)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(few))  # type: ignore[no-untyped-call]
