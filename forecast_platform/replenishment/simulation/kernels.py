"""The compiled event loops: every SKU, day by day, vectorised over its paths.

Order of events in a day: the order is placed on the inventory position, what is due is received,
demand occurs, what is too old spoils. An order placed on day t with lead time L is received on
day t + L before the demand of that day, as in Zipkin (2008), Operations Research 56(5).

All running figures of one SKU lie in one buffer of rows `LANES` wide: rows of one buffer at
constant distances are what lets the compiler prove that the loops over paths are independent.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from forecast_platform.replenishment.compiled import Array, compiled
from forecast_platform.replenishment.simulation.ageing import age
from forecast_platform.replenishment.simulation.layout import (
    ARRIVED,
    BACKLOG,
    BEFORE,
    CAP,
    CLOSING,
    CLOSING_ORDERS,
    CYCLES,
    DEMAND,
    FILLED,
    HOLDING,
    LANES,
    LIFE,
    LIFO,
    MAXIMUM,
    MINIMUM,
    MULTIPLE,
    N_TOTALS,
    NET,
    OPENING,
    OPENING_ORDERS,
    ORDERED,
    ORDERS,
    PHASE,
    POSITION,
    QUANTITY,
    READY_DAYS,
    REVIEW,
    ROWS,
    SHORT,
    SHORT_CYCLES,
    SHORT_DAYS,
    T_CLOSING,
    T_DEMAND,
    T_ORDERED,
    T_RECEIVED,
    T_SHIPPED,
    T_SPOILED,
    at,
)

_PATHS = 128
"""Paths simulated at once."""


@compiled
def _later(today: int, wait: int, slots: int) -> int:
    """Slot of the day `wait` < `slots` days after that of slot `today`; division would be slow."""
    slot = today + int(wait)
    return slot - slots if slot >= slots else slot


@compiled
def _order(
    work: Array, pipeline: Array, slot: int, width: int, point: Any, up_to: Any, rules: Array
) -> None:
    """Place the orders of one day: quantities go to `QUANTITY` and into `slot` unless it is -1."""
    zero, one = work.dtype.type(0), work.dtype.type(1)
    cap, minimum, multiple, maximum = rules[CAP], rules[MINIMUM], rules[MULTIPLE], rules[MAXIMUM]
    tiny = work.dtype.type(1e-9)
    rounds, sends = multiple > zero, slot >= 0
    for p in range(width):
        position = work[at(POSITION, p)]
        raw = up_to - position
        wanted = (position <= point) & (raw > zero)
        raw = raw if raw < cap else cap
        raw = raw if raw > minimum else minimum
        if rounds:
            raw = np.ceil(raw / multiple - tiny) * multiple
        raw = raw if raw < maximum else maximum
        quantity = raw if wanted else zero
        work[at(QUANTITY, p)] = quantity
        work[at(POSITION, p)] = position + quantity
        work[at(ORDERED, p)] += quantity
        work[at(ORDERS, p)] += one if quantity > zero else zero
        if sends:
            pipeline[at(slot, p)] += quantity


@compiled
def _send(
    work: Array, pipeline: Array, due: Array, start: int, width: int, today: int, leads: Array
) -> None:
    """Put the day's orders, each with the lead time of its path, into their arrival slots."""
    for p in range(width):
        slot = _later(today, leads[start + p], due.size)
        due[slot] = True
        pipeline[at(slot, p)] += work[at(QUANTITY, p)]


@compiled
def _receive(work: Array, pipeline: Array, width: int, slot: int, keeps: bool) -> None:
    """Take what is due out of its slot; a receipt ends a replenishment cycle."""
    zero, one = work.dtype.type(0), work.dtype.type(1)
    for p in range(width):
        arrived = pipeline[at(slot, p)]
        pipeline[at(slot, p)] = zero
        short = work[at(SHORT, p)]
        ends = arrived > zero
        work[at(NET, p)] += arrived
        work[at(CYCLES, p)] += one if ends else zero
        work[at(SHORT_CYCLES, p)] += short if ends else zero
        work[at(SHORT, p)] = zero if ends else short
        if keeps:
            work[at(ARRIVED, p)] = arrived


