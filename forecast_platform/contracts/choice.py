"""Contract of the weekly choice of policy: what each candidate is expected to cost per SKU."""

from __future__ import annotations

from forecast_platform.contracts.core import Column, DType, Table

DEFAULT_POLICY = "(R,s,S)"
POLICIES = (
    DEFAULT_POLICY,
    "(R,S)",
    "(R,s,nQ)",
    "economic (R,s,S)",
    "base-stock",
    "capped base-stock",
    "lot-for-lot",
)
"""Candidates; of equals the first is chosen."""

BASES = ("own_demand", "class", "default")
"""What a choice rests on: the SKU's demand, the choice of its ABC class, or nothing."""


def _money(name: str, description: str) -> Column:
    return Column(name, DType.FLOAT, description, "currency", False, 0)


def _share(name: str, description: str, required: bool = False) -> Column:
    return Column(name, DType.FLOAT, description, "share", required, 0, 1)


def _units(name: str, description: str) -> Column:
    return Column(name, DType.FLOAT, description, "units", False, 0)


POLICY_CHOICE = Table(
    name="policy_choice",
    description="Which policy orders each item at each location, chosen weekly by simulation on "
    "demand drawn from its own recent past, with the expected cost of every candidate. Figures are "
    "empty where a SKU has too little history to be simulated.",
    grain="one row per training cutoff, item, location and candidate policy",
    key=("cutoff", "item_id", "location_id", "policy"),
    day="cutoff",
    group="replenishment",
    columns=(
        Column("cutoff", DType.DATE, "Last day of demand the choice rests on."),
        Column("item_id", DType.STRING, "Item."),
        Column("location_id", DType.STRING, "Location."),
        Column("policy", DType.STRING, "Candidate.", allowed=POLICIES),
        Column("rank", DType.INT, "1 for the policy chosen, 2 for the next best, and so on.",
               minimum=1),
        Column("is_chosen", DType.BOOL, "Plans order by this policy until the next choice."),
        Column("reason", DType.STRING, "Why it is, or is not, chosen."),
        Column("basis", DType.STRING, "What the choice rests on: the SKU's own demand, the choice "
               "of its class, or the default.", allowed=BASES),
        Column("abc_class", DType.STRING, "Class by annual value.", allowed=("A", "B", "C")),
        Column("known_days", DType.INT, "Days of known demand in the look-back.", "days",
               minimum=0),
        _share("service_target", "Cycle service level aimed at.", required=True),
        _money("cost", "Expected cost per day: the three parts."),
        _money("cost_error", "Standard error of it over the simulated paths."),
        _money("holding_cost", "Holding cost per day."),
        _money("ordering_cost", "Fixed cost of orders per day."),
        _money("shortage_cost", "Margin of lost sales per day."),
        _share("fill_rate", "Share of demand met from stock; empty without demand."),
        _share("cycle_service_level", "Share of cycles between receipts without lost sales."),
        _share("service_error", "Standard error of the cycle service level."),
        Column("meets_target", DType.BOOL, "The cycle service level reaches the target within its "
               "standard error.", required=False),
        _units("reorder_point", "Reorder point it was simulated with."),
        _units("order_up_to_level", "Order-up-to level it was simulated with."),
    ),
)  # fmt: skip
