"""Compiled loop of tabular Q-learning. Imported only where a table is learned."""

from __future__ import annotations

from typing import Any

import numpy as np

from forecast_platform.replenishment.compiled import Array, compiled
from forecast_platform.replenishment.exact.lost_sales_kernels import landing_of
from forecast_platform.replenishment.simulation.draws import uniform

_STATE, _ORDER, _AFTER = range(3)
"""Columns of the memory: state, order and following state of the last L + 1 periods."""
_AVERAGE_STEP = 0.01
"""Step size of the average cost, as a share of that of the values."""


@compiled
def learn(
    begin: int,
    end: int,
    values: Array,
    visits: Array,
    average: Array,
    memory: Array,
    most: Array,
    first: Array,
    pipeline: Array,
    stock: Array,
    radix: int,
    high: int,
    cumulative: Array,
    holding: float,
    penalty: float,
    order_cost: float,
    explore: float,
    slowing: float,
    keys: Any,
) -> None:
    """Live through periods `begin` to `end` - 1 and learn from each.

    Args:
        begin: First period; 0 begins in the empty state, others go on from `memory`.
        end: One after the last period.
        values: (M, A) relative cost of each order in each state; changed.
        visits: (M, A) updates so far; changed.
        average: (1,) estimated average cost per period; changed.
        memory: (L + 1, 3) last periods, see `_STATE`; changed.
        most: (M,) largest order.
        first: See `States`, as the next four.
        pipeline: See `States`.
        stock: See `States`.
        radix: See `States`.
        high: See `States`.
        cumulative: (D - 1,) probability of at most 0, 1, ... units of demand, without the last.
        holding: h.
        penalty: p.
        order_cost: K.
        explore: Share of random orders.
        slowing: Exponent of the step size.
        keys: (3,) streams of random numbers: demand, whether to explore, and where to.
    """
    slots = memory.shape[0]
    state = memory[(begin + slots - 1) % slots, _AFTER]
    for period in range(begin, end):
        if uniform(keys[1], period % 2**24, period // 2**24) < explore:
            at = uniform(keys[2], period % 2**24, period // 2**24)
            order = int(at * (most[state] + 1))
        else:
            order = 0
            for other in range(1, most[state] + 1):
                if values[state, other] < values[state, order]:
                    order = other
        u, demand = uniform(keys[0], period % 2**24, period // 2**24), 0
        while demand < cumulative.size and cumulative[demand] <= u:
            demand += 1
        left = max(stock[state] - demand, 0)
        cost = holding * left + penalty * max(demand - stock[state], 0)
        after = landing_of(pipeline[state], order, first, radix, high) + left
        slot = period % slots
        memory[slot, _STATE], memory[slot, _ORDER], memory[slot, _AFTER] = state, order, after
        if period >= slots - 1:
            past = (period + 1) % slots
            s, a, t = memory[past, _STATE], memory[past, _ORDER], memory[past, _AFTER]
            best = np.inf
            for other in range(most[t] + 1):
                best = min(best, values[t, other])
            if a > 0:
                cost += order_cost
            visits[s, a] += 1
            step = visits[s, a] ** -slowing
            error = cost - average[0] + best - values[s, a]
            values[s, a] += step * error
            average[0] += _AVERAGE_STEP * step * error
        state = after
