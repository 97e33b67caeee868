"""Paths of demand drawn from a SKU's own recent weeks, for the simulation of candidates.

A path is a row of whole weeks, each one of the SKU's known weeks with the same chance, so that the
pattern within a week, bursts of days and days without demand stay as they were (block bootstrap:
Kuensch 1989, Annals of Statistics 17(3)). The week drawn depends on the SKU's id, the place in the
path and the seed alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecast_platform.replenishment.compiled import Array, compiled, over_skus
from forecast_platform.replenishment.simulation.demand import as_demand, stream_keys
from forecast_platform.replenishment.simulation.draws import uniform

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_WEEK = 7
_STREAM = "weeks"


def whole_weeks(demand: FloatArray) -> tuple[FloatArray, IntArray]:
    """Close gaps so that whole weeks can be drawn.

    A day of unknown demand takes that of the same weekday in the nearest week before that knows
    it, else in the nearest after; a weekday that is never known sells nothing.

    Args:
        demand: (N, 7 W) units per day; NaN where unknown.

    Returns:
        (N, 7 W) without gaps, and (N,) the first week with a known day, from 0.
    """
    weeks = demand.reshape(demand.shape[0], -1, _WEEK)
    known = np.isfinite(weeks)
    count = weeks.shape[1]
    week = np.arange(count)[None, :, None]
    before = np.maximum.accumulate(np.where(known, week, -1), axis=1)
    after = np.minimum.accumulate(np.where(known, week, count)[:, ::-1], axis=1)[:, ::-1]
    source = np.where(before >= 0, before, after)
    filled = np.take_along_axis(weeks, np.minimum(source, count - 1), axis=1)
    filled = np.where(source < count, np.nan_to_num(filled), 0.0)
    return filled.reshape(demand.shape), known.any(axis=2).argmax(axis=1)


def draw_weeks(
    demand: FloatArray,
    first_week: IntArray,
    weeks: int,
    paths: int,
    seed: int,
    ids: Sequence[str],
) -> NDArray[Any]:
    """Draw paths of whole weeks.

    Args:
        demand: (N, 7 W) units per day, from `whole_weeks`; a path starts on its first weekday.
        first_week: (N,) weeks before it are not drawn.
        weeks: Weeks of a path.
        paths: P.
        seed: Seed common to all that is compared.
        ids: (N,) ids of the SKUs.

    Returns:
        (N, 7 weeks, P) units, in the smallest type that holds them.

    Raises:
        ContractError: If a demand is negative, or an id occurs twice.
    """
    units = as_demand(demand)[:, :, 0]
    out = np.empty((units.shape[0], weeks * _WEEK, paths), units.dtype)
    keys = stream_keys(seed, units.shape[0], ids, _STREAM)
    over_skus(lambda a, b: _draw(a, b, units, first_week, keys, out), units.shape[0])
    return out


@compiled
def _draw(first: int, last: int, units: Array, first_week: Array, keys: Array, out: Array) -> None:
    """Draw the weeks of SKUs `first` to `last` - 1; arguments as `draw_weeks`."""
    for sku in range(first, last):
        start = first_week[sku]
        choices = units.shape[1] // _WEEK - start
        for week in range(out.shape[1] // _WEEK):
            for path in range(out.shape[2]):
                drawn = start + int(uniform(keys[sku], week, path) * choices)
                for day in range(_WEEK):
                    out[sku, week * _WEEK + day, path] = units[sku, drawn * _WEEK + day]
