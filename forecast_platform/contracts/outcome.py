"""Contract of what became of plans."""

from __future__ import annotations

from forecast_platform.contracts.core import Column, DType, Table


def _units(name: str, description: str, required: bool = True) -> Column:
    return Column(name, DType.FLOAT, description, "units", required, 0)


def _days(name: str, description: str) -> Column:
    return Column(name, DType.INT, description, "days", minimum=0)


PLAN_OUTCOME = Table(
    name="plan_outcome",
    description="Plan lines against what happened in their protection period, told on its last "
    "day.",
    grain="one row per last day, item, location and plan",
    key=("date", "item_id", "location_id", "plan_date"),
    group="feedback",
    columns=(
        Column("date", DType.DATE, "Last day of the protection period."),
        Column("item_id", DType.STRING, "Item."),
        Column("location_id", DType.STRING, "Location."),
        Column("plan_date", DType.DATE, "Day of the plan."),
        _days("lead_time_days", "Lead time planned with."),
        _days("protection_days", "Lead time plus review period."),
        Column("service_level", DType.FLOAT, "Probability with which the reorder point was to "
               "last: the service level aimed at, or the critical ratio of the policy.", "share",
               True, 0, 1),
        _units("lead_time_demand", "Expected demand in the lead time.", required=False),
        _units("actual_lead_time_demand", "Demand in it; on days of unknown demand what was sold."),
        _units("protection_demand", "Expected demand in the protection period.", required=False),
        _units("actual_protection_demand", "Demand in it; on days of unknown demand what was "
               "sold."),
        _days("known_days", "Days of the period on which demand is known."),
        _days("stockout_days", "Days of the period with a stock-out."),
        _units("sold_units", "Units sold, less returns, day by day not below zero."),
        _units("lost_units", "Estimate of sales lost: expected demand of days of unknown demand, "
               "less what was sold on them.", required=False),
        Column("demand_met", DType.FLOAT, "sold_units / (sold_units + lost_units); empty without "
               "demand.", "share", False, 0, 1),
        _units("reorder_point", "Reorder point of the plan.", required=False),
        Column("within_reorder_point", DType.BOOL, "Demand and lost units stayed within the "
               "reorder point, as the service level promises.", required=False),
        _units("order_quantity", "Units the plan said to order.", required=False),
        _units("sent_units", "Units ordered before the plan's next review."),
        _units("received_units", "Units of those that arrived in the protection period."),
        Column("order_outcome", DType.STRING, "What became of the proposal.",
               allowed=("none proposed", "as proposed", "changed", "not sent", "unproposed")),
    ),
)  # fmt: skip
