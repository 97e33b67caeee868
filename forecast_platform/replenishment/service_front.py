"""Cost against service of a day's plans: what its limits leave, and what they take."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from forecast_platform.replenishment.allocation import lines_of, shared_limits, taking_part
from forecast_platform.replenishment.optimise.genetic import cost_and_service, pareto_front
from forecast_platform.replenishment.parameters import PlanParameters

FloatArray = NDArray[np.float64]

_POPULATION = 24
_GENERATIONS = 12
"""Enough for a smooth picture; a few seconds for tens of thousands of lines."""


@dataclass(frozen=True)
class ServiceFront:
    """Plans within a day's limits none of which is beaten in both cost and service.

    Attributes:
        cost: (F,) rising; order value, order cost and holding, currency.
        service: (F,) rising; share of the demand for stock that is met, which is demand of the
            protection period and, at its lesser worth, cycle stock.
        chosen: Cost and service of the plan that was made.
        unlimited: The same of what the policies ask for.
    """

    cost: FloatArray
    service: FloatArray
    chosen: tuple[float, float]
    unlimited: tuple[float, float]


@dataclass
class PurchaseValue:
    """A rule whose cost is what the orders cost, by group of lines.

    Attributes:
        group: (N,) group of every line, from 0.
        usage: (N,) purchase cost per unit.
        scale: Currency per unit of usage.
    """

    group: NDArray[np.int64]
    usage: FloatArray
    scale: float = 1.0

    def cost(self, used: FloatArray) -> float:
        """Currency for the usage of the groups, (J,)."""
        return float(used.sum())


def service_front(lines: pl.DataFrame, parameters: PlanParameters) -> ServiceFront | None:
    """Front of a day with limits, with more or less weight on service supplier by supplier.

    Args:
        lines: The `workings` of one day with limits.
        parameters: Its limits and cost rates.

    Returns:
        The front; None where no line is due, or no plan within the limits was found.
    """
    shared = shared_limits(lines, parameters)
    wanted = lines["unlimited_quantity"].cast(pl.Float64).to_numpy()
    part = taking_part(lines, wanted, shared)
    if not part.any():
        return None
    of_day = lines_of(lines, part, wanted, shared, parameters)
    rule = PurchaseValue(shared.supplier[part], shared.usage[0, part])
    front = pareto_front(
        of_day, shared.limits, rule, population=_POPULATION, generations=_GENERATIONS
    )
    if not front.cost.size:
        return None
    chosen, unlimited = (
        cost_and_service(of_day, shared.limits, rule, np.nan_to_num(quantity[part]))
        for quantity in (lines["order_quantity"].cast(pl.Float64).to_numpy(), wanted)
    )
    return ServiceFront(front.cost, front.service, chosen, unlimited)
