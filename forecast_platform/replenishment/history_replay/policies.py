"""Levels of the policies that are replayed, from forecasts of the day or from demand before it.

Every policy protects against demand over lead time plus review period and has one parameter to
sweep: the weight of the margin against holding. A weight of 1 is the critical ratio of the costs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from forecast_platform.replenishment.classic.eoq import economic_order_quantity
from forecast_platform.replenishment.history_replay.case import Case, Levels

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class CoverForecast:
    """Forecasts of demand over lead time plus review period, as of each review day.

    Attributes:
        levels: (G,) rising probabilities.
        quantiles: (O, N, G) units, one row for each of `Case.review_days`; of sample-path sums.
        mean: (O, N) units.
        std: (O, N) units.
    """

    levels: tuple[float, ...]
    quantiles: NDArray[np.float32]
    mean: FloatArray
    std: FloatArray

    def at(self, probability: FloatArray) -> FloatArray:
        """(O, N) quantiles at probabilities (O, N).

        Linear in the normal score between the stored levels; beyond them a normal tail is added.
        """
        stored, z = ndtri(self.levels), ndtri(probability)
        right = np.clip(np.searchsorted(stored, z), 1, len(stored) - 1)
        low, high = (
            np.take_along_axis(self.quantiles, at[..., None], axis=2)[..., 0].astype(np.float64)
            for at in (right - 1, right)
        )
        share = np.clip((z - stored[right - 1]) / (stored[right] - stored[right - 1]), 0.0, 1.0)
        beyond = z - np.clip(z, stored[0], stored[-1])
        return np.asarray(np.maximum(low + share * (high - low) + beyond * self.std, 0.0))


def from_forecasts(
    case: Case, forecast: CoverForecast, weight: float = 1.0, *, lots: bool = True
) -> Levels:
    """(R,s,S) on the forecasts of each review day: s is their quantile at the critical ratio.

    S = s + the part of the economic order quantity beyond a review period's demand; (R,S) where
    that is nothing.

    Args:
        case: What is replayed.
        forecast: As of each review day.
        weight: Of the margin.
        lots: Whether orders of several review periods may be one; without, (R,S).
    """
    daily = forecast.mean / case.protection
    ratio, extra = _economics(case, daily, weight, lots)
    return _whole(forecast.at(ratio), extra)


def from_history(case: Case, days: int, weight: float = 1.0) -> Levels:
    """(R,s,S) by normal demand with mean and spread of the last `days` before each review day.

    Mean and spread are of sums over the protection period, so that correlated days count.
    """
    mean, std = _past_sums(case, days)
    ratio, extra = _economics(case, mean / case.protection, weight, lots=True)
    return _whole(mean + ndtri(ratio) * std, extra)


def fixed_lots(case: Case, weight: float = 1.0) -> Levels:
    """(r,Q) set once: economic order quantity and a safety stock that stays as it is.

    Mean and spread of the days before the replay; r = mean over the protection period + z times
    the daily standard deviation times the root of its days.
    """
    mean, std = case.past.mean(axis=1), case.past.std(axis=1)
    ratio, extra = _economics(case, mean[None], weight, lots=True)
    point = mean * case.protection + ndtri(ratio[0]) * std * np.sqrt(case.protection)
    lot = np.maximum(extra[0] + mean * case.review, 1.0)
    multiple = np.ceil(lot / case.pack - 1e-9) * case.pack
    reviews = case.review_days.size
    whole = np.tile(np.round(np.maximum(point, 0.0)), (reviews, 1))
    return Levels(whole, whole + 1.0, multiple)


def _economics(
    case: Case, daily: FloatArray, weight: float, lots: bool
) -> tuple[FloatArray, FloatArray]:
    """(O, N) critical ratio, and units by which an order exceeds a review period's demand.

    An order that lasts n review periods carries its safety stock through n, so the ratio is
    p / (p + n h R). Source: Hadley and Whitin (1963), Analysis of Inventory Systems, chapter 4:
    with lost sales the chance of a stock-out in a cycle is h Q / (h Q + p D); here Q = n R D.
    """
    quantity = economic_order_quantity(case.order_cost, daily, case.holding)
    of_review = daily * case.review
    extra = np.maximum(quantity - of_review, 0.0) if lots else np.zeros_like(daily)
    with np.errstate(invalid="ignore", divide="ignore"):
        periods = np.where(of_review > 0, 1.0 + extra / of_review, 1.0)
    carried = periods * case.holding * case.review
    ratio = weight * case.margin / (weight * case.margin + carried)
    return np.clip(ratio, 1e-3, 1 - 1e-4), extra


def _past_sums(case: Case, days: int) -> tuple[FloatArray, FloatArray]:
    """(O, N) mean and standard deviation of protection sums in the days before each review day."""
    known = np.concatenate([case.past, case.demand], axis=1)
    total = np.cumsum(np.pad(known, ((0, 0), (1, 0))), axis=1)
    means = np.empty((case.review_days.size, known.shape[0]))
    stds = np.empty_like(means)
    for period in np.unique(case.protection):
        same = np.flatnonzero(case.protection == period)
        sums = total[same, period:] - total[same, :-period]
        for row, day in enumerate(case.review_days):
            end = case.past.shape[1] + day
            first = min(max(end - days, 0), end - period)
            window = sums[:, first : end - period + 1]
            means[row, same], stds[row, same] = window.mean(axis=1), window.std(axis=1)
    return means, stds


def _whole(point: FloatArray, extra: FloatArray) -> Levels:
    """Levels in whole units: a fraction of a unit protects nobody."""
    reorder = np.asarray(np.round(np.maximum(point, 0.0)), np.float64)
    return Levels(reorder, reorder + np.round(extra))