@compiled
def _sell(work: Array, demand: Array, start: int, width: int, lowest: Any) -> None:
    """Meet the day's demand from stock; net stock ends no lower than `lowest`."""
    zero, one = work.dtype.type(0), work.dtype.type(1)
    for p in range(width):
        wanted = work.dtype.type(demand[start + p])
        before = work[at(NET, p)]
        after = before - wanted
        after = after if after > lowest else lowest
        stock = before if before > zero else zero
        filled = stock if stock < wanted else wanted
        missed = one if filled < wanted else zero
        short = work[at(SHORT, p)]
        work[at(NET, p)] = after
        work[at(POSITION, p)] -= before - after
        work[at(HOLDING, p)] += after if after > zero else zero
        work[at(DEMAND, p)] += wanted
        work[at(FILLED, p)] += filled
        work[at(READY_DAYS, p)] += one if after > zero else zero
        work[at(SHORT_DAYS, p)] += missed
        work[at(SHORT, p)] = missed if missed > short else short
    if lowest < zero:
        for p in range(width):
            after = work[at(NET, p)]
            work[at(BACKLOG, p)] -= after if after < zero else zero


@compiled
def _remember(
    work: Array, trace: Array, sku: int, day: int, start: int, width: int, orders: bool
) -> None:
    """Keep what ages and traces need of the state between ordering and receiving."""
    for p in range(width):
        work[at(BEFORE, p)] = work[at(NET, p)]
        work[at(ARRIVED, p)] = 0
    if trace.size > 0:
        for p in range(width):
            trace[sku, day, T_ORDERED, start + p] = work[at(QUANTITY, p)] if orders else 0


@compiled
def _trace(work: Array, trace: Array, demand: Array, start: int, width: int, ages: bool) -> None:
    """Write the day's figures; stock that leaves is worked out apart from the net stock."""
    for p in range(width):
        before, arrived = work[at(BEFORE, p)], work[at(ARRIVED, p)]
        wanted = work.dtype.type(demand[start + p])
        owed = max(-before, work.dtype.type(0))
        from_stock = min(max(before + arrived, work.dtype.type(0)), wanted)
        trace[T_RECEIVED, start + p] = arrived
        trace[T_DEMAND, start + p] = wanted
        trace[T_SHIPPED, start + p] = min(arrived, owed) + from_stock
        trace[T_SPOILED, start + p] = work[at(QUANTITY, p)] if ages else 0
        trace[T_CLOSING, start + p] = work[at(NET, p)]


@compiled
def _open(work: Array, pipeline: Array, due: Array, opening: Any, receipts: Array) -> None:
    """Set the state before the first day: stock, and what arrives on days 0, 1, ..."""
    work[:] = 0
    pipeline[:] = 0
    due[:] = False
    position = opening
    for day in range(receipts.size):
        if receipts[day] > 0:
            due[day] = True
            position += receipts[day]
            pipeline[day * LANES : (day + 1) * LANES] = receipts[day]
    work[NET * LANES : (NET + 1) * LANES] = opening
    work[POSITION * LANES : (POSITION + 1) * LANES] = position


@compiled
def _begin_counting(work: Array) -> None:
    """Forget what the warm-up counted."""
    work[: N_TOTALS * LANES] = 0
    work[SHORT * LANES : (SHORT + 1) * LANES] = 0
    for p in range(LANES):
        work[at(OPENING, p)] = work[at(NET, p)]
        work[at(OPENING_ORDERS, p)] = work[at(POSITION, p)] - work[at(NET, p)]


