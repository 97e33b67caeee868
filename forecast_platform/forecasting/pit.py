"""The probability integral transform of demand: where in its forecast distribution it fell.

Demand of calibrated forecasts falls uniformly. For counts the transform is an interval, the
forecast probability of less than y to that of at most y, over which the randomised transform is
uniform (Czado, Gneiting and Held 2009, "Predictive model assessment for count data"). What is used
here is its expectation, the non-randomised transform of their section 2.1, so that no seed enters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

INTERVALS = {50: (0.25, 0.75), 80: (0.1, 0.9), 90: (0.05, 0.95), 95: (0.025, 0.975)}
"""Central intervals by their nominal coverage in per cent, and the levels they lie between."""

_INWARD = 2
"""A tail goes through the outermost quantile and the one so many further in."""

_STEP = 1e-9
"""Intervals narrower than this are one point."""


def quantiles_at(quantiles: Floats, levels: Sequence[float], at: Floats) -> Floats:
    """(..., K) quantiles at K levels, not below zero, of (..., Q) quantiles at `levels`.

    Linear between levels; beyond the lowest and the highest an exponential tail through it and the
    third one, so linear in the logarithm of the level. (The second often equals the first, in
    whole units.)

    Args:
        quantiles: (..., Q) quantiles, not falling along Q.
        levels: The Q levels.
        at: (K,) levels wanted, the same for all, or (..., K), each its own.
    """
    lower, upper, share = _between(np.asarray(levels), np.asarray(at))
    if np.ndim(at) == 1:
        low, high = quantiles[..., lower], quantiles[..., upper]
    else:
        low, high = (np.take_along_axis(quantiles, of, axis=-1) for of in (lower, upper))
    return np.asarray(np.maximum(low + share.astype(quantiles.dtype) * (high - low), 0))


def _between(
    level: Floats, at: Floats
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """Which two quantiles each level lies between, or its tail goes through, and how far along."""
    at = np.clip(at, 1e-12, 1 - 1e-12)
    upper = np.clip(np.searchsorted(level, at), 1, len(level) - 1)
    lower = upper - 1
    share = (at - level[lower]) / (level[upper] - level[lower])
    below, above = at < level[0], at > level[-1]
    upper = np.where(below, _INWARD, upper)
    lower = np.where(above, len(level) - 1 - _INWARD, lower)
    share = np.where(below, -np.log(level[0] / at) / _fall(level), share)
    share = np.where(above, 1 + np.log((1 - level[-1]) / (1 - at)) / _fall(1 - level[::-1]), share)
    return lower, upper, share


def cdf(
    x: Floats, quantiles: Floats, levels: Sequence[float], *, below: bool = False
) -> NDArray[np.float64]:
    """Forecast probability of at most x, the inverse of `quantiles_at`.

    Args:
        x: (...) units.
        quantiles: (..., Q) forecast quantiles, not falling along Q, >= 0.
        levels: The Q levels.
        below: Leave out the probability of x itself.
    """
    x = np.asarray(x, dtype=np.float64)
    q, level = np.asarray(quantiles, dtype=np.float64), np.asarray(levels)
    passed = ((q < x[..., None]) if below else (q <= x[..., None])).sum(axis=-1)
    after = np.clip(passed, 1, len(level) - 1)
    value, before = (np.take_along_axis(q, at[..., None], axis=-1)[..., 0]
                     for at in (after, after - 1))  # fmt: skip
    share = (x - before) / np.where(value > before, value - before, 1)
    inside = level[after - 1] + share * (level[after] - level[after - 1])
    first = level[0] * _tail(q[..., 0] - x, q[..., _INWARD] - q[..., 0], _fall(level))
    last = 1 - (1 - level[-1]) * _tail(
        x - q[..., -1], q[..., -1] - q[..., -1 - _INWARD], _fall(1 - level[::-1])
    )
    probability = np.where(passed == 0, first, np.where(passed == len(level), last, inside))
    nothing = (x <= 0) if below else (x < 0)
    return np.asarray(np.where(nothing, 0.0, probability))


def _fall(level: Floats) -> float:
    return float(np.log(level[_INWARD] / level[0]))


def _tail(distance: Floats, step: Floats, fall: float) -> Floats:
    """Share of a tail's probability further out; none where it has no slope."""
    flat = step <= 0
    share = np.exp(-fall * np.maximum(distance, 0) / np.where(flat, 1, step))
    return np.where(flat, 0.0, share)


def pit_bounds(
    actual: Floats, quantiles: Floats, levels: Sequence[float], *, counts: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Bounds (K,), (K,) of the transform of each of the K days of known demand.

    Quantiles of counts are rarely whole units (averages of models, interpolated levels), so a
    forecast is read as that of the count nearest to it: at most y units are y + 1/2 on its scale.

    Args:
        actual: (...) demand that came, NaN where unknown.
        quantiles: (..., Q) forecast quantiles.
        levels: The Q levels.
        counts: Whether demand is in whole units.
    """
    known = ~np.isnan(actual)
    y, spread = actual[known].astype(np.float64), quantiles[known]
    if counts:
        return cdf(y - 0.5, spread, levels), cdf(y + 0.5, spread, levels)
    return cdf(y, spread, levels, below=True), cdf(y, spread, levels)


def pit_distribution(low: Floats, high: Floats, at: Floats) -> NDArray[np.float64]:
    """(P,) mean probability that the transform is at most each of the P increasing levels `at`."""
    step = high - low < _STEP
    rate = 1 / np.where(step, 1, high - low)
    starts = np.searchsorted(at, low, side="left")
    ends = np.where(step, starts, np.searchsorted(at, high, side="left"))
    bins = len(at) + 1

    def total(index: NDArray[np.intp], weight: Floats) -> NDArray[np.float64]:
        return np.asarray(np.bincount(index, weight, bins)[: len(at)], dtype=np.float64)

    ramp = np.where(step, 0, rate)
    slope = np.cumsum(total(starts, ramp) - total(ends, ramp))
    base = np.cumsum(total(starts, -low * ramp) - total(ends, -low * ramp))
    done = np.cumsum(total(ends, np.ones_like(low)))
    return np.asarray(np.clip((done + base + slope * at) / max(len(low), 1), 0, 1))


def pit_coverage(low: Floats, high: Floats, between: tuple[float, float]) -> float:
    """Expected share of the transforms between two levels; NaN without any."""
    if not len(low):
        return float("nan")
    width = np.maximum(high - low, _STEP)
    at = np.asarray(between)[:, None]
    below, above = np.clip((at - low) / width, 0, 1)
    return float((above - below).mean())
