"""Bringing a home folder up to date: what `run` and `demo` have in common."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from forecast_platform.errors import ConfigurationError, PlatformError
from forecast_platform.settings import settings

if TYPE_CHECKING:
    from forecast_platform.defs.operate import Operator


def bring_up_to_date(
    operator: Operator,
    first: dt.date | None = None,
    last: dt.date | None = None,
    *,
    select: str | None = None,
    restate: bool = False,
) -> None:
    """Land what is new, make what is stale, and issue the origins first..last if asked for.

    Args:
        operator: Runs the graph.
        first: First origin to issue; what is stale up to the newest plan if None.
        last: Last origin to issue, by default the newest.
        select: Table to stop after.
        restate: Whether origins that were issued already are issued again.

    Raises:
        ConfigurationError: If there is no such table, or no sales of those origins.
        PlatformError: If no sales have landed.
    """
    if select is not None and select not in (known := [n.table for n in operator.home.nodes]):
        raise ConfigurationError(
            f"There is no table {select!r} to stop after: choose from {known}."
        )
    operator.land()
    span = operator.home.state().span()
    if span is None:
        raise PlatformError(
            f"No sales have landed in {settings().landing / 'sales'}: put files there "
            "(docs/landing.md says which columns), or try `forecast-platform demo`."
        )
    if first is None:
        operator.follow(until=select)
        return
    last = last or span[1]
    if not span[0] <= first <= last <= span[1]:
        raise ConfigurationError(
            f"Origins {first} to {last} cannot be issued: sales of {span[0]} to {span[1]} have "
            "landed."
        )
    operator.follow(until="features")
    operator.issue(first, last, restate=restate)
    operator.follow()
