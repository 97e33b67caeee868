"""Drift of inputs and of accuracy: what the models meet that they were not trained on.

Belongs here: distributions, distances, changes, their pictures. Does not belong here: who is told,
and what is done about it.
"""

from forecast_platform.drift.accuracy import accuracy_drift, out_of_band
from forecast_platform.drift.inputs import input_drift, training_profile

__all__ = ["accuracy_drift", "input_drift", "out_of_band", "training_profile"]
