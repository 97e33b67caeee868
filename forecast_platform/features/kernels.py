"""Statistics of demand over moving windows, one series at a time within the processor's cache.

A sum over n values is put together from sums over powers of two, each built from the one before:
about log2(n) additions per cell, and the same bits wherever the history starts. numba, hence
imported on first use alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

LAG, MEAN, STD, ZERO_SHARE, DAYS_SINCE_SALE, KNOWN_SHARE = range(6)


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
        step: (F,) days between two values of a window; windows with steps other than 1 and 7
            are not known.
        out: Filled.
    """
    length = demand.shape[1]
    first = length - rows
    exponents = 1
    for size in days:
        while 1 << exponents <= size:
            exponents += 1
    known, sold = np.zeros(length, dtype=np.int32), np.zeros(length)
    # By step: of single days, and of one weekday.
    sums, squares = np.zeros((2, exponents, length)), np.zeros((exponents, length))
    counts = np.zeros((2, length + step.max()), dtype=np.int32)
    zeros = np.zeros(length + 1, dtype=np.int32)
    total, square = np.zeros(rows), np.zeros(rows)
    weekly, spreads = (step > 1).any(), (statistic == STD).any()
    shares = (statistic == ZERO_SHARE).any()
    for n in range(demand.shape[0]):
        # Days asked for before the first known one say nothing, and are not worth the additions.
        empty = 0
        while empty < rows and np.isnan(demand[n, first + empty]):
            empty += 1
        if not np.isnan(demand[n, :first]).all():
            empty = 0
        values, span, asked = demand[n, empty:], length - empty, rows - empty
        for t in range(span):
            known[t] = not np.isnan(values[t])
            sold[t] = values[t] if known[t] else 0.0
        sums[0, 0] = sold
        _cumulate(known[:span], 1, counts[0])
        if weekly:
            sums[1, 0] = sold
            _cumulate(known[:span], step.max(), counts[1])
        if spreads:
            squares[0] = sold * sold
        if shares:
            _cumulate(values == 0, 1, zeros)
        ready, ready_squares = np.ones(2, dtype=np.int64), 1
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
            which = 0 if apart == 1 else 1
            back = size * apart
            upto = counts[which, first + apart : span + apart]
            before = counts[which, first + apart - back : span + apart - back]
            if kind == KNOWN_SHARE:
                for t in range(asked):
                    held[t] = np.float32(upto[t] - before[t]) / np.float32(size)
                continue
            if kind == ZERO_SHARE:
                none = zeros[first + 1 : span + 1] - zeros[first + 1 - size : span + 1 - size]
                for t in range(asked):
                    held[t] = np.float64(none[t]) / np.float64(upto[t] - before[t])
                continue
            ready[which] = _over(sums[which, :, :span], ready[which], size, apart, total[:asked])
            if kind == MEAN:
                for t in range(asked):
                    held[t] = total[t] / np.float64(upto[t] - before[t])
            else:
                ready_squares = _over(squares[:, :span], ready_squares, size, apart, square[:asked])
                for t in range(asked):
                    number = np.float64(upto[t] - before[t])
                    spread = max(square[t] * number - total[t] * total[t], 0.0)
                    held[t] = np.sqrt(np.float32(spread / (number * (number - 1))))


@njit(cache=True)
def _cumulate(flags: NDArray[Any], step: int, counts: NDArray[np.int32]) -> None:
    """Flags up to and including day t, every `step` days, in counts[t + step].

    Whole numbers, so differences of these running totals are exact.
    """
    for t in range(len(flags)):
        counts[t + step] = counts[t] + flags[t]


@njit(cache=True)
def _since_sale(values: NDArray[np.float32], cap: int, held: NDArray[np.float32]) -> None:
    first, since = len(values) - len(held), cap
    for t in range(len(values)):
        since = 0 if values[t] > 0 else min(since + 1, cap)
        if t >= first:
            held[t - first] = since


@njit(cache=True)
def _over(powers: NDArray[Any], ready: int, size: int, step: int, total: NDArray[Any]) -> int:
    """Sums over the last `size` values in `total`; returns the powers of two now at hand."""
    length = powers.shape[1]
    while 1 << ready <= size:
        shift = step << (ready - 1)
        # Slices, not t - shift: an index that might be negative keeps the loop from vectorising.
        newer, older = powers[ready - 1, shift:], powers[ready - 1, : length - shift]
        power = powers[ready, shift:]
        for t in range(len(power)):
            power[t] = newer[t] + older[t]
        ready += 1
    covered = 0
    for exponent in range(ready - 1, -1, -1):
        if size >> exponent & 1:
            end = length - covered * step
            part = powers[exponent, end - len(total) : end]
            if covered == 0:
                total[:] = part
            else:
                for t in range(len(total)):
                    total[t] += part[t]
            covered += 1 << exponent
    return ready
