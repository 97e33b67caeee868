"""Runs of consecutive days, by which tables are replaced and launched."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

ONE_DAY = dt.timedelta(days=1)


def spans(days: Iterable[dt.date]) -> list[tuple[dt.date, dt.date]]:
    """Maximal runs of consecutive days as (first, last), in order."""
    result: list[tuple[dt.date, dt.date]] = []
    for day in sorted(set(days)):
        if result and day - result[-1][1] == ONE_DAY:
            result[-1] = (result[-1][0], day)
        else:
            result.append((day, day))
    return result
