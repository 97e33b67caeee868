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

    `last_known` reads instead the newest day at or before D, however old.
    """

    table: str
    first: int = 0
    last: int = 0
    last_known: bool = False


@dataclass(frozen=True)
class Node:
    """One table of the incremental graph.

    Attributes:
        table: Table whose fingerprints stand for the node.
        reads: What it reads; whole tables are read whole.
        kind: Whether it follows the data or is a record.
        also: Tables published together with it.
        version: Raised when its meaning changes, which makes every day stale.
    """

    table: str
    reads: tuple[Read, ...]
    kind: Kind = Kind.DATA
    also: tuple[str, ...] = ()
    version: str = "1"


ISSUED = ("forecasts", "lead_time_demand", "forecast_levels")
"""Tables issued together for an origin."""

FEATURE_LOOKBACK_DAYS = 55
FORECAST_CONTEXT_DAYS = 182
PLAN_DEMAND_DAYS = 734
"""Two years of whole weeks, which life-cycle classes look at."""
PLAN_INVENTORY_DAYS = 7
PLAN_ORDER_DAYS = 180
OUTCOME_DAYS = 90
"""Longest protection period whose plans are judged."""
LEAD_TIME_ORDER_DAYS = 365


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


TRAINED = ("model_versions", "policy_choice")
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
