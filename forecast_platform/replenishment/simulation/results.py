"""What a simulation shows: service, stock and costs, each with its standard error over paths."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from forecast_platform.replenishment.simulation import layout

FloatArray = NDArray[np.float64]

DAYS_PER_YEAR = 365.0


@dataclass(frozen=True)
class Estimate:
    """Mean over paths and its standard error; NaN where nothing was observed.

    Attributes:
        mean: (N,) per SKU, or () for all together.
        standard_error: The same shape; NaN with a single path.
    """

    mean: FloatArray
    standard_error: FloatArray

    @classmethod
    def of(cls, values: FloatArray) -> Estimate:
        """Mean of independent values over the last axis."""
        return cls(values.mean(axis=-1), _error(values))

    @classmethod
    def ratio(cls, above: FloatArray, below: FloatArray) -> Estimate:
        """Ratio of two means over paths; its error by the delta method.

        Source: Cochran, Sampling Techniques (1977), eq. 2.46.
        """
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = above.mean(axis=-1) / below.mean(axis=-1)
            residual = (above - mean[..., None] * below) / below.mean(axis=-1, keepdims=True)
            mean = np.where(below.mean(axis=-1) > 0, mean, np.nan)
        return cls(mean, _error(residual))


@dataclass(frozen=True)
class Costs:
    """Costs per SKU; one number for all, or (N,).

    Attributes:
        holding: Currency per unit on hand at the end of a day.
        order: K, currency per order.
        unit_cost: Currency per unit ordered.
        stockout: Currency per unit lost, or per unit and day owed with backorders. The margin
            lost is price - unit_cost.
        spoilage: Currency per unit spoiled beyond what it cost.
        price: Currency per unit sold; only GMROI needs it.
    """

    holding: ArrayLike = 0.0
    order: ArrayLike = 0.0
    unit_cost: ArrayLike = 0.0
    stockout: ArrayLike = 0.0
    spoilage: ArrayLike = 0.0
    price: ArrayLike = np.nan


@dataclass(frozen=True)
class Simulation:
    """Totals of a simulation; every method gives one figure per SKU, or of all with `overall`.

    Attributes:
        totals: (N, `layout.N_TOTALS`, P), rows as named in `layout`.
        days: Days counted.
        backorders: Whether unmet demand waited.
    """

    totals: NDArray[Any]
    days: int
    backorders: bool

    def fill_rate(self, overall: bool = False) -> Estimate:
        """Type 2 service: share of demand met from stock at once."""
        return Estimate.ratio(self._row(layout.FILLED, overall), self._row(layout.DEMAND, overall))

    def cycle_service_level(self, overall: bool = False) -> Estimate:
        """Type 1 service: share of the cycles between receipts without unmet demand."""
        cycles, short = (self._row(row, overall) for row in (layout.CYCLES, layout.SHORT_CYCLES))
        return Estimate.ratio(cycles - short, cycles)

    def ready_rate(self, overall: bool = False) -> Estimate:
        """Share of days that end with stock on hand."""
        return Estimate.of(self._row(layout.READY_DAYS, overall) / self._sku_days(overall))

    def stockout_days(self, overall: bool = False) -> Estimate:
        """Days with unmet demand over the whole simulation."""
        return Estimate.of(self._row(layout.SHORT_DAYS, overall))

    def average_stock(self, overall: bool = False) -> Estimate:
        """Units on hand at the end of a day."""
        return Estimate.of(self._row(layout.HOLDING, overall) / self.days)

    def turns(self, overall: bool = False) -> Estimate:
        """Units that left for customers per year over average stock."""
        sold = self._sum(self.shipped(), overall)
        held = self._row(layout.HOLDING, overall)
        return Estimate.ratio(sold * DAYS_PER_YEAR, held)

    def days_of_supply(self, overall: bool = False) -> Estimate:
        """Average stock over units that left per day."""
        return Estimate.ratio(
            self._row(layout.HOLDING, overall), self._sum(self.shipped(), overall)
        )

    def gmroi(self, costs: Costs, overall: bool = False) -> Estimate:
        """Gross margin per year over average stock at cost; NaN without a price."""
        margin = _column(costs.price) - _column(costs.unit_cost)
        earned = self._sum(self.shipped() * margin, overall)
        invested = self._sum(self._row(layout.HOLDING) * _column(costs.unit_cost), overall)
        return Estimate.ratio(earned * DAYS_PER_YEAR, invested)

    def shipped(self) -> FloatArray:
        """Units that left for customers, (N, P): filled at once, or what was owed before."""
        filled = self._row(layout.FILLED)
        if not self.backorders:
            return filled
        owed = [np.maximum(-self._row(row), 0.0) for row in (layout.OPENING, layout.CLOSING)]
        return np.asarray(self._row(layout.DEMAND) + owed[0] - owed[1])

    def received(self) -> FloatArray:
        """Units received, (N, P)."""
        before, ordered, after = (
            self._row(row) for row in (layout.OPENING_ORDERS, layout.ORDERED, layout.CLOSING_ORDERS)
        )
        return np.asarray(before + ordered - after)

    def cost_paths(self, costs: Costs) -> dict[str, FloatArray]:
        """Cost per day by part, each (N, P)."""
        unmet = (
            self._row(layout.BACKLOG)
            if self.backorders
            else self._row(layout.DEMAND) - self._row(layout.FILLED)
        )
        parts: Mapping[str, tuple[ArrayLike, FloatArray]] = {
            "holding": (costs.holding, self._row(layout.HOLDING)),
            "ordering": (costs.order, self._row(layout.ORDERS)),
            "purchase": (costs.unit_cost, self._row(layout.ORDERED)),
            "stockout": (costs.stockout, unmet),
            "spoilage": (costs.spoilage, self._row(layout.SPOILED)),
        }
        return {
            name: _column(rate) * quantity / self.days for name, (rate, quantity) in parts.items()
        }

    def costs(self, costs: Costs, overall: bool = False) -> dict[str, Estimate]:
        """Cost per day by part and in "total", currency per day."""
        parts = self.cost_paths(costs)
        parts["total"] = np.sum(list(parts.values()), axis=0)
        return {name: Estimate.of(self._sum(part, overall)) for name, part in parts.items()}

    def _row(self, row: int, overall: bool = False) -> FloatArray:
        return self._sum(self.totals[:, row, :].astype(np.float64), overall)

    def _sum(self, values: FloatArray, overall: bool) -> FloatArray:
        return np.asarray(values.sum(axis=0) if overall else values)

    def _sku_days(self, overall: bool) -> float:
        return float(self.days * (self.totals.shape[0] if overall else 1))


def paired_difference(a: Simulation, b: Simulation, costs: Costs) -> Estimate:
    """Total cost per day of all SKUs under `a` less that under `b`, on common paths of demand.

    Pairing by path takes out the variation that both share, so that the standard error is that of
    the difference.
    """
    paths = [np.sum(list(s.cost_paths(costs).values()), axis=(0, 1)) for s in (a, b)]
    return Estimate.of(np.asarray(paths[0] - paths[1]))


@dataclass(frozen=True)
class Trace:
    """Every day of a simulation.

    Attributes:
        days: (N, T, `layout.N_TRACES`, P).
        opening: (N,) net stock before the first day.
    """

    days: FloatArray
    opening: FloatArray

    @property
    def ordered(self) -> FloatArray:
        """(N, T, P) units ordered."""
        return self.days[:, :, layout.T_ORDERED]

    @property
    def received(self) -> FloatArray:
        """(N, T, P) units received."""
        return self.days[:, :, layout.T_RECEIVED]

    @property
    def demand(self) -> FloatArray:
        """(N, T, P) units demanded."""
        return self.days[:, :, layout.T_DEMAND]

    @property
    def shipped(self) -> FloatArray:
        """(N, T, P) units that left for customers, those owed before included."""
        return self.days[:, :, layout.T_SHIPPED]

    @property
    def spoiled(self) -> FloatArray:
        """(N, T, P) units spoiled."""
        return self.days[:, :, layout.T_SPOILED]

    @property
    def closing(self) -> FloatArray:
        """(N, T, P) net stock at the end of the day: below zero what is owed."""
        return self.days[:, :, layout.T_CLOSING]


def _column(rate: ArrayLike) -> FloatArray:
    return np.asarray(rate, np.float64).reshape(-1, 1)


def _error(values: FloatArray) -> FloatArray:
    paths = values.shape[-1]
    if paths < 2:
        return np.full(values.shape[:-1], np.nan)
    return np.asarray(values.std(axis=-1, ddof=1) / np.sqrt(paths))
