"""Resources: one, the home folder, handed to assets as a plain object."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import dagster as dg

from forecast_platform.settings import settings

if TYPE_CHECKING:
    from forecast_platform.home import Home


class HomeResource(dg.ConfigurableResource["HomeResource"]):
    """The home folder that the settings name."""

    @cached_property
    def home(self) -> Home:
        """The opened home folder."""
        from forecast_platform.home import Home

        return Home(settings())