@compiled
def _close(work: Array, totals: Array, start: int, width: int) -> None:
    """Close the last cycle and write the totals, (N_TOTALS, P)."""
    one = work.dtype.type(1)
    for p in range(width):
        work[at(CYCLES, p)] += one
        work[at(SHORT_CYCLES, p)] += work[at(SHORT, p)]
        work[at(CLOSING, p)] = work[at(NET, p)]
        work[at(CLOSING_ORDERS, p)] = work[at(POSITION, p)] - work[at(NET, p)]
    for row in range(N_TOTALS):
        for p in range(width):
            totals[row, start + p] = work[at(row, p)]


@compiled
def run(
    first: int,
    last: int,
    demand: Array,
    reorder_point: Array,
    up_to: Array,
    rules: Array,
    calendar: Array,
    lead: Array,
    slots: int,
    opening: Array,
    receipts: Array,
    lowest: Any,
    warm_up: int,
    totals: Array,
    trace: Array,
) -> None:
    """Simulate SKUs `first` to `last` - 1.

    Args:
        first: First SKU.
        last: One after the last SKU.
        demand: (N, T, P) units.
        reorder_point: (N, 1 or T) levels; an order is placed when the position is not above it.
        up_to: (N, 1 or T) levels.
        rules: (N, 4) cap, minimum, multiple (0: any quantity) and maximum of an order.
        calendar: (N, 4) review period, first review day, shelf life (0: without end), LIFO.
        lead: (N, 1 or T, 1 or P) days, below `slots`.
        slots: Arrival days kept, at least 2 and longest lead time + 1.
        opening: (N,) stock before the first day.
        receipts: (N, M) units on order that arrive on day 0 .. M - 1, M <= slots.
        lowest: 0 for lost sales, minus infinity for backorders.
        warm_up: Days not counted.
        totals: (N, N_TOTALS, P) written; its type is that of the arithmetic.
        trace: (N, T, N_TRACES, P) written, or (0, 0, 0, 0).
    """
    days, paths, traces = demand.shape[1], demand.shape[2], trace.size > 0
    work = np.empty(ROWS * LANES, totals.dtype)
    pipeline = np.empty(slots * LANES, totals.dtype)
    ages = np.empty(max(1, calendar[:, LIFE].max()) * LANES, totals.dtype)
    due = np.empty(slots, np.bool_)
    for sku in range(first, last):
        review, phase, life = calendar[sku, REVIEW], calendar[sku, PHASE], calendar[sku, LIFE]
        lifo = calendar[sku, LIFO] == 1
        keeps = life > 0 or traces
        for start in range(0, paths, _PATHS):
            width = min(_PATHS, paths - start)
            _open(work, pipeline, due, opening[sku], receipts[sku])
            ages[:] = 0
            if life > 0:
                ages[(life - 1) * LANES : life * LANES] = max(opening[sku], 0)
            next_review, today = phase, 0
            for day in range(days):
                if day == warm_up:
                    _begin_counting(work)
                orders = day == next_review
                if orders:
                    next_review += review
                    at = day if reorder_point.shape[1] > 1 else 0
                    leads = lead[sku, day if lead.shape[1] > 1 else 0]
                    slot = _later(today, leads[0], slots) if leads.size == 1 else -1
                    s, to = reorder_point[sku, at], up_to[sku, at]
                    _order(work, pipeline, slot, width, s, to, rules[sku])
                    if slot >= 0:
                        due[slot] = True
                    else:
                        _send(work, pipeline, due, start, width, today, leads)
                if keeps:
                    _remember(work, trace, sku, day, start, width, orders)
                if due[today]:
                    due[today] = False
                    _receive(work, pipeline, width, today, keeps)
                today = _later(today, 1, slots)
                _sell(work, demand[sku, day], start, width, lowest)
                if life > 0:
                    age(work, ages, width, life, lifo)
                if traces:
                    _trace(work, trace[sku, day], demand[sku, day], start, width, life > 0)
            _close(work, totals[sku], start, width)
