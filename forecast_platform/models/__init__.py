"""Forecaster families behind one protocol: fit, update, predict, save, load.

Belongs here: one file per family, the protocol and the sample paths. Does not belong here: choosing
between families and judging them (`forecasting/`), the registry of versions (`tracking/`).
"""

from forecast_platform.models.base import Forecast, Forecaster, Progress
from forecast_platform.models.registry import FAMILIES, create, load

__all__ = ["FAMILIES", "Forecast", "Forecaster", "Progress", "create", "load"]
