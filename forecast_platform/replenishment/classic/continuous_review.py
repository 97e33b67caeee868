"""Continuous review under Poisson demand: order Q whenever the inventory position falls to r.

Source: Federgruen and Zheng (1992), An Efficient Algorithm for Computing an Optimal (r,Q) Policy in
Continuous Review Stochastic Inventory Systems, Operations Research 40(4); Snyder and Shen (2019),
section 5.5.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from forecast_platform.replenishment.classic.checks import not_negative, positive, whole
from forecast_platform.replenishment.classic.demand import (
    critical_ratio,
    expected_cost,
    poisson_pmf,
    smallest_covering,
)


class ReorderQuantity(NamedTuple):
    """Reorder point r, order quantity Q (units) and expected cost per unit of time."""

    reorder: int
    quantity: int
    cost: float


def reorder_quantity(
    order_cost: float, holding: float, penalty: float, demand_rate: float, lead_time: float
) -> ReorderQuantity:
    """Best (r,Q) policy, exact.

    Args:
        order_cost: K, currency per order.
        holding: h, currency per unit and unit of time.
        penalty: p, currency per unit waiting and unit of time.
        demand_rate: Mean units per unit of time, Poisson.
        lead_time: Constant, units of time.

    Raises:
        ConfigurationError: If demand or a unit cost is not positive, or a number makes no sense.
    """
    rate = _rate(order_cost, holding, penalty, demand_rate, lead_time)
    in_lead_time = poisson_pmf(demand_rate * lead_time)
    cost_at = _cost_at(demand_rate * lead_time, holding, penalty)
    level = smallest_covering(in_lead_time, float(critical_ratio(holding, penalty)))
    low = high = level
    total = order_cost * rate + cost_at(level)
    while True:
        quantity = high - low + 1
        before, after = cost_at(low - 1), cost_at(high + 1)
        if total / quantity <= min(before, after):
            return ReorderQuantity(low - 1, quantity, total / quantity)
        if before <= after:
            low, total = low - 1, total + before
        else:
            high, total = high + 1, total + after


def reorder_quantity_cost(
    reorder: int,
    quantity: int,
    order_cost: float,
    holding: float,
    penalty: float,
    demand_rate: float,
    lead_time: float,
) -> float:
    """Expected cost per unit of time of a given (r,Q) policy, exact.

    Raises:
        ConfigurationError: If the quantity is below 1, or a number makes no sense.
    """
    rate = _rate(order_cost, holding, penalty, demand_rate, lead_time)
    whole("The order quantity", quantity, smallest=1)
    cost_at = _cost_at(demand_rate * lead_time, holding, penalty)
    positions = range(reorder + 1, reorder + quantity + 1)
    return (order_cost * rate + sum(cost_at(y) for y in positions)) / quantity


def _rate(
    order_cost: float, holding: float, penalty: float, demand_rate: float, lead_time: float
) -> float:
    not_negative("The order cost", order_cost)
    positive("The holding cost", holding)
    positive("The penalty cost", penalty)
    not_negative("The lead time", lead_time)
    return float(positive("The demand rate", demand_rate))


def _cost_at(mean: float, holding: float, penalty: float) -> Callable[[int], float]:
    """Cost rate by inventory position, any whole number."""
    pmf = poisson_pmf(mean)
    table = expected_cost(pmf, pmf.size, holding, penalty)
    average = float(pmf @ np.arange(pmf.size))

    def cost(position: int) -> float:
        if position < 0:
            return penalty * (average - position)
        if position > pmf.size:
            return holding * (position - average)
        return float(table[position])

    return cost
