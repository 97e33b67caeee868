"""Features of demand alone, defined once for the daily table and for the panels of models.

Belongs here: which statistic over which days. Does not belong here: how it is computed
(`kernels.py`); features of price, offers and categories (`definitions.py`), whose conventions hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

from forecast_platform.panel import FloatArray

if TYPE_CHECKING:
    from forecast_platform.features.definitions import Block

SALE_CAP_DAYS = 56


class Statistic(IntEnum):
    """What a feature says of the known demand in its window; numbered as the kernel does."""

    LAG = 0
    MEAN = 1
    STD = 2
    ZERO_SHARE = 3
    DAYS_SINCE_SALE = 4
    KNOWN_SHARE = 5


@dataclass(frozen=True)
class DemandFeature:
    """One feature of demand.

    Attributes:
        name: Column of the `features` contract, which describes it, or for models alone.
        statistic: What it says.
        days: Values in its window; days back of a lag; cap of the days since a sale.
        step: Days between two values of the window: 1, or 7 for one weekday.
    """

    name: str
    statistic: Statistic
    days: int
    step: int = 1

    @property
    def lookback(self) -> int:
        """Days before D that the value of D may depend on."""
        return self.days if self.statistic == Statistic.LAG else (self.days - 1) * self.step

    def values(self, block: Block) -> FloatArray:
        """(rows, N) float32 from a block; NaN where unknown."""
        values: FloatArray = of_demand(block.demand_by_series, block.rows, [self])[0].T
        return values


def of_demand(demand: FloatArray, rows: int, features: Sequence[DemandFeature]) -> FloatArray:
    """Features of the last `rows` days.

    Args:
        demand: (N, R) float32, units per day, NaN where unknown; R >= rows + longest look-back.
        rows: Days wanted.
        features: F features.

    Returns:
        (F, N, rows) float32, NaN where unknown.
    """
    from forecast_platform.features.kernels import moving

    values = np.empty((len(features), len(demand), rows), dtype=np.float32)
    statistic, days, step = (
        np.array([getattr(feature, name) for feature in features], dtype=np.int64)
        for name in ("statistic", "days", "step")
    )
    moving(np.ascontiguousarray(demand), rows, statistic, days, step, values)
    return values


TABLE_DEMAND_FEATURES = (
    *(DemandFeature(f"demand_lag_{days}", Statistic.LAG, days) for days in (1, 7, 14, 28)),
    *(DemandFeature(f"demand_mean_{days}", Statistic.MEAN, days) for days in (7, 28, 56)),
    DemandFeature("demand_std_28", Statistic.STD, 28),
    DemandFeature("zero_share_28", Statistic.ZERO_SHARE, 28),
    DemandFeature("days_since_sale", Statistic.DAYS_SINCE_SALE, SALE_CAP_DAYS),
    DemandFeature("weekday_mean_8", Statistic.MEAN, 8, step=7),
)

DEMAND_FEATURES = (
    *TABLE_DEMAND_FEATURES,
    DemandFeature("demand_lag_0", Statistic.LAG, 0),
    DemandFeature("known_share_28", Statistic.KNOWN_SHARE, 28),
    *(DemandFeature(f"demand_mean_{days}", Statistic.MEAN, days) for days in (14, 91, 182)),
    DemandFeature("weekday_mean_4", Statistic.MEAN, 4, step=7),
)
"""The daily table's, and longer ones for models alone."""
