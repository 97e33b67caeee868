"""Best policy of a simple kind for a lost-sales system, by search over exact costs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import numpy as np

from forecast_platform.replenishment.exact.lost_sales import LostSales
from forecast_platform.replenishment.exact.policies import (
    BaseStock,
    CappedBaseStock,
    Policy,
    ReorderBatches,
    ReorderOrderUpTo,
)

_P = TypeVar("_P", bound=Policy)


def best_base_stock(system: LostSales) -> tuple[BaseStock, float]:
    """Best base-stock policy and its cost per period, which is convex in the level.

    Source: Janakiraman and Roundy (2004), Operations Research 52(5).
    """
    return _best_level(system, BaseStock, system.standard_base_stock)


def best_capped_base_stock(system: LostSales) -> tuple[CappedBaseStock, float]:
    """Best capped base-stock policy and its cost per period.

    Every cap up to the newsvendor level of one period is tried, and for each the levels up to the
    standard one, the cost taken as unimodal in the level.
    """
    best, least = CappedBaseStock(0, 0), system.evaluate(CappedBaseStock(0, 0))
    for cap in range(1, system.limits[-1] + 1):
        policy, cost = _best_level(
            system, partial(CappedBaseStock, cap=cap), system.standard_base_stock
        )
        if cost < least:
            best, least = policy, cost
    return best, least


def best_order_up_to(system: LostSales) -> tuple[ReorderOrderUpTo, float]:
    """Best (s,S) policy and its cost per period; unimodal in s for each S - s assumed."""
    return _best_with_size(system, lambda size, s: ReorderOrderUpTo(s, s + size))


def best_batches(system: LostSales) -> tuple[ReorderBatches, float]:
    """Best (s,nQ) policy and its cost per period; unimodal in s for each Q assumed."""
    return _best_with_size(system, lambda size, s: ReorderBatches(s, size))


def _best_with_size(system: LostSales, make: Callable[[int, int], _P]) -> tuple[_P, float]:
    """Best of `make(size, s)` over sizes up to three times the economic order quantity."""
    mean = float(system.demand @ np.arange(system.demand.size))
    batch = float(np.sqrt(2 * system.order_cost * mean / system.holding))
    found = [
        _best_level(system, partial(make, size), system.standard_base_stock)
        for size in range(1, int(3 * batch + mean) + 2)
    ]
    return min(found, key=lambda pair: pair[1])


def _best_level(system: LostSales, make: Callable[[int], _P], highest: int) -> tuple[_P, float]:
    level, cost = _least(lambda level: system.evaluate(make(level)), 0, highest)
    return make(level), cost


def _least(cost: Callable[[int], float], low: int, high: int) -> tuple[int, float]:
    """Argument of least cost from low to high, and the cost, of a unimodal function."""
    while low < high:
        middle = (low + high) // 2
        if cost(middle) <= cost(middle + 1):
            high = middle
        else:
            low = middle + 1
    return low, cost(low)
