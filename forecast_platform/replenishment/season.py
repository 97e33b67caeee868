"""Seasons: what the weeks ahead sell of goods that have one, learned from the two years before.

Belongs here: the seasonal profile and what it expects day by day. Does not belong here: what a
plan line makes of it (`season_levels`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecast_platform.replenishment.classes import known_mean

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

YEAR_WEEKS = 52
"""A profile repeats after 364 days: whole weeks, so that week k of it always starts alike."""

_KERNEL = {-1: 0.25, 0: 0.5, 1: 0.25}
"""Smoothing over neighbouring weeks: a season's start moves by days from year to year."""
_RECENT_WEEKS = 8
_PRIOR_WEEKS = 4.0
_QUIET_WEEKS = 4


@dataclass(frozen=True)
class Profiles:
    """Seasonal profiles of S series, as of the end of a week.

    Attributes:
        index: (S, 52) demand of week k + 1 ahead over that of the mean week; mean 1.
        level: (S,) demand of the mean week, units per day.
        error: (S,) standard error of what a profile expects of four weeks, as share of it.
    """

    index: FloatArray
    level: FloatArray
    error: FloatArray

    def daily(self, series: IntArray, since_sunday: IntArray, days: int) -> FloatArray:
        """(N, days) expected units of the days ahead of N lines.

        Args:
            series: (N,) series of each line.
            since_sunday: (N,) days from the end of the profile's week to the line's day.
            days: Days ahead.
        """
        week = (since_sunday[:, None] + np.arange(days)) // 7 % YEAR_WEEKS
        return np.asarray(self.level[series, None] * self.index[series[:, None], week])

    def season_weeks(self) -> tuple[IntArray, IntArray]:
        """When the season that is on, or comes next, ends, and the quiet that follows it.

        Weeks above the mean are in season; it ends with the first that four quiet ones follow.

        Returns:
            (S,) weeks ahead to its end, 1 to 52; (S,) weeks from then to the next season.
        """
        twice = np.tile(self.index >= 1.0, 2)
        weeks = np.arange(YEAR_WEEKS)
        soon = np.any([twice[:, weeks + ahead] for ahead in range(1, _QUIET_WEEKS + 1)], axis=0)
        ends = twice[:, :YEAR_WEEKS] & ~soon
        end = np.where(ends.any(axis=1), ends.argmax(axis=1), YEAR_WEEKS - 1)
        after = np.take_along_axis(twice, end[:, None] + 1 + weeks, axis=1)
        return end + 1, after.argmax(axis=1)


def seasonal_profiles(demand: FloatArray, category: NDArray[np.int64]) -> Profiles:
    """Learn the profiles of seasonal series.

    A year's demand over its mean is smoothed over neighbouring weeks and averaged over both years.
    A week known in n years is shrunk to its category's with credibility n B / (n B + W), of the
    variances B between series and W between the years of one: where history is short, and the
    more the more alike a category's seasons are. Source: Bühlmann and Straub (1970), see Bühlmann
    and Gisler, A Course in Credibility Theory (2005), chapter 3.

    The level is the last year's mean, corrected by how its last 8 weeks sold against the profile;
    four mean weeks are added to both, so that a few sales out of season tell little.

    Args:
        demand: (S, 104) units per day, oldest week first; NaN where unknown. Not all zero.
        category: (S,) number of each series' category.
    """
    years = demand.reshape(-1, 2, YEAR_WEEKS)
    means = known_mean(years)
    ratios = _smoothed(years / means[..., None])
    own = known_mean(ratios.swapaxes(1, 2))
    index = np.empty_like(own)
    for number in np.unique(category):
        same = category == number
        index[same] = _shrunk(own[same], ratios[same])
    index /= index.mean(axis=1, keepdims=True)
    recent = ratios[:, 1, -_RECENT_WEEKS:]
    known = np.isfinite(recent)
    came = np.where(known, recent, 0.0).sum(axis=1) + _PRIOR_WEEKS
    due = np.where(known, index[:, -_RECENT_WEEKS:], 0.0).sum(axis=1) + _PRIOR_WEEKS
    return Profiles(index, means[:, 1] * came / due, _errors(ratios))


def _smoothed(ratios: FloatArray) -> FloatArray:
    """(S, 2, 52) weighted means of the known weeks around each, as if the year were a circle."""
    known = np.isfinite(ratios)
    filled = np.where(known, ratios, 0.0)
    total, weights = np.zeros_like(filled), np.zeros_like(filled)
    for shift, weight in _KERNEL.items():
        total += weight * np.roll(filled, shift, axis=2)
        weights += weight * np.roll(known, shift, axis=2)
    return np.divide(total, weights, out=np.full_like(ratios, np.nan), where=known)


def _shrunk(own: FloatArray, ratios: FloatArray) -> FloatArray:
    """(S, 52) indices of one category's series between their own and their mean."""
    together = known_mean(own.T)
    # A week that no series of the category knows is taken as a mean week.
    together = np.where(np.isfinite(together), together, 1.0)
    years = np.isfinite(ratios).sum(axis=1)
    both = years == 2
    within = np.square(ratios[:, 0] - ratios[:, 1])[both].sum() / 2 / max(both.sum(), 1)
    if len(own) > 1:
        spread = np.square(own - together)[both].sum() / max(both.sum(), 1)
        between = max(spread * len(own) / (len(own) - 1) - within / 2, 0.0)
    else:
        between = np.inf
    if within == 0 or np.isinf(between):
        credibility = (years > 0).astype(np.float64)
    else:
        credibility = years * between / (years * between + within)
    return np.asarray(together + credibility * (np.where(years > 0, own, 0.0) - together))


def _errors(ratios: FloatArray) -> FloatArray:
    """(S,) relative error of the mean of two years as forecast of a third, by four-week sums.

    Its variance is 1.5 times that of a year, (a - b)^2 / 2 from two.
    """
    blocks = known_mean(ratios.reshape(len(ratios), 2, -1, _QUIET_WEEKS))
    apart, middle = blocks[:, 0] - blocks[:, 1], blocks.mean(axis=1)
    return np.asarray(np.sqrt(0.75 * np.nansum(apart**2, axis=1) / np.nansum(middle**2, axis=1)))
