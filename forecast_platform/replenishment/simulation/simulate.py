"""Simulation of a policy for all SKUs over many days and paths of demand.

Order of events in a day: the order is placed on the inventory position (stock on hand less what
is owed, plus what is on order), what is due is received, demand occurs, what is too old spoils. An
order placed on day t with lead time L is received on day t + L before the demand of that day: the
convention of Zipkin (2008), Operations Research 56(5). Holding and backorders are counted at the
end of the day.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from forecast_platform.errors import ConfigurationError
from forecast_platform.replenishment.compiled import over_skus
from forecast_platform.replenishment.simulation import kernels, layout
from forecast_platform.replenishment.simulation.demand import as_demand
from forecast_platform.replenishment.simulation.policy import (
    Opening,
    Policy,
    Prepared,
    Supply,
    prepare,
)
from forecast_platform.replenishment.simulation.results import Simulation, Trace

_EXACT = 2.0**24
"""Whole numbers up to this are exact in 32 bits."""


def simulate(
    demand: ArrayLike,
    policy: Policy,
    supply: Supply | None = None,
    opening: Opening | None = None,
    *,
    backorders: bool = False,
    warm_up: int = 0,
    threads: int | None = None,
) -> Simulation:
    """Simulate a policy.

    Arithmetic is exact: in 32 bits where every sum is a whole number that fits, else in 64.

    Args:
        demand: (N, T) history or (N, T, P) paths, units; unsigned 8 or 16 bits are used as is.
        policy: The policy of the N SKUs.
        supply: The supplier's terms; by default no lead time and single units.
        opening: State before the first day; by default stock at the first order-up-to level.
        backorders: Whether unmet demand waits; else it is lost.
        warm_up: Days at the beginning that are simulated but not counted.
        threads: At most so many; by default one for each processor.

    Returns:
        Totals per SKU and path over the counted days.

    Raises:
        ContractError: If demand is not usable.
        ConfigurationError: If a term is not usable, or no day is left to count.
    """
    units, terms = _checked(demand, policy, supply, opening, warm_up)
    kind = _arithmetic(units, terms, backorders)
    totals = np.empty((units.shape[0], layout.N_TOTALS, units.shape[2]), kind)
    _run(units, terms, backorders, warm_up, totals, np.empty((0, 0, 0, 0), kind), threads)
    return Simulation(totals, units.shape[1] - warm_up, backorders)


def trace(
    demand: ArrayLike,
    policy: Policy,
    supply: Supply | None = None,
    opening: Opening | None = None,
    *,
    backorders: bool = False,
) -> Trace:
    """Simulate and keep every day; arguments as `simulate`, for SKUs that are looked at."""
    units, terms = _checked(demand, policy, supply, opening, 0)
    skus, days, paths = units.shape
    totals = np.empty((skus, layout.N_TOTALS, paths))
    days_of = np.empty((skus, days, layout.N_TRACES, paths))
    _run(units, terms, backorders, 0, totals, days_of, None)
    return Trace(days_of, terms.opening)


def _checked(
    demand: ArrayLike, policy: Policy, supply: Supply | None, opening: Opening | None, warm_up: int
) -> tuple[NDArray[Any], Prepared]:
    units = as_demand(demand)
    if not 0 <= warm_up < units.shape[1]:
        raise ConfigurationError(
            f"warm_up: days from 0 to {units.shape[1] - 1} were expected, so that one of the "
            f"{units.shape[1]} days is counted; {warm_up} came."
        )
    return units, prepare(policy, supply or Supply(), opening or Opening(), *units.shape)


def _arithmetic(units: NDArray[Any], terms: Prepared, backorders: bool) -> type[np.floating[Any]]:
    whole = units.dtype in (np.uint8, np.uint16) and all(
        (np.isinf(value) | (value == np.floor(value))).all()
        for value in (terms.reorder_point, terms.up_to, terms.rules, terms.opening, terms.receipts)
    )
    if not whole:
        return np.float64
    multiple, minimum = terms.rules[:, layout.MULTIPLE], terms.rules[:, layout.MINIMUM]
    most = np.abs(terms.opening) + terms.receipts.sum(axis=1)
    position = np.maximum(most, terms.up_to.max(axis=1)).max() + (multiple + minimum).max()
    demanded = np.iinfo(units.dtype).max if units.dtype == np.uint8 else float(units.max())
    wait = int(terms.lead.max()) + int(terms.calendar[:, layout.REVIEW].max()) + 1
    owed = demanded * wait * backorders
    return np.float32 if (position + demanded + owed) * units.shape[1] < _EXACT else np.float64


def _run(
    units: NDArray[Any],
    terms: Prepared,
    backorders: bool,
    warm_up: int,
    totals: NDArray[Any],
    days: NDArray[Any],
    threads: int | None,
) -> None:
    kind = totals.dtype.type
    slots = max(int(terms.lead.max()) + 1, 2, terms.receipts.shape[1])
    point, up_to, rules, opening, receipts = (
        np.ascontiguousarray(value, kind)
        for value in (
            terms.reorder_point, terms.up_to, terms.rules, terms.opening, terms.receipts,
        )
    )  # fmt: skip
    lowest = kind(-np.inf if backorders else 0.0)

    def work(first: int, last: int) -> None:
        kernels.run(
            first, last, units, point, up_to, rules, terms.calendar, terms.lead, slots, opening,
            receipts, lowest, warm_up, totals, days,
        )  # fmt: skip

    over_skus(work, units.shape[0], threads)
