"""When assets are made without being asked: one condition per kind of table, with its reason.

Arrivals are seen by sensors (`sensors.py`), which make the validated days; from there on these
conditions carry the change through the graph.
"""

from __future__ import annotations

import datetime as dt

from dagster import AutomationCondition as Condition

_OPEN_DAYS = dt.timedelta(days=7)
"""The newest origin lies within these days; within them closed origins keep what they said."""

_CHANGED = (
    Condition.any_deps_updated().since(
        Condition.newly_requested() | Condition.initial_evaluation()
    )
    # A failed day is tried once more; `eager()` and `since_last_handled()` would lose it.
    | Condition.execution_failed().newly_true()
) & ~Condition.in_progress() & ~Condition.any_deps_in_progress()  # fmt: skip

FOLLOW_DATA = _CHANGED.with_label("follow the data")
"""Data tables: every day, however old, whose window holds a changed day. A hole in the window does
not block the day (a shop may be closed), so missing upstream days are not waited for."""

NEWEST_RECORD = (Condition.in_latest_time_window(_OPEN_DAYS) & _CHANGED).with_label(
    "keep the newest origin up to date"
)
"""Forecasts and plans: older origins are records and are not even looked at."""
