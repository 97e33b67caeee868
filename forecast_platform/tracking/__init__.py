"""Thin MLflow client: one run per model family and training cutoff, and the registry of versions.

Belongs here: what is written to and read from MLflow, and how MLflow loads a model. Does not belong
here: metrics, models and the choice of the champion.
"""

from forecast_platform.tracking.client import Tracker, Training
from forecast_platform.tracking.search_run import SearchRun

__all__ = ["SearchRun", "Tracker", "Training"]
