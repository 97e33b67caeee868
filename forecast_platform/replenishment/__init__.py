"""Replenishment: classes, economics, the (R,s,S) policy, the plan and its explanation.

Frames in, frames out; no lake, no orchestration.
"""

from forecast_platform.replenishment.classes import weekly_demand
from forecast_platform.replenishment.explain import Explanation, explain
from forecast_platform.replenishment.history import LOOK_BACK_DAYS
from forecast_platform.replenishment.lead_times import lead_times
from forecast_platform.replenishment.lines import PlanTables
from forecast_platform.replenishment.parameters import PlanParameters
from forecast_platform.replenishment.plan import (
    exceptions_first,
    make_plan,
    make_plans,
    most_urgent,
    workings,
)
from forecast_platform.replenishment.position import ORDER_LOOK_BACK_DAYS, STOCK_LOOK_BACK_DAYS
from forecast_platform.replenishment.terms import terms

__all__ = [
    "LOOK_BACK_DAYS",
    "ORDER_LOOK_BACK_DAYS",
    "STOCK_LOOK_BACK_DAYS",
    "Explanation",
    "PlanParameters",
    "PlanTables",
    "exceptions_first",
    "explain",
    "lead_times",
    "make_plan",
    "make_plans",
    "most_urgent",
    "terms",
    "weekly_demand",
    "workings",
]
