"""Statistics of demand over moving windows, one series at a time within the processor's cache.

A sum over n values is put together from sums over powers of two, each built from the one before:
about log2(n) additions per cell, and the same bits wherever the history starts. Whole weeks are put
together from sums over one week, so that windows of 14, 28 or 91 days share most additions. Sums
are in 32 bit, the precision of the answers, but for those behind a spread, which nearly cancel.
numba, hence imported on first use alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

LAG, MEAN, STD, ZERO_SHARE, DAYS_SINCE_SALE, KNOWN_SHARE = range(6)

_WEEK = 7
_KNOWN, _SALES, _ZEROS = range(3)
"""What is summed in 32 bit: known days, units, known days without a sale."""
_UNITS, _SQUARES = range(2)
"""What is summed in 64 bit: units and their squares."""
_DAYS, _WEEKS, _WEEKDAY, _TOTAL = range(4)
"""Sums kept of each: over days, over weeks, over days a week apart, and the last one asked for."""


@njit(cache=True, error_model="numpy")  # 0 / 0 is NaN
def moving(
    demand: NDArray[np.float32],
    rows: int,
    statistic: NDArray[np.int64],
    days: NDArray[np.int64],
    step: NDArray[np.int64],
    out: NDArray[np.float32],
) -> None:
    """Fill `out` (F, N, rows) with F statistics of the last `rows` columns of demand (N, R).

    Args:
        demand: Units per day, NaN where unknown.
        rows: Columns wanted, the last of R; before them lies enough history for every statistic.
        statistic: (F,) which statistic.
        days: (F,) values in the window, or days back of a lag, or the cap of days since a sale.
        step: (F,) days between two values of a window: 1 or 7.
        out: Filled.
    """
    length = demand.shape[1]
    first = length - rows
    exponents = 1
    while 1 << exponents <= days.max():
        exponents += 1
    sums = np.zeros((3, 4, exponents, length), dtype=np.float32)
    precise = np.zeros((2, 4, exponents, length))
    ready, precise_ready = np.zeros((3, 3), np.int64), np.zeros((2, 3), np.int64)
    spreads = (statistic == STD).any()
    for n in range(demand.shape[0]):
        empty = _days_before_known(demand[n], first)
        values, span, asked = demand[n, empty:], length - empty, rows - empty
        _begin(values, sums, ready)
        if spreads:
            _begin_precise(sums[_SALES, _DAYS, 0, :span], precise, precise_ready)
        for f in range(len(statistic)):
            kind, size, apart = statistic[f], days[f], step[f]
            held = out[f, n, empty:]
            out[f, n, :empty] = (
                0 if kind == KNOWN_SHARE else size if kind == DAYS_SINCE_SALE else np.nan
            )
            if kind == LAG:
                held[:] = values[first - size : span - size]
                continue
            if kind == DAYS_SINCE_SALE:
                _since_sale(values, size, held)
                continue
            known = _sums(sums[_KNOWN], ready[_KNOWN], span, asked, size, apart)
            if kind == KNOWN_SHARE:
                for t in range(asked):
                    held[t] = known[t] / np.float32(size)
            elif kind == STD:
                total = _sums(precise[_UNITS], precise_ready[_UNITS], span, asked, size, apart)
                square = _sums(precise[_SQUARES], precise_ready[_SQUARES], span, asked, size, apart)
                _spread(known, total, square, held)
            else:
                what = _SALES if kind == MEAN else _ZEROS
                part = _sums(sums[what], ready[what], span, asked, size, apart)
                for t in range(asked):
                    held[t] = part[t] / known[t]


@njit(cache=True)
def _days_before_known(values: NDArray[np.float32], first: int) -> int:
    """Days from `first` on before the first known day: they say nothing and cost additions."""
    for t in range(len(values)):
        if not np.isnan(values[t]):
            return max(t - first, 0)
    return len(values) - first


@njit(cache=True)
def _begin(values: NDArray[np.float32], sums: NDArray[np.float32], ready: NDArray[Any]) -> None:
    """The single days of a series, of which sums are made."""
    known, zeros = sums[_KNOWN, _DAYS, 0], sums[_ZEROS, _DAYS, 0]
    sales = sums[_SALES, _DAYS, 0]
    for t in range(len(values)):
        value = values[t]
        is_known = value == value  # not NaN
        known[t] = np.float32(is_known)
        sales[t] = value if is_known else np.float32(0)
        zeros[t] = np.float32(value == 0)
    ready[:] = 0
    ready[:, _DAYS] = 1


@njit(cache=True)
def _begin_precise(
    sales: NDArray[np.float32], precise: NDArray[np.float64], ready: NDArray[Any]
) -> None:
    units, squares = precise[_UNITS, _DAYS, 0], precise[_SQUARES, _DAYS, 0]
    for t in range(len(sales)):
        value = np.float64(sales[t])
        units[t] = value
        squares[t] = value * value
    ready[:] = 0
    ready[:, _DAYS] = 1


@njit(cache=True, error_model="numpy")
def _spread(
    known: NDArray[np.float32],
    total: NDArray[np.float64],
    square: NDArray[np.float64],
    held: NDArray[np.float32],
) -> None:
    """Sample standard deviation of the known days of each window."""
    for t in range(len(held)):
        number = known[t]
        spread = max(square[t] * np.float64(number) - total[t] * total[t], 0.0)
        held[t] = np.sqrt(np.float32(spread) / (number * (number - np.float32(1))))


@njit(cache=True)
def _since_sale(values: NDArray[np.float32], cap: int, held: NDArray[np.float32]) -> None:
    first, since = len(values) - len(held), cap
    for t in range(len(values)):
        since = 0 if values[t] > 0 else min(since + 1, cap)
        if t >= first:
            held[t - first] = since


@njit(cache=True)
def _sums(
    sums: NDArray[Any], ready: NDArray[np.int64], span: int, rows: int, size: int, step: int
) -> NDArray[Any]:
    """(rows,) sums over the last `size` values, `step` days apart, of the last `rows` days.

    Args:
        sums: (4, E, R) of one quantity by kind and power of two; grown as needed.
        ready: (3,) powers at hand of each kind.
        span: Days of the series, of the R.
        rows: Days asked for.
        size: Values in the window.
        step: 1 or 7.
    """
    total = sums[_TOTAL, 0, :rows]
    if step == _WEEK:
        if ready[_WEEKDAY] == 0:
            sums[_WEEKDAY, 0, :span] = sums[_DAYS, 0, :span]
            ready[_WEEKDAY] = 1
        return _over(sums[_WEEKDAY], ready[_WEEKDAY:], span, size, _WEEK, total)
    if size % _WEEK:
        return _over(sums[_DAYS], ready[_DAYS:], span, size, 1, total)
    if ready[_WEEKS] == 0:
        _over(sums[_DAYS], ready[_DAYS:], span, _WEEK, 1, sums[_WEEKS, 0, _WEEK - 1 : span])
        ready[_WEEKS] = 1
    return _over(sums[_WEEKS], ready[_WEEKS:], span, size // _WEEK, _WEEK, total)


@njit(cache=True)
def _over(
    powers: NDArray[Any],
    ready: NDArray[np.int64],
    span: int,
    size: int,
    step: int,
    total: NDArray[Any],
) -> NDArray[Any]:
    """Sums over the last `size` values: in `total`, or where a power of two is the answer."""
    while 1 << ready[0] <= size:
        shift = step << (ready[0] - 1)
        # Slices, not t - shift: an index that might be negative keeps the loop from vectorising.
        newer, older = powers[ready[0] - 1, shift:span], powers[ready[0] - 1, : span - shift]
        power = powers[ready[0], shift:span]
        for t in range(len(power)):
            power[t] = newer[t] + older[t]
        ready[0] += 1
    exponent = 0
    while 2 << exponent <= size:
        exponent += 1
    largest, covered = powers[exponent, span - len(total) : span], 1 << exponent
    if covered == size:
        return largest
    total[:] = largest
    while covered < size:
        exponent -= 1
        if size >> exponent & 1:
            end = span - covered * step
            part = powers[exponent, end - len(total) : end]
            for t in range(len(total)):
                total[t] += part[t]
            covered += 1 << exponent
    return total
