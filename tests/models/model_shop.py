"""A small shop in which every kind of bad series lies between good ones."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np

from forecast_platform.panel import Panel

FIRST_DAY = dt.date(2024, 1, 1)
DAYS = 210
CUTOFF = FIRST_DAY + dt.timedelta(days=167)
EFFORT = 0.2
"""Enough for a network to learn a shop this small."""
BAD = ("all_missing", "all_zero", "constant", "million", "one_value", "three_days_old")


def make_shop() -> Panel:
    """Six weekly series with gaps, then the bad ones; 210 days from a Monday."""
    rng = np.random.default_rng(3)
    week = np.array([0.7, 0.8, 0.9, 1.0, 1.2, 1.5, 0.9])
    good = [rng.poisson(level * np.resize(week, DAYS)) for level in (0.4, 1, 2, 5, 9, 20)]
    demand = np.full((len(good) + len(BAD), DAYS), np.nan, dtype=np.float32)
    demand[: len(good)] = good
    demand[2, 40:60] = np.nan
    demand[3, 167] = np.nan
    bad = dict(zip(BAD, demand[len(good) :], strict=True))
    bad["all_zero"][:] = 0
    bad["constant"][:] = 4
    bad["million"][:] = rng.poisson(3, DAYS)
    bad["million"][100] = 1e6
    bad["one_value"][150] = 7
    bad["three_days_old"][165:] = rng.poisson(3, DAYS - 165)
    available = ~np.isnan(demand)
    available[BAD.index("all_missing") + len(good), -60:] = True
    return Panel(
        items=np.array([*(f"item{i}" for i in range(len(good))), *BAD], dtype=object),
        locations=np.full(len(demand), "shop", dtype=object),
        first_day=FIRST_DAY,
        demand=demand,
        available=available,
        past={"price": rng.uniform(1, 9, demand.shape).astype(np.float32)},
        future={"holiday": (np.arange(DAYS + 28) % 30 == 0).astype(np.float32)},
        static={"category": np.resize(np.array(["a", "b"], dtype=object), len(demand))},
    )


def with_changed_future(panel: Panel, day: dt.date) -> Panel:
    """The panel with everything observed after `day` replaced."""
    after = panel.column_of(day) + 1
    changed = replace(
        panel,
        demand=panel.demand.copy(),
        available=panel.available.copy(),
        past={name: values.copy() for name, values in panel.past.items()},
    )
    changed.demand[:, after:] = 77
    changed.available[:, after:] = True
    for values in changed.past.values():
        values[:, after:] = -1
    return changed
