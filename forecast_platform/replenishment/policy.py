"""The (R,s,S) policy: safety stock, reorder point, order-up-to level and whole packs.

Every R days the inventory position is reviewed. At or below the reorder point s, stock would not
last until an order of the next review arrives, so an order lifts the position to S:

    s = expected demand over lead time + review period, + safety stock
    S = s + economic order quantity

Source: Silver, Pyke and Thomas, Inventory and Production Management in Supply Chains (2017),
chapter 6: periodic review, protection over R + L.
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
    level: float, levels: Sequence[float], quantiles: FloatArray, std: FloatArray
) -> FloatArray:
    """Quantile of each row's distribution at a level between or beyond the stored ones.

    Linear between neighbours on the normal score, so exact for normal demand; beyond the last
    stored level the tail of a normal with standard deviation `std` is added.

    Args:
        level: Probability between 0 and 1.
        levels: (Q,) rising probabilities stored.
        quantiles: (N, Q) units; taken as rising.
        std: (N,) units.

    Returns:
        (N,) units, never falling in `level`.
    """
    rising = np.maximum.accumulate(quantiles, axis=1)
    stored, z = normal_scores(levels), _NORMAL.inv_cdf(level)
    if z >= stored[-1]:
        return np.asarray(rising[:, -1] + (z - stored[-1]) * std)
    if z <= stored[0]:
        return np.asarray(rising[:, 0] + (z - stored[0]) * std)
    right = int(np.searchsorted(stored, z, side="right"))
    weight = (z - stored[right - 1]) / (stored[right] - stored[right - 1])
    left = rising[:, right - 1]
    return np.asarray(left + weight * (rising[:, right] - left))


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
    level: float, quantile: FloatArray, mean: FloatArray, lead_time_spread: FloatArray
) -> FloatArray:
    """Quantile of protection demand less its mean, widened for the spread of the lead time.

    sqrt(max(Q - mean, 0)^2 + (z m sd_L)^2): for normal demand this equals z times
    `lead_time_demand_std`, and it keeps the shape of the forecast's own distribution otherwise.

    Args:
        level: Cycle service level, at least .5.
        quantile: (N,) quantile of protection demand at `level`, units.
        mean: (N,) its mean, units.
        lead_time_spread: (N,) mean demand per day x standard deviation of the lead time, units.

    Returns:
        (N,) units, at least zero, never falling in `level`.
    """
    of_demand = np.maximum(quantile - mean, 0.0)
    of_lead_time = max(_NORMAL.inv_cdf(level), 0.0) * lead_time_spread
    return np.asarray(np.sqrt(np.square(of_demand) + np.square(of_lead_time)))


def order_quantity(position: FloatArray, reorder_point: FloatArray, upto: FloatArray) -> FloatArray:
    """Raw quantity of an (R,s,S) review: S - position where position <= s, else nothing.

    Args:
        position: (N,) inventory position, units.
        reorder_point: (N,) s, units.
        upto: (N,) S, units.

    Returns:
        (N,) units, at least zero; NaN where s or S is NaN.
    """
    raw = np.where(position <= reorder_point, np.maximum(upto - position, 0.0), 0.0)
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
