"""Serial supply chains: exact echelon base-stock levels, and bounds that need no recursion.

Stages are listed from the customer upwards: stage 1 meets demand, the last buys from outside.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from forecast_platform.errors import ConfigurationError
from forecast_platform.replenishment.classic.checks import not_negative, positive
from forecast_platform.replenishment.classic.demand import checked_pmf
from forecast_platform.replenishment.policy import normal_scores

FloatArray = NDArray[np.float64]

_SPREADS = 6.0
"""Standard deviations around the mean that a table of normal demand holds."""


class SerialLevels(NamedTuple):
    """(J,) echelon base-stock levels, units, and expected cost per unit of time."""

    levels: FloatArray
    cost: float


def serial_system(
    echelon_holding: ArrayLike,
    penalty: float,
    lead_time_demand: Sequence[ArrayLike],
    step: float = 1.0,
) -> SerialLevels:
    """Optimal echelon base-stock levels of a serial system, by the recursion of Clark and Scarf.

    Source: Clark and Scarf (1960), Management Science 6(4); Chen and Zheng (1994); Snyder and Shen
    (2019), section 6.2.2. Stock in transit between stages is charged.

    Args:
        echelon_holding: (J,) h_j, currency per unit and unit of time.
        penalty: p, currency per unit waiting at stage 1 and unit of time.
        lead_time_demand: J distributions: probabilities of 0, step, 2 step, ... units during the
            lead time of each stage.
        step: Units between neighbouring demands.

    Raises:
        ConfigurationError: If stages do not match, or a number makes no sense.
    """
    held = np.atleast_1d(positive("An echelon holding cost", echelon_holding))
    positive("The penalty cost", penalty)
    positive("The step", step)
    tables = [checked_pmf(pmf) for pmf in lead_time_demand]
    if held.ndim != 1 or held.size != len(tables):
        raise ConfigurationError(
            f"A serial system needs one holding cost and one lead time demand per stage; got "
            f"{held.size} and {len(tables)}."
        )
    highest = sum(table.size for table in tables)
    lowest = -sum(table.size - 1 for table in tables)
    units = step * np.arange(lowest, highest + 1)
    induced = (penalty + held.sum()) * np.maximum(-units, 0.0)
    levels = np.empty(held.size)
    for stage, table in enumerate(tables):
        cost = np.convolve(held[stage] * units + induced, table, mode="valid")
        units = units[table.size - 1 :]
        best = int(cost.argmin())
        levels[stage] = units[best]
        induced = np.where(np.arange(cost.size) < best, cost, cost[best])
    return SerialLevels(levels, float(cost[best]))


def normal_serial_system(
    echelon_holding: ArrayLike,
    penalty: float,
    lead_times: ArrayLike,
    mean: float,
    std: float,
    step: float | None = None,
) -> SerialLevels:
    """`serial_system` under normal demand, tabulated in steps of a fiftieth of `std` by default.

    Args:
        echelon_holding: (J,) currency per unit and unit of time.
        penalty: Currency per unit waiting and unit of time.
        lead_times: (J,) units of time, above zero.
        mean: Units per unit of time.
        std: Standard deviation of the demand of one unit of time, units, above zero.
        step: Units.

    Raises:
        ConfigurationError: If stages do not match, or a number makes no sense.
    """
    periods = np.atleast_1d(positive("A lead time", lead_times))
    not_negative("Mean demand", mean)
    size = float(positive("The spread of demand", std)) / 50 if step is None else step
    tables = [_normal_table(mean * span, std * math.sqrt(span), size) for span in periods.tolist()]
    return serial_system(echelon_holding, penalty, tables, size)


def serial_level_bounds(
    echelon_holding: ArrayLike,
    penalty: ArrayLike,
    lead_times: ArrayLike,
    mean: ArrayLike,
    std: ArrayLike,
) -> tuple[FloatArray, FloatArray]:
    """Newsvendor levels between which the optimal echelon levels lie; their mean is near-optimal.

    Source: Shang and Song (2003), Newsvendor Bounds and Heuristic for Optimal Policies in Serial
    Supply Chains, Management Science 49(5), for normal demand.

    Args:
        echelon_holding: (J,) or (N, J).
        penalty: Number or (N,).
        lead_times: (J,) or (N, J) units of time.
        mean: Number or (N,) units per unit of time.
        std: Number or (N,).

    Returns:
        Lower and upper levels, (J,) or (N, J) units.

    Raises:
        ConfigurationError: If a number makes no sense.
    """
    held = positive("An echelon holding cost", echelon_holding)
    waited = positive("The penalty cost", penalty)[..., None]
    span = np.cumsum(positive("A lead time", lead_times), axis=-1)
    average = not_negative("Mean demand", mean)[..., None] * span
    spread = not_negative("The spread of demand", std)[..., None] * np.sqrt(span)
    upto = np.cumsum(held, axis=-1)
    above = upto[..., -1:] - upto
    lower = (waited + above) / (waited + upto[..., -1:])
    upper = (waited + above) / (waited + above + held)
    return average + _scores(lower) * spread, average + _scores(upper) * spread


def _scores(levels: FloatArray) -> FloatArray:
    return normal_scores(levels.ravel()).reshape(levels.shape)


def _normal_table(mean: float, std: float, step: float) -> FloatArray:
    """Probabilities of 0, step, ...; what lies below zero counts as zero."""
    edges = step * (np.arange(math.ceil((mean + _SPREADS * std) / step) + 1) + 0.5)
    upto = np.array([0.5 * math.erfc((mean - edge) / (std * math.sqrt(2))) for edge in edges])
    upto[-1] = 1.0
    return np.diff(upto, prepend=0.0)
