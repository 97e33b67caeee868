"""Assets by stage, left to right."""

from __future__ import annotations

import dagster as dg

from forecast_platform.defs.assets.cleaned import cleaned
from forecast_platform.defs.assets.drift import accuracy_drift, input_drift, training_profile
from forecast_platform.defs.assets.features import features
from forecast_platform.defs.assets.feedback import accuracy, plan_outcome, record_marks
from forecast_platform.defs.assets.forecasts import forecasts
from forecast_platform.defs.assets.landing import landing
from forecast_platform.defs.assets.lead_times import lead_times
from forecast_platform.defs.assets.learned import learned_policies
from forecast_platform.defs.assets.models import champion, trained_models
from forecast_platform.defs.assets.plan import replenishment_plan
from forecast_platform.defs.assets.policies import policy_choice
from forecast_platform.defs.assets.signals import signal_features, user_behaviour
from forecast_platform.defs.assets.validated import validated_assets

ASSETS: list[dg.AssetsDefinition] = [
    landing,
    *validated_assets,
    cleaned,
    features,
    user_behaviour,
    signal_features,
    *trained_models,
    champion,
    training_profile,
    lead_times,
    policy_choice,
    learned_policies,
    forecasts,
    replenishment_plan,
    accuracy,
    plan_outcome,
    input_drift,
    accuracy_drift,
    record_marks,
]
