"""Distributions of watched columns, and how far recent days lie from those trained on.

A profile keeps what a training window looked like, per group and column: shares of fine bins, and
how far four weeks *of that window* lay from the rest of it. Drift of later days is judged against
that, so what the models have seen, seasons included, is no drift (docs/decisions/0010).

PSI is the population stability index, sum (p - q) ln(p / q) over about ten bins of equal share
(Siddiqi 2006, "Credit Risk Scorecards", ch. 10); KS the largest distance of the two distribution
functions, as of the two-sample Kolmogorov-Smirnov test. No p-values: days of one item depend on
each other, so with thousands of rows every test rejects.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecast_platform.graph import DRIFT_DAYS

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]
Numbers = Floats | Ints

UNKNOWN = -1.0
"""Stands for a missing value, below all others: a source that stops moves the shares."""
_STEP_DAYS = 7
_FINE_BINS = 64
_COARSE_BINS = 10
_LEAST_SHARE = 1e-4


@dataclass(frozen=True)
class Bins:
    """Bins of one column.

    Attributes:
        lower: (B,) smallest value of each bin, rising; the first is `UNKNOWN`.
        coarse: (B,) number of the coarse bin that each belongs to, rising from 0.
    """

    lower: Floats
    coarse: Ints

    def of(self, values: Floats) -> Ints:
        """(K,) bin of each of K values, NaN where unknown."""
        known = np.where(np.isnan(values), UNKNOWN, values)
        return np.searchsorted(self.lower[1:], known, side="right")


def make_bins(values: Floats) -> Bins:
    """Bins of about equal share of (K,) values >= 0, NaN where unknown; one per value if few.

    Whatever is smaller or larger than all of them has a bin of its own, which counts as the one
    beside it for PSI: a single record is no drift there, while KS sees a constant move.
    """
    known = np.sort(values[~np.isnan(values)])
    if not len(known):
        return Bins(np.array([UNKNOWN, 0.0]), np.array([0, 1]))
    lower, first = np.unique(known, return_index=True)
    if len(lower) > _FINE_BINS:
        at = (np.arange(_FINE_BINS) * len(known)) // _FINE_BINS
        lower = np.unique(known[at])
        first = np.searchsorted(known, lower, side="left")
    _, coarse = np.unique(first * _COARSE_BINS // len(known), return_inverse=True)
    below = [0.0] if lower[0] > 0 else []
    above = np.nextafter(np.float32(known[-1]), np.float32(np.inf))
    return Bins(
        np.array([UNKNOWN, *below, *lower, above]),
        np.array([0, *(1 for _ in below), *(1 + coarse), 1 + coarse[-1]]),
    )


def daily_counts(bins: Ints, day: Ints, days: int, n_bins: int) -> NDArray[np.int64]:
    """(days, n_bins) rows of each day in each bin, of (K,) bins and day numbers."""
    flat = np.bincount(day * n_bins + bins, minlength=days * n_bins)
    return flat.reshape(days, n_bins).astype(np.int64)


def window_counts(counts: Ints, window: int = DRIFT_DAYS) -> NDArray[np.int64]:
    """(days - window + 1, B) sums over each `window` days of (days, B) counts, by last day."""
    total = np.concatenate([np.zeros((1, counts.shape[1]), dtype=np.int64), counts.cumsum(axis=0)])
    return np.asarray(total[window:] - total[:-window])


def psi(recent: Numbers, reference: Numbers, coarse: Ints) -> Floats:
    """(W,) index of (W, B) recent counts against (B,) or (W, B) reference counts."""
    n = int(coarse[-1]) + 1
    starts = np.searchsorted(coarse, np.arange(n))
    p = np.maximum(_shares(np.add.reduceat(recent, starts, axis=-1)), _LEAST_SHARE)
    q = np.maximum(_shares(np.add.reduceat(reference, starts, axis=-1)), _LEAST_SHARE)
    return np.asarray(((p - q) * np.log(p / q)).sum(axis=-1))


def ks(recent: Numbers, reference: Numbers) -> Floats:
    """(W,) largest distance of the distribution functions, counts as in `psi`."""
    apart = _shares(recent).cumsum(axis=-1) - _shares(reference).cumsum(axis=-1)
    return np.asarray(np.abs(apart).max(axis=-1))


def usual(counts: Ints, coarse: Ints) -> tuple[float, float]:
    """Largest PSI and KS of four weeks of a training window against the rest of it.

    Args:
        counts: (days, B) rows of each day of the training window.
        coarse: (B,) coarse bins.

    Returns:
        (0, 0) where there are not two windows.
    """
    windows = window_counts(counts)[::-_STEP_DAYS]
    rest = counts.sum(axis=0) - windows
    told = (windows.sum(axis=1) > 0) & (rest.sum(axis=1) > 0)
    windows, rest = windows[told], rest[told]
    if not len(windows):
        return 0.0, 0.0
    return float(psi(windows, rest, coarse).max()), float(ks(windows, rest).max())


def _shares(counts: Numbers) -> Floats:
    return np.asarray(counts / np.maximum(counts.sum(axis=-1, keepdims=True), 1))
