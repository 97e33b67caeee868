"""The levels of aggregation: how series add up to items, departments, locations and the total.

Belongs here: which series make up which sum, and the summing. Does not belong here: forecasts of
the sums and their reconciliation (`hierarchy`), or judging them (`judged`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecast_platform.panel import Panel

Floats = NDArray[np.floating[Any]]

SERIES = "item-location"
TOTAL = "total"
LEVELS = {
    SERIES: ("item_id", "location_id"),
    "item": ("item_id",),
    "category x location": ("category", "location_id"),
    "department": ("department",),
    "category": ("category",),
    "location": ("location_id",),
    TOTAL: (),
}
"""Levels, finest first, and the attributes that the series of one sum share."""


@dataclass(frozen=True)
class Level:
    """One level: N series in G sums.

    Attributes:
        name: One of `LEVELS`.
        labels: (G, A) values of the level's attributes.
        group: (N,) sum that each series belongs to, 0 to G - 1.
    """

    name: str
    labels: NDArray[np.object_]
    group: NDArray[np.intp]

    @property
    def n_sums(self) -> int:
        """G."""
        return len(self.labels)

    def sum(self, values: Floats) -> Floats:
        """(G, ...) sums of (N, ...) values; NaN counts as nothing, all NaN as NaN."""
        if self.name == SERIES:
            return values
        known = ~np.isnan(values)
        total = _add(self, np.where(known, values, 0))
        return np.where(_add(self, known.astype(np.float32)) > 0, total, np.nan)


def levels_of(
    panel: Panel, names: Iterable[str] = tuple(LEVELS), *, distinct: bool = True
) -> tuple[Level, ...]:
    """The levels of the panel's series, finest first.

    Args:
        panel: The series and their attributes; a level of which it lacks one is left out.
        names: Levels wanted.
        distinct: Leave out a level that sums the same series as another that is kept, as `location`
            does in a panel of one location, where the total stays.
    """
    attributes = {**panel.static, "item_id": panel.items, "location_id": panel.locations}
    found = {}
    for name in LEVELS:
        if name in names and set(LEVELS[name]) <= set(attributes):
            found[name] = _level(name, [attributes[key] for key in LEVELS[name]], panel.n_series)
    if not distinct:
        return tuple(found.values())
    kept: dict[tuple[int, ...], str] = {}
    first = {SERIES: 0, TOTAL: 1}
    for name in sorted(found, key=lambda name: (first.get(name, 2), len(LEVELS[name]))):
        kept.setdefault(_partition(found[name]), name)
    return tuple(level for name, level in found.items() if name in kept.values())


def _level(name: str, columns: list[NDArray[np.object_]], n_series: int) -> Level:
    if name == SERIES:
        return Level(name, np.stack(columns, axis=1), np.arange(n_series))
    group = np.zeros(n_series, dtype=np.intp)
    labels = np.empty((1, 0), dtype=object)
    for column in columns:
        values, code = np.unique(column.astype(str), return_inverse=True)
        pairs, group = np.unique(group * len(values) + code, return_inverse=True)
        upper = labels[pairs // len(values)]
        labels = np.concatenate([upper, values[pairs % len(values), None].astype(object)], axis=1)
    return Level(name, labels, group)


def _partition(level: Level) -> tuple[int, ...]:
    """The same for levels that sum the same series: each series' first companion."""
    _, first = np.unique(level.group, return_index=True)
    return tuple(first[level.group].tolist())


def _add(level: Level, values: Floats) -> Floats:
    from scipy.sparse import csr_array

    count = len(level.group)
    matrix = csr_array(
        (np.ones(count, dtype=values.dtype), (level.group, np.arange(count))),
        shape=(level.n_sums, count),
    )
    total = matrix @ values.reshape(count, -1)
    return np.asarray(total.reshape(level.n_sums, *values.shape[1:]))
