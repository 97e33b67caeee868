from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from forecast_platform.forecasting.levels import LEVELS, Level, levels_of
from forecast_platform.panel import Panel

DAY = dt.date(2024, 1, 1)
NAN = np.nan


def panel(items: str, places: str, categories: str | None = None) -> Panel:
    n = len(items)
    demand = np.arange(2.0 * n, dtype=np.float32).reshape(n, 2)
    static = {"category": np.array(list(categories), dtype=object)} if categories else {}
    return Panel(
        np.array(list(items), dtype=object), np.array(list(places), dtype=object), DAY, demand,
        np.ones((n, 2), dtype=bool), future={"snap": np.zeros(5, dtype=np.float32)}, static=static,
    )  # fmt: skip


def named(found: tuple[Level, ...]) -> dict[str, Level]:
    return {level.name: level for level in found}


def test_levels_are_those_the_attributes_allow_finest_first() -> None:
    found = named(levels_of(panel("aabbcc", "xyxyxy", "ffffgg")))
    assert list(found) == [
        "item-location", "item", "category x location", "category", "location", "total",
    ]  # fmt: skip
    assert found["item"].labels.tolist() == [["a"], ["b"], ["c"]]
    assert found["category x location"].group.tolist() == [0, 1, 0, 1, 2, 3]
    assert found["category x location"].labels[3].tolist() == ["g", "y"]
    assert [name for name in LEVELS if name not in found] == ["department"]


def test_a_level_that_sums_the_same_series_as_another_is_left_out() -> None:
    assert list(named(levels_of(panel("abc", "xxx", "ffg")))) == [
        "item-location", "category", "total",
    ]  # fmt: skip
    assert list(named(levels_of(panel("a", "x")))) == ["item-location"]


def test_sums_leave_unknown_demand_out_and_nothing_known_is_unknown() -> None:
    item = named(levels_of(panel("aabb", "xyxy")))["item"]
    values = np.array([[1.0, NAN], [2, NAN], [NAN, 4], [5, NAN]])
    assert item.sum(values) == pytest.approx(np.array([[3, NAN], [5, 4]]), nan_ok=True)
