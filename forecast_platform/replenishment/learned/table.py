"""The rows of `learned_policies`: what was learned for a cutoff, at what cost, and the verdict."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from forecast_platform.contracts.learned import LEARNED_POLICIES
from forecast_platform.lake.schema import frame_of
from forecast_platform.replenishment.learned.dynamics import mean_demand
from forecast_platform.replenishment.learned.guard import CAPPED, MYOPIC, OPTIMUM
from forecast_platform.replenishment.learned.study import CONFIDENCE, Study
