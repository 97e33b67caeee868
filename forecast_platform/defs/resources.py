"""Resources: one, the home folder, handed to assets as a plain object."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cached_property
from typing import TYPE_CHECKING

import dagster as dg

from forecast_platform.settings import settings

if TYPE_CHECKING:
    from forecast_platform.home import Home


_shared: ContextVar[Home | None] = ContextVar("shared home", default=None)


@contextmanager
def sharing(home: Home) -> Iterator[None]:
    """Runs of this thread use `home`, which else each opens anew: its ledger, tables and SQL."""
    token = _shared.set(home)
    try:
        yield
    finally:
        _shared.reset(token)


class HomeResource(dg.ConfigurableResource["HomeResource"]):
    """The home folder that the settings name, or that is shared."""

    @cached_property
    def home(self) -> Home:
        """The opened home folder."""
        from forecast_platform.home import Home

        return _shared.get() or Home(settings())
