"""The incremental graph: which table reads which days of which other.

Belongs here: the declaration, which Dagster's definitions are made from, so nothing heavy is
imported. Does not belong here: what is stale (`incremental.py`).
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from forecast_platform.contracts import LANDED, landed_table

if TYPE_CHECKING:
    from forecast_platform.settings import Settings
    from forecast_platform.sql.project import SqlProject

_SUNDAY = 6
HORIZON_DAYS = 28
"""Days after an origin for which its forecasts are judged."""


_FORECAST_SETTINGS = ("horizon_days", "sample_paths", "seed", "country")
PLAN_SETTINGS = (
    "service_level", "holding_rate", "order_cost", "cost_share", "lead_time_days",
    "lead_time_std_days", "review_days", "min_order_quantity", "pack_size",
    "order_budget", "order_volume", "location_order_volume", "transfer_cost", "country",
)  # fmt: skip
"""Settings that carry the names of the plan's parameters."""


class Kind(Enum):
    """What a stale day of a table means."""

    DATA = "data"
    RECORD = "record"


class Read(NamedTuple):
    """What one table reads of another for day D: the days D + first .. D + last.

    `last_known` reads instead the newest day at or before D, however old. An `optional` table
    that was never published leaves no mark in the fingerprint of D.
    """

    table: str
    first: int = 0
    last: int = 0
    last_known: bool = False
    optional: bool = False


@dataclass(frozen=True)
class Node:
    """One table of the incremental graph.

    Attributes:
        table: Table whose fingerprints stand for the node.
        reads: What it reads; whole tables are read whole.
        kind: Whether it follows the data or is a record.
        also: Tables published together with it.
        version: Raised when its meaning changes, which makes every day stale.
        needs: Tables of which one must have been published; without, it holds no day.
    """

    table: str
    reads: tuple[Read, ...]
    kind: Kind = Kind.DATA
    also: tuple[str, ...] = ()
    version: str = "1"
    needs: tuple[str, ...] = ()


ISSUED = ("forecasts", "lead_time_demand", "forecast_levels")
"""Tables issued together for an origin."""

FEATURE_LOOKBACK_DAYS = 55
FORECAST_CONTEXT_DAYS = 182
SIGNALS_SEEN = ("weather", "competitor_prices", "market_indices", "campaigns", "user_events")
"""Optional tables that `signal_features` is made from."""
OUTLOOK_DAYS = {"weather_forecasts": 7, "campaigns": 180}
"""Optional tables that tell of days to come, and the days for which a row counts."""
SIGNAL_LOOKBACK_DAYS = {
    "validated_weather": 0,
    "validated_competitor_prices": 34,
    "validated_market_indices": 89,
    "validated_campaigns": OUTLOOK_DAYS["campaigns"],
    "user_behaviour": 27,
}
PLAN_DEMAND_DAYS = 734
"""Two years of whole weeks, which life-cycle classes look at."""
PLAN_INVENTORY_DAYS = 7
PLAN_ORDER_DAYS = 180
OUTCOME_DAYS = 90
"""Longest protection period whose plans are judged."""
LEAD_TIME_ORDER_DAYS = 365
DRIFT_DAYS = 28
"""Days that are held against the training window; whole weeks, each weekday alike."""
ACCURACY_DAYS = 182
"""Longest window in which a change of accuracy is looked for."""


