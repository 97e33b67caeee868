"""Joint replenishment: items of one supplier that share the cost of an order.

Every order costs K whatever is on it, and k_i for each item i on it. Each item is ordered every
T_i = 2^m_i T0: under a power-of-two policy all orders fall on common days.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from forecast_platform.errors import ConfigurationError
from forecast_platform.replenishment.classic.checks import not_negative, positive

FloatArray = NDArray[np.float64]


class JointOrders(NamedTuple):
    """Order intervals of a supplier's items.

    Attributes:
        intervals: (N,) years between orders of each item.
        quantities: (N,) units per order.
        cost: Ordering and holding cost per year, currency.
        bound: Currency per year below which no policy comes.
    """

    intervals: FloatArray
    quantities: FloatArray
    cost: float
    bound: float


def joint_replenishment(
    major_cost: float, minor_costs: ArrayLike, annual_demand: ArrayLike, holding: ArrayLike
) -> JointOrders:
    """Power-of-two policy at most 2 % above the best possible, for constant demand.

    The relaxed problem shares the major cost among the items ordered most often (Jackson, Maxwell
    and Muckstadt 1985, IIE Transactions 17; Atkins and Iyogun 1987, IIE Transactions 19); its cost
    is the bound. Its intervals are rounded to powers of two of the best base (Roundy 1985).

    Args:
        major_cost: K, currency per order.
        minor_costs: (N,) k_i, currency per item on an order.
        annual_demand: (N,) units per year, above zero.
        holding: (N,) currency per unit and year, above zero.

    Raises:
        ConfigurationError: If there is no item, or a number makes no sense.
    """
    major = float(positive("The order cost", major_cost))
    minor, held, demand = np.broadcast_arrays(
        np.atleast_1d(not_negative("An item's order cost", minor_costs)),
        positive("The holding cost", holding),
        positive("Demand", annual_demand),
    )
    if minor.ndim != 1 or minor.size == 0:
        raise ConfigurationError(f"Joint replenishment needs (N,) items; got shape {minor.shape}.")
    weight = held * demand / 2
    relaxed = _relaxed(major, minor, weight)
    bound = major / relaxed.min() + float((minor / relaxed + weight * relaxed).sum())
    rounded = _rounded(major, minor, weight, relaxed)
    cost = major / rounded.min() + float((minor / rounded + weight * rounded).sum())
    return JointOrders(rounded, demand * rounded, cost, bound)


def _relaxed(major: float, minor: FloatArray, weight: FloatArray) -> FloatArray:
    """(N,) best intervals where only T_i >= T0 is asked: items whose own is shorter share T0."""
    own = np.sqrt(minor / weight)
    order = np.argsort(own, kind="stable")
    shared = np.sqrt((major + np.cumsum(minor[order])) / np.cumsum(weight[order]))
    following = np.append(own[order][1:], np.inf)
    base = shared[int((shared <= following).argmax())]
    return np.asarray(np.maximum(own, base))


def _rounded(
    major: float, minor: FloatArray, weight: FloatArray, relaxed: FloatArray
) -> FloatArray:
    """Intervals rounded to base 2^m, for the best of the bases at which a rounding changes."""
    logs = np.log2(relaxed)
    changes = np.unique((logs + 0.5) % 1.0)
    middles = (changes + np.append(changes[1:], changes[0] + 1.0)) / 2
    best, least = relaxed, np.inf
    for shift in middles:
        powers = 2.0 ** (np.round(logs - shift) + shift)
        fixed = major / powers.min() + (minor / powers).sum()
        carried = (weight * powers).sum()
        scale = np.sqrt(fixed / carried)
        cost = 2 * np.sqrt(fixed * carried)
        if cost < least:
            best, least = powers * scale, cost
    return best
