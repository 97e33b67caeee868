"""Demand distributions over whole units: probability mass from 0 units up."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from forecast_platform.errors import ConfigurationError
from forecast_platform.replenishment.classic.checks import not_negative, positive

FloatArray = NDArray[np.float64]

_TAIL = 1e-14
"""Probability beyond the last unit of a table; it is given to that unit."""
_LONGEST = 1_000_000
"""Units a table may reach; beyond that a normal distribution serves."""


def poisson_pmf(mean: float) -> FloatArray:
    """Probabilities of 0, 1, ... units of Poisson demand.

    Args:
        mean: Units, at least zero.

    Returns:
        (M,) probabilities that sum to one; what lies beyond, under 1e-14, is in the last.

    Raises:
        ConfigurationError: If the mean is negative, not finite or above 1e6.
    """
    not_negative("The mean of Poisson demand", mean)
    if mean == 0:
        return np.ones(1)
    longest = math.ceil(mean + 9 * math.sqrt(mean) + 25)
    _short_enough(longest)
    log_factorial = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, longest + 1)))])
    return _cut(np.exp(np.arange(longest + 1) * math.log(mean) - mean - log_factorial))


def geometric_pmf(mean: float) -> FloatArray:
    """Probabilities of 0, 1, ... units of geometric demand, (1 - q) q^k with q = mean/(1 + mean).

    Raises:
        ConfigurationError: If the mean is negative, not finite or too large to tabulate.
    """
    not_negative("The mean of geometric demand", mean)
    if mean == 0:
        return np.ones(1)
    ratio = mean / (1.0 + mean)
    longest = math.ceil(math.log(_TAIL) / math.log(ratio))
    _short_enough(longest)
    return _cut((1.0 - ratio) * ratio ** np.arange(longest + 1.0))


def empirical_pmf(demand: ArrayLike) -> FloatArray:
    """Probabilities of 0, 1, ... units as often as they came in observed whole-unit demand.

    Args:
        demand: (T,) units per period, whole, at least zero.

    Raises:
        ConfigurationError: If there is none, or a number is negative, fractional or not finite.
    """
    seen = not_negative("Observed demand", demand).ravel()
    if seen.size == 0 or (seen != np.round(seen)).any():
        raise ConfigurationError("Observed demand must be whole units of at least one period.")
    _short_enough(int(seen.max()))
    return np.asarray(np.bincount(seen.astype(np.int64)) / seen.size)


def checked_pmf(pmf: ArrayLike) -> FloatArray:
    """`pmf` as floats, scaled to sum to one exactly.

    Raises:
        ConfigurationError: If it is empty, not one-dimensional, holds a negative number or NaN, or
            its sum differs from one by more than 1e-6.
    """
    table = not_negative("A demand probability", pmf)
    if table.ndim != 1 or table.size == 0 or abs(table.sum() - 1.0) > 1e-6:
        raise ConfigurationError(
            "Demand must be a list of probabilities of 0, 1, 2, ... units that sum to 1; got "
            f"shape {table.shape} with sum {table.sum():.6g}."
        )
    return np.asarray(table / table.sum())


def total_pmf(pmf: FloatArray, periods: int) -> FloatArray:
    """Probabilities of 0, 1, ... units over `periods` independent periods."""
    total = np.ones(1)
    for _ in range(periods):
        total = np.convolve(total, pmf)
    keep = np.flatnonzero(np.cumsum(total[::-1])[::-1] > _TAIL)
    return np.asarray(total[: keep[-1] + 1] / total[: keep[-1] + 1].sum())


def expected_cost(pmf: FloatArray, highest: int, holding: float, penalty: float) -> FloatArray:
    """Cost of one period by stock: h E[(y - D)+] + p E[(D - y)+] for y = 0 .. `highest`.

    Args:
        pmf: (M,) demand probabilities.
        highest: Largest stock, units.
        holding: h, currency per unit left over and period.
        penalty: p, currency per unit short.

    Returns:
        (highest + 1,) currency.
    """
    mean = float(pmf @ np.arange(pmf.size))
    below = np.zeros(highest + 1)
    count = min(pmf.size, highest + 1)
    below[:count] = np.cumsum(pmf)[:count]
    below[count:] = 1.0
    left = np.concatenate([[0.0], np.cumsum(below)[:-1]])
    return np.asarray(holding * left + penalty * (mean - np.arange(highest + 1) + left))


def smallest_covering(pmf: FloatArray, level: float) -> int:
    """Smallest number of units that demand does not exceed with probability `level`."""
    reached = np.cumsum(pmf) >= level - 1e-13
    return int(reached.argmax()) if reached.any() else pmf.size - 1


def critical_ratio(holding: ArrayLike, penalty: ArrayLike) -> FloatArray:
    """Critical ratio p / (p + h): the probability with which stock should cover demand.

    Raises:
        ConfigurationError: If a cost is zero, negative or NaN.
    """
    over = positive("The holding cost", holding)
    under = positive("The penalty cost", penalty)
    return np.asarray(under / (under + over))


def _cut(pmf: FloatArray) -> FloatArray:
    last = int(np.flatnonzero(np.cumsum(pmf[::-1])[::-1] > _TAIL)[-1])
    kept = pmf[: last + 1].copy()
    kept[-1] += 1.0 - kept.sum()
    return kept


def _short_enough(longest: int) -> None:
    if longest > _LONGEST:
        raise ConfigurationError(
            f"Demand up to {longest:,} units is too long for a table of {_LONGEST:,}; count in "
            "larger units, or use a normal distribution."
        )
