"""From cleaned demand to the policy that orders each item at each location.

Puts the rooms together: the lake gives demand, terms and what was chosen before, replenishment
simulates and chooses. Does not belong here: any of its arithmetic.
"""

from __future__ import annotations

import datetime as dt

import polars as pl

from forecast_platform.home import Home
from forecast_platform.lake.days import ONE_DAY
from forecast_platform.replenishment.choice.table import DEMAND_DAYS, policy_choice

_CHOICE = "policy_choice"


def choose_policies(home: Home, cutoff: dt.date) -> pl.DataFrame:
    """Rows of `policy_choice` of a training cutoff, from nothing dated after it.

    Args:
        home: The home folder.
        cutoff: A Sunday.
    """
    before = [day for day in home.state().days(_CHOICE) if day < cutoff]
    now = before[-1] if before else cutoff - ONE_DAY
    return policy_choice(
        cutoff,
        home.read("clean_demand", cutoff - (DEMAND_DAYS - 1) * ONE_DAY, cutoff),
        home.read("validated_products"),
        home.read("validated_suppliers"),
        home.read("lead_times", cutoff, cutoff),
        home.read(_CHOICE, now, cutoff - ONE_DAY),
        home.plan_parameters,
        home.settings.seed,
        home.settings.ray_address,
    )
