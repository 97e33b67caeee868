"""Each feature defined once, with a bounded look-back, for the daily table and for training."""

from forecast_platform.features.calendar import calendar_covariates
from forecast_platform.features.definitions import FEATURES, LOOKBACK_DAYS
from forecast_platform.features.panels import PANEL_COLUMNS, PAST_COVARIATES, panel_from_features
from forecast_platform.features.scaling import Scaler
from forecast_platform.features.table import INPUT_COLUMNS, compute

__all__ = [
    "FEATURES",
    "INPUT_COLUMNS",
    "LOOKBACK_DAYS",
    "PANEL_COLUMNS",
    "PAST_COVARIATES",
    "Scaler",
    "calendar_covariates",
    "compute",
    "panel_from_features",
]
