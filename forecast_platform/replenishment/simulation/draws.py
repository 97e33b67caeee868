"""Compiled drawing of demand and lead times by inverse tables, from numbers addressed by counters.

The uniform number of (stream of the SKU, day, path) depends on nothing else: not on the batch of
SKUs, not on how many days or paths are drawn, not on the policy. That is what makes random numbers
common to everything compared with them. The generator is SplitMix64 (Steele, Lea and Flood 2014,
OOPSLA), whose n-th number can be had without those before it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from forecast_platform.replenishment.compiled import Array, compiled

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1, _MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_PATH = np.uint64(1 << 24)
_GUIDES = 128
_TAIL = 1e-12


@compiled
def mixed(number: Any) -> Any:
    """SplitMix64's output function of a 64-bit number."""
    number = (number ^ (number >> np.uint64(30))) * _MIX_1
    number = (number ^ (number >> np.uint64(27))) * _MIX_2
    return number ^ (number >> np.uint64(31))


@compiled
def uniform(key: Any, day: int, path: int) -> float:
    """Uniform number in (0, 1) of a stream's day (below 2^24) and path."""
    counter = np.uint64(path) * _PATH + np.uint64(day) + np.uint64(1)
    bits = mixed(key + counter * _GOLDEN) >> np.uint64(11)
    return (float(bits) + 0.5) * 2.0**-53


@compiled
def _fill_table(mean: float, size: float, table: Array) -> tuple[int, int]:
    """Cumulative probabilities of k = low, low + 1, ...; returns low and their number.

    Negative binomial with `size` successes (variance mean + mean^2 / size), Poisson where size is
    infinite. Below `low` lies less than 1e-12 of the probability, above the last as well.
    """
    poisson = math.isinf(size)
    spread = math.sqrt(mean if poisson else mean + mean * mean / size)
    low = max(0, int(mean - 9.0 * spread))
    if poisson:
        log_p = low * math.log(mean) - mean - math.lgamma(low + 1.0)
    else:
        log_p = math.lgamma(low + size) - math.lgamma(size) - math.lgamma(low + 1.0)
        log_p += size * math.log(size / (size + mean)) + low * math.log(mean / (size + mean))
    p, total, count = math.exp(log_p), 0.0, 0
    while count < table.size:
        total += p
        table[count] = total
        k = low + count
        count += 1
        if total > 1.0 - _TAIL or (k > mean and p < _TAIL * 1e-3):
            break
        p *= mean / (k + 1.0) if poisson else (k + size) / (k + 1.0) * mean / (size + mean)
    return low, count


@compiled
def _fill_guides(table: Array, count: int, guides: Array) -> None:
    """First place in the table to look at, per 1/128 of the uniform numbers."""
    at = 0
    for g in range(guides.size):
        while at < count - 1 and table[at] < g / guides.size:
            at += 1
        guides[g] = at


@compiled
def _look_up(u: float, table: Array, count: int, guides: Array) -> int:
    at = guides[int(u * guides.size)]
    while at < count - 1 and table[at] < u:
        at += 1
    return int(at)


@compiled
def draw_counts(
    first: int, last: int, mean: Array, size: Array, keys: Array, longest: int, out: Array
) -> None:
    """Draw negative binomial or Poisson demand of SKUs `first` to `last` - 1.

    Args:
        first: First SKU.
        last: One after the last SKU.
        mean: (N, 1 or T) units per day, at least 0.
        size: (N,) successes; infinite: Poisson.
        keys: (N,) 64-bit keys of the SKUs' streams.
        longest: Largest table, numbers of units.
        out: (N, T, P) written.
    """
    table, guides = np.empty(longest), np.empty(_GUIDES, np.int64)
    for sku in range(first, last):
        known, low, count = -1.0, 0, 0
        for day in range(out.shape[1]):
            level = mean[sku, day % mean.shape[1]]
            if level == 0.0:
                out[sku, day, :] = 0
                continue
            if level != known:
                low, count = _fill_table(level, size[sku], table)
                _fill_guides(table, count, guides)
                known = level
            for path in range(out.shape[2]):
                u = uniform(keys[sku], day, path)
                out[sku, day, path] = low + _look_up(u, table, count, guides)


@compiled
def draw_tables(first: int, last: int, tables: Array, keys: Array, out: Array) -> None:
    """Draw the place k of cumulative probabilities, (N, K), for (N, T, P)."""
    guides = np.empty(_GUIDES, np.int64)
    for sku in range(first, last):
        table = tables[sku]
        _fill_guides(table, table.size, guides)
        for day in range(out.shape[1]):
            for path in range(out.shape[2]):
                u = uniform(keys[sku], day, path)
                out[sku, day, path] = _look_up(u, table, table.size, guides)


@compiled
def draw_quantiles(
    first: int, last: int, levels: Array, quantiles: Array, keys: Array, whole: bool, out: Array
) -> None:
    """Draw from quantiles, (N, T, Q) at `levels` (Q,), linear between and constant beyond."""
    for sku in range(first, last):
        for day in range(out.shape[1]):
            curve = quantiles[sku, day]
            for path in range(out.shape[2]):
                value = np.interp(uniform(keys[sku], day, path), levels, curve)
                out[sku, day, path] = math.floor(value + 0.5) if whole else value
