"""The newsvendor: stock for one period that balances what is left over against what is short.

h is the cost of a unit left over (overage), p of a unit short (underage); the best stock covers
demand with probability p / (p + h). Source: Snyder and Shen, Fundamentals of Supply Chain Theory
(2019), section 4.3. Arguments broadcast over N items.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from forecast_platform.errors import ConfigurationError
from forecast_platform.replenishment.classic.checks import not_negative
from forecast_platform.replenishment.classic.demand import critical_ratio, poisson_pmf
from forecast_platform.replenishment.policy import normal_scores

FloatArray = NDArray[np.float64]


class Stock(NamedTuple):
    """Stock to hold before demand comes (units) and its expected cost per period."""

    level: FloatArray
    cost: FloatArray


def newsvendor_normal(
    holding: ArrayLike, penalty: ArrayLike, mean: ArrayLike, std: ArrayLike
) -> Stock:
    """Best stock under normal demand: mean + z std, at cost (h + p) phi(z) std.

    Args:
        holding: h, currency per unit left over.
        penalty: p, currency per unit short.
        mean: Units.
        std: Standard deviation, units; zero makes demand certain.

    Raises:
        ConfigurationError: If a cost is not positive, or mean or std is negative or NaN.
    """
    ratio = critical_ratio(holding, penalty)
    average, spread = not_negative("Mean demand", mean), not_negative("The spread of demand", std)
    z = normal_scores(ratio.ravel()).reshape(ratio.shape)
    density = np.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    costs = np.asarray(holding, dtype=np.float64) + np.asarray(penalty, dtype=np.float64)
    return Stock(average + z * spread, costs * density * spread)


def newsvendor_discrete(holding: ArrayLike, penalty: ArrayLike, pmf: ArrayLike) -> Stock:
    """Best stock under any demand in whole units.

    Args:
        holding: (N,) or number.
        penalty: (N,) or number.
        pmf: (M,) or (N, M) probabilities of 0, 1, ... units, each row summing to one.

    Raises:
        ConfigurationError: If a cost is not positive or a row is no distribution.
    """
    ratio = critical_ratio(holding, penalty)
    table = not_negative("A demand probability", pmf)
    if table.ndim == 0 or table.shape[-1] == 0 or np.abs(table.sum(axis=-1) - 1).max() > 1e-6:
        raise ConfigurationError("Each row of demand probabilities must sum to 1.")
    upto = np.cumsum(table, axis=-1)
    level = np.minimum((upto < ratio[..., None] - 1e-13).sum(axis=-1), table.shape[-1] - 1)
    left = np.concatenate(
        [np.zeros((*upto.shape[:-1], 1)), np.cumsum(upto, axis=-1)[..., :-1]], axis=-1
    )
    mean = table @ np.arange(table.shape[-1])
    shape = level.shape
    over = np.take_along_axis(
        np.broadcast_to(left, (*shape, left.shape[-1])), level[..., None], axis=-1
    )[..., 0]
    cost = np.asarray(holding) * over + np.asarray(penalty) * (mean - level + over)
    return Stock(level.astype(np.float64), np.asarray(cost))


def newsvendor_poisson(holding: ArrayLike, penalty: ArrayLike, mean: ArrayLike) -> Stock:
    """Best stock under Poisson demand of the given mean(s), units.

    Raises:
        ConfigurationError: If a cost is not positive or a mean is negative or NaN.
    """
    means = not_negative("Mean demand", mean)
    tables = [poisson_pmf(value) for value in means.ravel().tolist()]
    longest = max((table.size for table in tables), default=1)
    pmf = np.zeros((len(tables), longest))
    for row, table in zip(pmf, tables, strict=True):
        row[: table.size] = table
    return newsvendor_discrete(holding, penalty, pmf.reshape(*means.shape, longest))


def newsvendor_samples(holding: ArrayLike, penalty: ArrayLike, demand: ArrayLike) -> Stock:
    """Best stock under sampled demand: the order statistic at the critical ratio.

    Args:
        holding: (N,) or number.
        penalty: (N,) or number.
        demand: (N, P) or (P,) equally likely demands, units: history or forecast paths.

    Raises:
        ConfigurationError: If a cost is not positive, or demand is missing, negative or NaN.
    """
    ratio = critical_ratio(holding, penalty)
    paths = np.sort(not_negative("Sampled demand", demand), axis=-1)
    if paths.ndim == 0 or paths.shape[-1] == 0:
        raise ConfigurationError("The newsvendor needs at least one sampled demand per item.")
    count = paths.shape[-1]
    at = np.clip(np.ceil(ratio * count - 1e-9).astype(np.int64) - 1, 0, count - 1)
    shape = np.broadcast_shapes(at.shape, paths.shape[:-1])
    level = np.take_along_axis(
        np.broadcast_to(paths, (*shape, count)), np.broadcast_to(at, shape)[..., None], axis=-1
    )
    over = np.maximum(level - paths, 0).mean(axis=-1)
    short = np.maximum(paths - level, 0).mean(axis=-1)
    cost = np.asarray(holding) * over + np.asarray(penalty) * short
    return Stock(level[..., 0], np.asarray(cost))
