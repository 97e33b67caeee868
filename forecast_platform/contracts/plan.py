"""Contract of the replenishment plan."""

from __future__ import annotations

from forecast_platform.contracts.core import Table

REPLENISHMENT_PLAN: Table | None = None
