"""Seasonal ARIMA per series, each series with the order that suits it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from forecast_platform.executing import spread
from forecast_platform.models.arima import Arima
from forecast_platform.models.base import Progress
from forecast_platform.models.sarima import select
from forecast_platform.models.sarima.model import Order

PERIOD = 7

_BATCH = 100
"""Series searched in one piece."""


class AutoArima(Arima):
    """Orders by stepwise AICc on the exact likelihood, then as `Arima`.

    Args:
        workers: Threads.
        seconds: Bound of the search; a search that is cut short keeps the best orders seen, which
            then depend on the machine's speed.
    """

    name = "auto_arima"

    def __init__(self, workers: int = 1, seconds: float = np.inf) -> None:
        super().__init__(workers)
        self._seconds = seconds

    def _orders(self, demand: NDArray[np.float64], progress: Progress | None) -> list[Order]:
        orders: list[Order] = []
        share = self._seconds * min(1, _BATCH / max(1, len(demand)))
        batches = (demand[at : at + _BATCH] for at in range(0, len(demand), _BATCH))
        for found in spread(
            _chosen, batches, share, workers=self.workers, ray_address=self.ray_address
        ):
            orders += found
            if progress:
                progress(len(orders), len(orders) / len(demand))
        return orders


def _chosen(demand: NDArray[np.float64], seconds: float) -> list[Order]:
    return select.choose(demand, PERIOD, seconds=seconds)
