"""The features of a panel's demand, computed on its wide array as they are for the daily table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from forecast_platform.features.demand import DemandFeature, of_demand
from forecast_platform.panel import FloatArray


def demand_features(
    demand: FloatArray, first: int, last: int, features: Sequence[DemandFeature]
) -> FloatArray:
    """Features of the columns [first, last] of a panel.

    Args:
        demand: (N, T) float32, units per day; NaN where unknown. Days before column 0 are unknown.
        first: First column wanted; may lie before the panel.
        last: Last column wanted.
        features: F features, such as `DEMAND_FEATURES`.

    Returns:
        (F, N, last - first + 1) float32, NaN where unknown. A value has the same bits whatever
        columns and series it is computed with.
    """
    start = first - max(feature.lookback for feature in features)
    days = demand[:, max(start, 0) : last + 1]
    if start < 0:
        days = np.pad(days, ((0, 0), (-start, 0)), constant_values=np.nan)
    return of_demand(days, last + 1 - first, features)
