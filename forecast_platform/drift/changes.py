"""Since when a daily figure is of one level: an adaptive window over whole weeks.

As in ADWIN (Bifet and Gavalda 2007, "Learning from time-changing data with adaptive windowing"),
the window is cut wherever its older and its newer part differ too much to be chance, and what is
older is dropped. Their bound needs hundreds of values; here the parts are compared by the t-test of
the changepoint model (Hawkins, Qiu and Kang 2003, "The changepoint model for statistical process
control"), over means of weeks: each week holds every weekday once, so no weekly cycle is a change,
and days that follow each other may depend on each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecast_platform.graph import ACCURACY_DAYS

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]

WEEK = 7
WEEKS = ACCURACY_DAYS // WEEK
"""The longest window."""
LEVEL = 1e-4
"""Probability of a cut by chance, per day and window."""
_LEAST_DAYS = 4
_LEAST_BEFORE = 4
_LEAST_SPREAD = 0.02
"""Weeks are taken to differ at least by this share of their mean."""
_TINY = 1e-12


@dataclass(frozen=True)
class Windows:
    """What is of one level at the close of each of D days.

    Attributes:
        weeks: (D,) weeks of the newest level; 0 where too little is known.
        mean: (D,) mean of those weeks.
        before: (D,) mean of the weeks before a change; NaN where nothing changed.
        spread: (D,) standard deviation of those weeks; NaN for fewer than two.
    """

    weeks: Ints
    mean: Floats
    before: Floats
    spread: Floats


def level_windows(values: Floats, level: float = LEVEL) -> Windows:
    """The newest level of (T,) daily values at the close of each day that has 7 * WEEKS of them.

    Args:
        values: NaN where unknown.
        level: Probability of a cut by chance.

    Returns:
        Windows of the last D = T - 7 * WEEKS + 1 days; none depends on a later day.
    """
    weekly = _weeks(values)
    weeks = np.isfinite(weekly).cumprod(axis=1).sum(axis=1)
    known = np.nan_to_num(weekly)
    sums = _Sums(_running(known), _running(known**2))
    before, limits = np.full(len(weeks), np.nan), _limits(level)
    left = np.flatnonzero(weeks)
    while len(left):
        at = _best_cut(sums.of(left), weeks[left], limits)
        left, cut = left[at > 0], at[at > 0]
        older = sums.value[left, weeks[left]] - sums.value[left, cut]
        before[left] = older / (weeks[left] - cut)
        weeks[left] = cut
    row = np.arange(len(weeks))
    total, square = sums.value[row, weeks], sums.square[row, weeks]
    mean = total / np.where(weeks > 0, weeks, np.nan)
    variance = (square - total * mean) / np.where(weeks > 1, weeks - 1, np.nan)
    return Windows(weeks, mean, before, np.sqrt(np.maximum(variance, 0)))


@dataclass(frozen=True)
class _Sums:
    """(D, WEEKS + 1) sums of the newest 0, 1, .. weeks, and of their squares."""

    value: Floats
    square: Floats

    def of(self, rows: Ints) -> _Sums:
        return _Sums(self.value[rows], self.square[rows])


def _running(weekly: Floats) -> Floats:
    return np.concatenate([np.zeros((len(weekly), 1)), weekly.cumsum(axis=1)], axis=1)


def _weeks(values: Floats) -> Floats:
    """(D, WEEKS) mean of the days of each week up to a day, newest first; NaN where unknown.

    The lowest and the highest day are left out, so that one odd day is no odd week.
    """
    days = np.ascontiguousarray(np.lib.stride_tricks.sliding_window_view(values, WEEK))
    known = np.isfinite(days).sum(axis=1)
    told = known >= _LEAST_DAYS
    inner = np.nansum(days[told], axis=1) - np.nanmax(days[told], 1) - np.nanmin(days[told], 1)
    means = np.full(len(days), np.nan)
    means[told] = inner / (known[told] - 2)
    newest = np.arange(WEEK * (WEEKS - 1), len(means))
    return np.asarray(means[newest[:, None] - WEEK * np.arange(WEEKS)])


def _best_cut(sums: _Sums, weeks: Ints, limits: Floats) -> Ints:
    """(D,) weeks of the newer part where it differs most from the older; 0 where by chance."""
    row, k = np.arange(len(weeks)), np.arange(1, WEEKS)
    allowed = weeks[:, None] - k >= _LEAST_BEFORE
    rest = np.where(allowed, weeks[:, None] - k, 1)
    whole, new = sums.value[row, weeks][:, None], sums.value[:, 1:WEEKS]
    within = sums.square[row, weeks][:, None] - new**2 / k - (whole - new) ** 2 / rest
    free = np.maximum(weeks - 2, 1)[:, None]
    spread = np.maximum(np.sqrt(np.maximum(within, 0) / free), _LEAST_SPREAD * whole / free)
    apart = np.abs(new / k - (whole - new) / rest) / np.sqrt(1 / k + 1 / rest)
    told = np.where(allowed & (apart > 0), apart / np.maximum(spread, _TINY), 0)
    best = told.argmax(axis=1)
    return np.where(told[row, best] > limits[weeks], best + 1, 0)


def _limits(level: float) -> Floats:
    """(WEEKS + 1,) limit of |t| over all cuts of a window of so many weeks (Bonferroni)."""
    from scipy.special import stdtrit

    limits = np.full(WEEKS + 1, np.inf)
    weeks = np.arange(_LEAST_BEFORE + 1, WEEKS + 1)
    limits[weeks] = -stdtrit(weeks - 2, level / 2 / (weeks - _LEAST_BEFORE))
    return limits
