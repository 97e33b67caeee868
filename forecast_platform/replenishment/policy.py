"""Periodic review: safety stock, reorder point, order-up-to level and whole packs.

Every R days the inventory position is reviewed. At or below the reorder point s, stock would not
last until an order of the next review arrives, so an order lifts the position to S. For (R,s,S):

    s = expected demand over lead time + review period, + safety stock
    S = s + economic order quantity

Source: Silver, Pyke and Thomas, Inventory and Production Management in Supply Chains (2017),
chapter 6: periodic review, protection over R + L. Other policies: `choice.rules`.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
_NORMAL = NormalDist()
_TOLERANCE = 1e-9
"""Packs: a quantity this close above a whole number of packs is that number."""


def normal_scores(levels: Sequence[float] | FloatArray) -> FloatArray:
    """Standard normal quantiles z of probabilities, same length."""
    distinct, at = np.unique(np.asarray(levels, dtype=np.float64), return_inverse=True)
    return np.array([_NORMAL.inv_cdf(level) for level in distinct.tolist()])[at]


def quantile_at(
    level: float | FloatArray, levels: Sequence[float], quantiles: FloatArray, std: FloatArray
) -> FloatArray:
    """Quantile of each row's distribution at a level between or beyond the stored ones.

    Linear between neighbours on the normal score, so exact for normal demand; beyond the last
    stored level the tail of a normal with standard deviation `std` is added.

    Args:
        level: Probability between 0 and 1; one for all rows or (N,).
        levels: (Q,) rising probabilities stored.
        quantiles: (N, Q) units; taken as rising.
        std: (N,) units.

    Returns:
        (N,) units, never falling in `level`.
    """
    rising = np.maximum.accumulate(quantiles, axis=1)
    stored, z = normal_scores(levels), _scores_of(level, std)
    right = np.clip(np.searchsorted(stored, z, side="right"), 1, len(stored) - 1)
    weight = (z - stored[right - 1]) / (stored[right] - stored[right - 1])
    row = np.arange(rising.shape[0])
    left = rising[row, right - 1]
    within = left + np.clip(weight, 0.0, 1.0) * (rising[row, right] - left)
    beyond = z - np.clip(z, stored[0], stored[-1])
    return np.asarray(within + beyond * std)


def _scores_of(level: float | FloatArray, like: FloatArray) -> FloatArray:
    """(N,) normal scores of one level for all rows, or of one for each."""
    return np.broadcast_to(normal_scores(np.atleast_1d(np.asarray(level))), like.shape)


def lead_time_demand_std(
    days: FloatArray | float,
    daily_std: FloatArray | float,
    daily_mean: FloatArray | float,
    lead_time_std: FloatArray | float,
) -> FloatArray:
    """Standard deviation of demand over a random number of days: sqrt(L sd^2 + m^2 sd_L^2).

    Source: Chopra and Meindl, Supply Chain Management, "impact of supply uncertainty on safety
    inventory"; Silver, Pyke and Thomas (2017), section 6.10.

    Args:
        days: L, mean number of days.
        daily_std: sd, units per day.
        daily_mean: m, units per day.
        lead_time_std: sd_L, days.

    Returns:
        Units.
    """
    spread = np.asarray(daily_mean, dtype=np.float64) * lead_time_std
    return np.asarray(np.sqrt(np.asarray(days) * np.square(daily_std) + np.square(spread)))


def safety_stock(
    level: float | FloatArray, quantile: FloatArray, mean: FloatArray, lead_time_spread: FloatArray
) -> FloatArray:
    """Quantile of protection demand less its mean, widened for the spread of the lead time.

    sqrt(max(Q - mean, 0)^2 + (z m sd_L)^2): for normal demand this equals z times
    `lead_time_demand_std`, and it keeps the shape of the forecast's own distribution otherwise.

    Args:
        level: Cycle service level, at least .5; one for all rows or (N,).
        quantile: (N,) quantile of protection demand at `level`, units.
        mean: (N,) its mean, units.
        lead_time_spread: (N,) mean demand per day x standard deviation of the lead time, units.

    Returns:
        (N,) units, at least zero, never falling in `level`.
    """
    of_demand = np.maximum(quantile - mean, 0.0)
    of_lead_time = np.maximum(_scores_of(level, mean), 0.0) * lead_time_spread
    return np.asarray(np.sqrt(np.square(of_demand) + np.square(of_lead_time)))


def order_quantity(
    position: FloatArray,
    reorder_point: FloatArray,
    upto: FloatArray,
    cap: FloatArray | float = np.inf,
) -> FloatArray:
    """Raw quantity of a review: S - position where position <= s, at most the cap, else nothing.

    Args:
        position: (N,) inventory position, units.
        reorder_point: (N,) s, units.
        upto: (N,) S, units.
        cap: (N,) most units of an order; by default any number.

    Returns:
        (N,) units, at least zero; NaN where s or S is NaN.
    """
    raw = np.minimum(np.maximum(upto - position, 0.0), cap)
    raw = np.where(position <= reorder_point, raw, 0.0)
    return np.where(np.isnan(reorder_point + upto), np.nan, raw)


def whole_packs(raw: FloatArray, minimum: FloatArray, pack: FloatArray) -> FloatArray:
    """Order quantity: at least the minimum, in whole packs, rounded up; nothing stays nothing.

    Args:
        raw: (N,) units; NaN stays NaN.
        minimum: (N,) smallest order, units.
        pack: (N,) units per pack, positive.

    Returns:
        (N,) units.
    """
    packs = np.ceil(np.maximum(raw, minimum) / pack - _TOLERANCE)
    return np.where(raw > 0, np.maximum(packs, 1.0) * pack, raw)


def order_of_review(
    position: FloatArray,
    reorder_point: FloatArray,
    upto: FloatArray,
    minimum: FloatArray,
    pack: FloatArray,
    lot: FloatArray,
    cap: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """What a review orders under any of the policies of `choice.rules`.

    Args:
        position: (N,) inventory position, units.
        reorder_point: (N,) s, units.
        upto: (N,) S, units.
        minimum: (N,) smallest order, units.
        pack: (N,) units per pack, positive.
        lot: (N,) Q of (R,s,nQ), units: the order is as many whole lots as fit below S. NaN
            elsewhere: whole packs of at least the minimum.
        cap: (N,) most units of an order; NaN where there is no most.

    Returns:
        (N,) raw and (N,) ordered units; NaN where s or S is NaN.
    """
    raw = order_quantity(position, reorder_point, upto, np.where(np.isnan(cap), np.inf, cap))
    lots = np.floor(raw / lot + _TOLERANCE) * lot
    return raw, np.where(np.isnan(lot), whole_packs(raw, minimum, pack), lots)


def expected_shortage(
    stock: FloatArray, levels: Sequence[float], quantiles: FloatArray
) -> FloatArray:
    """Expected demand beyond `stock`, E[(X - stock)+], from stored quantiles.

    Each quantile stands for the probability between the midpoints to its neighbours.

    Args:
        stock: (N,) units.
        levels: (Q,) rising probabilities.
        quantiles: (N, Q) units.

    Returns:
        (N,) units.
    """
    middle = (np.asarray(levels)[1:] + np.asarray(levels)[:-1]) / 2
    weights = np.diff(np.concatenate([[0.0], middle, [1.0]]))
    shortage = np.zeros_like(stock)
    for weight, column in zip(weights, quantiles.T, strict=True):
        shortage += weight * np.maximum(column - stock, 0.0)
    return shortage
