"""What items like a new one sell: the answer for series without, or almost without, a history.

Series are alike that share department and location; where too few do, the department, then the
category in the same way; else all. Those that were themselves new in the training days tell by
their first four weeks, as new items sell unlike old ones; where too few were, all tell by their
last four weeks. With n known days of its own a series counts for n / (n + PRIOR_DAYS), the
credibility of Buehlmann (1967).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from forecast_platform.contracts import QUANTILES

if TYPE_CHECKING:
    from forecast_platform.panel import Panel

YOUNG_DAYS = 10
"""With fewer known days a series is drawn to its analogues."""

PRIOR_DAYS = 3.0
"""Least squared error of launches in the foods of an M5 store, after 3 to 13 days."""

FIRST_DAYS = 28
FEWEST = 5
"""Series alike that are enough to tell."""

_EVERYTHING = "all items"


@dataclass(frozen=True)
class Analogues:
    """Demand of series alike.

    Attributes:
        known: By group the mean, then the quantiles at the `Q` levels, units per day.
    """

    known: dict[str, list[float]] = field(default_factory=dict)

    @classmethod
    def of(cls, panel: Panel) -> Analogues:
        """Learn from a training panel."""
        known = ~np.isnan(panel.demand)
        first = known.argmax(axis=1)
        # A week: a history that begins with a few unknown days is not that of a new item.
        launched = known.any(axis=1) & (first >= 7)
        start = np.where(launched, first, max(panel.n_days - FIRST_DAYS, 0))
        days = start[:, None] + np.arange(FIRST_DAYS)
        demand = np.take_along_axis(panel.demand, np.minimum(days, panel.n_days - 1), axis=1)
        demand = np.where(days < panel.n_days, demand, np.nan)
        members: dict[str, list[int]] = {}
        for row in np.flatnonzero(~np.isnan(demand).all(axis=1)).tolist():
            for group in groups_of(panel, row):
                members.setdefault(group, []).append(row)
        return cls(
            {
                group: _summary(demand, np.array(rows), launched)
                for group, rows in members.items()
                if len(rows) >= FEWEST or group == _EVERYTHING
            }
        )

    def answers(self, panel: Panel) -> tuple[NDArray[np.float64], NDArray[np.object_]]:
        """(N, 1 + Q) mean and quantiles of each series' analogues, and (N,) what they share."""
        values = np.zeros((panel.n_series, 1 + len(QUANTILES)))
        shared = np.full(panel.n_series, None, dtype=object)
        for row in range(panel.n_series):
            for group in groups_of(panel, row):
                if group in self.known:
                    values[row], shared[row] = self.known[group], group
                    break
        return values, shared

    def draw(
        self,
        panel: Panel,
        known_days: NDArray[np.integer[Any]],
        mean: NDArray[np.floating[Any]],
        quantiles: NDArray[np.floating[Any]],
        reasons: NDArray[np.object_],
    ) -> None:
        """Draw the forecasts of young series to their analogues, in place, and say so.

        Args:
            panel: N series.
            known_days: (O, N) days of known demand that the forecast could rest on.
            mean: (O, N, H).
            quantiles: (O, N, H, Q); averaged level by level.
            reasons: (O, N) of None, or why a simpler model answered.
        """
        young = known_days < YOUNG_DAYS
        some = np.flatnonzero(young.any(axis=0))
        values, shared = self.answers(panel.select(some))
        for at, row in zip(*np.nonzero(young[:, some]), strict=True):
            if shared[row] is None:
                continue
            where = at, some[row]
            share = own_share(known_days[where])
            mean[where] = share * mean[where] + (1 - share) * values[row, 0]
            quantiles[where] = share * quantiles[where] + (1 - share) * values[row, 1:]
            told = f"drawn to analogues ({shared[row]})"
            reasons[where] = f"{reasons[where]}; {told}" if reasons[where] else told


def groups_of(panel: Panel, row: int) -> Iterator[str]:
    """The groups a series belongs to, the closest first."""
    for name in ("department", "category"):
        value = str(panel.static[name][row]) if name in panel.static else ""
        if value:
            yield f"{name} {value} at {panel.locations[row]}"
            yield f"{name} {value}"
    yield _EVERYTHING


def own_share(known_days: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
    """What a forecast of a series with so many known days counts for beside its analogues."""
    share = known_days / (known_days + PRIOR_DAYS)
    return np.asarray(np.where(known_days < YOUNG_DAYS, share, 1.0))


def _summary(
    demand: NDArray[np.floating[Any]], rows: NDArray[np.intp], launched: NDArray[np.bool_]
) -> list[float]:
    new = rows[launched[rows]]
    values = demand[new if len(new) >= FEWEST else rows]
    mean = np.nanmean(values, axis=1).mean()
    return [float(mean), *np.nanquantile(values, QUANTILES).tolist()]