def graph(
    *,
    sql_lookback: Mapping[str, int],
    sql_version: str = "1",
    feature_version: str = "1",
    forecast_version: str = "1",
    plan_version: str = "1",
) -> tuple[Node, ...]:
    """All nodes in topological order.

    Args:
        sql_lookback: Days before D that the SQL models read of each source.
        sql_version: Digest of the SQL models; another digest makes cleaned days stale.
        feature_version: Digest of the settings that features depend on.
        forecast_version: Digest of the settings that forecasts depend on.
        plan_version: Digest of the settings that plans depend on.
    """
    checked = [
        Node(
            f"validated_{table.name}",
            (
                Read(f"raw_{table.name}"),
                *(Read(f"validated_{name}") for name in references(table.name)),
            ),
            also=(f"rejected_{table.name}",),
        )
        for table in sorted(LANDED, key=lambda table: table.day is not None)
    ]
    attributes = tuple(Read(f"validated_{table.name}") for table in LANDED if table.day is None)
    return (
        *checked,
        Node(
            "clean_demand",
            tuple(Read(table, first=-days) for table, days in sorted(sql_lookback.items())),
            version=sql_version,
        ),
        Node(
            "lead_times",
            (Read("validated_purchase_orders", first=-LEAD_TIME_ORDER_DAYS),),
            needs=("raw_purchase_orders",),
        ),
        Node(
            "user_behaviour",
            (Read("validated_user_events"),),
            needs=("raw_user_events",),
        ),
        Node(
            "signal_features",
            (
                Read("clean_demand"),
                Read("validated_products"),
                *(
                    Read(table, first=-days, optional=True)
                    for table, days in SIGNAL_LOOKBACK_DAYS.items()
                ),
            ),
            needs=tuple(f"raw_{table}" for table in SIGNALS_SEEN),
        ),
        Node(
            "features",
            (Read("clean_demand", first=-FEATURE_LOOKBACK_DAYS), *attributes),
            version=feature_version,
        ),
        Node(
            "forecasts",
            (
                Read("features", first=-FORECAST_CONTEXT_DAYS),
                Read("lead_times"),
                Read("model_versions", last_known=True),
                *attributes,
                Read("signal_features", first=-FORECAST_CONTEXT_DAYS, optional=True),
                *(
                    Read(f"validated_{table}", first=-FORECAST_CONTEXT_DAYS - days, optional=True)
                    for table, days in OUTLOOK_DAYS.items()
                ),
            ),
            kind=Kind.RECORD,
            also=ISSUED[1:],
            version=forecast_version,
        ),
        Node(
            "replenishment_plan",
            (
                Read("forecasts"),
                Read("lead_time_demand"),
                Read("lead_times"),
                Read("policy_choice", last_known=True),
                Read("clean_demand", first=-PLAN_DEMAND_DAYS),
                Read("validated_inventory", first=-PLAN_INVENTORY_DAYS),
                Read("validated_purchase_orders", first=-PLAN_ORDER_DAYS),
                *attributes,
            ),
            kind=Kind.RECORD,
            version=plan_version,
        ),
        Node("accuracy", (Read("clean_demand"), Read("forecasts", -HORIZON_DAYS, -1))),
        Node(
            "plan_outcome",
            (
                Read("replenishment_plan", -OUTCOME_DAYS, -1),
                Read("clean_demand", first=-OUTCOME_DAYS),
                Read("validated_purchase_orders", first=-OUTCOME_DAYS),
            ),
        ),
        Node(
            "input_drift",
            (
                Read("clean_demand", first=1 - DRIFT_DAYS),
                Read("training_profile", last_known=True),
                Read("validated_products"),
            ),
        ),
        Node(
            "accuracy_drift",
            (Read("accuracy", first=1 - ACCURACY_DAYS), Read("validated_products")),
        ),
    )


def references(table: str) -> list[str]:
    """Landed tables whose keys the columns of `table` must be found in."""
    names = (column.refers_to for column in landed_table(table).columns)
    return sorted({name for name in names if name})


def graph_of(settings: Settings, sql: SqlProject) -> tuple[Node, ...]:
    """The graph under these settings and SQL models, in topological order."""
    texts = sha256("".join(model.sql for model in sql.models.values()).encode())

    def digest(names: Sequence[str]) -> str:
        values = {name: getattr(settings, name) for name in names}
        return json.dumps(values, sort_keys=True, default=str)

    return graph(
        sql_lookback={**dict.fromkeys(sql.sources, 0), **sql.lookback()},
        sql_version=texts.hexdigest(),
        feature_version=digest(("country",)),
        forecast_version=digest(_FORECAST_SETTINGS),
        plan_version=digest(_FORECAST_SETTINGS + PLAN_SETTINGS),
    )


TRAINED = ("model_versions", "training_profile", "policy_choice")
"""Made weekly, for a training cutoff: not by what is stale."""


def trained(settings: Settings) -> tuple[str, ...]:
    """Tables made weekly under these settings."""
    return (*TRAINED, "learned_policies") if settings.learned_policies else TRAINED


def last_cutoff(day: dt.date) -> dt.date:
    """The newest weekly training cutoff (a Sunday) at or before `day`."""
    return day - ((day.weekday() - _SUNDAY) % 7) * dt.timedelta(days=1)


class Launch(NamedTuple):
    """Tables to make in one run, over the same days (None for whole tables)."""

    tables: tuple[str, ...]
    first: dt.date | None
    last: dt.date | None
