"""What every table is: columns, types, units, grain, key, expectations. Data, not behaviour."""

from collections.abc import Mapping
from functools import cache

from forecast_platform.contracts.choice import POLICY_CHOICE
from forecast_platform.contracts.core import Column, DType, Table, raw, rejected, validated
from forecast_platform.contracts.derived import DERIVED, QUANTILES, quantile_name
from forecast_platform.contracts.drift import DRIFT
from forecast_platform.contracts.features import FEATURES
from forecast_platform.contracts.landed import LANDED
from forecast_platform.contracts.learned import LEARNED_POLICIES
from forecast_platform.contracts.plan import REPLENISHMENT_PLAN
from forecast_platform.contracts.signal_features import SIGNAL_FEATURES, USER_BEHAVIOUR
from forecast_platform.contracts.signals import SIGNALS

__all__ = [
    "DERIVED",
    "LANDED",
    "QUANTILES",
    "SIGNALS",
    "Column",
    "DType",
    "Table",
    "landed_table",
    "quantile_name",
    "raw",
    "rejected",
    "tables",
    "validated",
]


def landed_table(name: str) -> Table:
    """Contract of the landed table called `name`.

    Raises:
        KeyError: If a shop lands no such table.
    """
    for table in LANDED:
        if table.name == name:
            return table
    raise KeyError(f"no landed table {name}; a shop lands {[t.name for t in LANDED]}")


@cache
def tables() -> Mapping[str, Table]:
    """Every table of the lake by name, stage by stage."""
    staged = [stage(table) for table in LANDED for stage in (raw, validated, rejected)]
    derived = (*DERIVED, FEATURES, POLICY_CHOICE, LEARNED_POLICIES, REPLENISHMENT_PLAN,
               USER_BEHAVIOUR, SIGNAL_FEATURES, *DRIFT)  # fmt: skip
    return {table.name: table for table in (*staged, *derived)}
