"""The compiled part of a day that only goods with a shelf life need: shipping by age, spoiling."""

from __future__ import annotations

from forecast_platform.replenishment.compiled import Array, compiled
from forecast_platform.replenishment.simulation.layout import (
    ARRIVED,
    BEFORE,
    HOLDING,
    NET,
    POSITION,
    QUANTITY,
    READY_DAYS,
    SPOILED,
    at,
)


@compiled
def _take(ages: Array, row: int, work: Array, width: int) -> None:
    """Take as much of the need in `QUANTITY` as one age of stock holds."""
    for p in range(width):
        stock, need = ages[at(row, p)], work[at(QUANTITY, p)]
        taken = stock if stock < need else need
        ages[at(row, p)] = stock - taken
        work[at(QUANTITY, p)] = need - taken


@compiled
def age(work: Array, ages: Array, width: int, life: int, lifo: bool) -> None:
    """Ship from stock by age and let the oldest spoil; row r of `ages` has r + 1 days left.

    Called once demand is met; brings net stock, position and unit-days held down by what spoils.
    """
    zero, one = work.dtype.type(0), work.dtype.type(1)
    for p in range(width):
        ages[at((life - 1), p)] += work[at(ARRIVED, p)]
        before, after = work[at(BEFORE, p)], work[at(NET, p)]
        held = after if after > zero else zero
        stock = before if before > zero else zero
        work[at(QUANTITY, p)] = stock + work[at(ARRIVED, p)] - held
    for n in range(life):
        _take(ages, life - 1 - n if lifo else n, work, width)
    for p in range(width):
        spoiled = ages[p]
        after = work[at(NET, p)]
        work[at(SPOILED, p)] += spoiled
        work[at(QUANTITY, p)] = spoiled
        work[at(NET, p)] = after - spoiled
        work[at(POSITION, p)] -= spoiled
        work[at(HOLDING, p)] -= spoiled
        emptied = (spoiled > zero) & (after - spoiled <= zero)
        work[at(READY_DAYS, p)] -= one if emptied else zero
    for n in range(life - 1):
        for p in range(width):
            ages[at(n, p)] = ages[at((n + 1), p)]
    for p in range(width):
        ages[at((life - 1), p)] = zero
