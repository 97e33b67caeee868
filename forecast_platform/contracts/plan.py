"""Contract of the replenishment plan."""

from __future__ import annotations

from forecast_platform.contracts.choice import BASES, POLICIES
from forecast_platform.contracts.core import Column, DType, Table
from forecast_platform.contracts.reasons import ReasonCode


def _units(name: str, description: str, minimum: float | None = 0, required: bool = True) -> Column:
    return Column(name, DType.FLOAT, description, "units", required, minimum)


def _money(name: str, description: str) -> Column:
    return Column(name, DType.FLOAT, description, "currency", False, 0)


def _days(name: str, description: str, required: bool = True) -> Column:
    return Column(name, DType.INT, description, "days", required, 0)


_KEYS = (
    Column("plan_id", DType.STRING, "Identifier of the line: date/item/location."),
    Column("date", DType.DATE, "Run date: the plan rests on the close of this day."),
    Column("item_id", DType.STRING, "Item."),
    Column("location_id", DType.STRING, "Location."),
    Column("supplier_id", DType.STRING, "Supplier; empty where none is known.", required=False),
    Column("revision", DType.INT, "0 as first issued, then the number of restatements.", minimum=0),
    Column(
        "status",
        DType.STRING,
        "Where the line is in its workflow.",
        allowed=("proposed", "approved", "confirmed", "closed"),
    ),
)
_POSITION = (
    _units("on_hand", "Units on hand at close."),
    _units("reserved", "Units on hand that are promised."),
    _units("on_order", "Open order units expected within the protection period."),
    _units("late_units", "Overdue open order units that are still counted."),
    _units("uncounted_units", "Open order units too far away, or too long overdue, to count."),
    _units("inventory_position", "on_hand - reserved + on_order + late_units.", None),
    Column(
        "position_source",
        DType.STRING,
        "Whether stock was counted or simulated.",
        allowed=("counted", "simulated"),
    ),
    Column("stock_date", DType.DATE, "Day of the stock count.", required=False),
    Column("days_of_cover", DType.FLOAT, "Days the inventory position lasts, 999 at most.", "days",
           False, 0, 999),
    Column("stockout_date", DType.DATE, "First day on which expected demand exceeds on-hand stock "
           "and dated receipts; empty if none within 999 days.", required=False),
)  # fmt: skip
_DEMAND = (
    _days("lead_time_days", "Whole days from order to receipt."),
    Column("lead_time_std_days", DType.FLOAT, "Spread of the lead time about those days.", "days",
           minimum=0),
    Column("lead_time_source", DType.STRING, "Where the lead time comes from: deliveries of the "
           "item, of the supplier, what the supplier states for the item or for all, or settings.",
           allowed=("history_item", "history_supplier", "supplier_item", "supplier", "settings")),
    _days("review_days", "Days between two chances to order; with order days those from the day "
          "after the run date to the order day after the next."),
    _days("protection_days", "Lead time plus review period."),
    _units("lead_time_demand", "Expected demand in the lead time.", required=False),
    _units("protection_demand", "Expected demand in the protection period.", required=False),
    _units("protection_std", "Standard deviation of it.", required=False),
)  # fmt: skip
_POLICY = (
    Column("policy", DType.STRING, "Ordering policy.", allowed=POLICIES),
    Column("policy_source", DType.STRING, "What the choice of policy rests on: the line's own "
           "demand, the choice of its class, or the default.", allowed=BASES),
    Column("policy_cutoff", DType.DATE, "Last day of demand that choice rests on; empty without "
           "one.", required=False),
    _money("policy_cost", "Expected cost per day under the policy, simulated when it was chosen."),
    Column("next_policy", DType.STRING, "Next best policy, where it was chosen by the line's own "
           "demand.", required=False, allowed=POLICIES),
    _money("next_policy_cost", "Expected cost per day under that."),
    Column("abc_class", DType.STRING, "Class by annual value.", allowed=("A", "B", "C")),
    Column("xyz_class", DType.STRING, "Class by variation of demand.", allowed=("X", "Y", "Z")),
    Column("life_cycle", DType.STRING, "Class by the course of demand over two years.",
           allowed=("new", "mature", "seasonal", "end_of_life")),
    Column("service_level", DType.FLOAT, "Cycle service level aimed at.", "share", True, 0, 1),
    _units("safety_stock", "Stock against the spread of demand and lead time.", required=False),
    _units("reorder_point", "protection_demand + season_adjustment + safety_stock.",
           required=False),
    Column("season_end", DType.DATE, "Last day of the season that is on, or comes next; empty for "
           "a line that is not seasonal.", required=False),
    _units("season_units", "Units expected from the day after the run date to then.",
           required=False),
    _units("season_adjustment", "What the season changes about protection_demand, on days after "
           "the forecast's; empty for a line that is not seasonal.", None, required=False),
    Column("critical_ratio", DType.FLOAT, "Probability that safety stock protects at, where the "
           "policy weighs lost margin against holding; else it protects at the service level.",
           "share", False, 0, 1),
    _units("eoq", "Economic order quantity.", required=False),
    _units("order_up_to_level", "reorder_point + cycle stock: of (R,s,S) and (R,s,nQ) the economic "
           "order quantity, capped; of a seasonal line the economic lot of its season, and not "
           "above what the rest of the season is worth.", required=False),
    _units("lot_size", "Orders are whole lots of so many; empty where the policy has none.",
           required=False),
    _units("order_cap", "Most units the policy orders at once; empty where it has no most.",
           required=False),
    Column(
        "parameter_source",
        DType.STRING,
        "Where the terms come from: supplier's terms for the item, supplier's, or settings.",
        allowed=("supplier_item", "supplier", "settings"),
    ),
    Column(
        "parameters_from",
        DType.STRING,
        "Source of each term, as name=source joined by commas: history_item, history_supplier, "
        "supplier_item, supplier or settings.",
    ),
    _money("annual_value", "Trailing demand at unit cost, per year."),
    _money("unit_cost", "Purchase cost per unit."),
)  # fmt: skip
_CONSTRAINTS = (
    _units("min_order_quantity", "Smallest order."),
    _units("pack_size", "Units per pack."),
)
_LIMITS = (
    _money("supplier_minimum", "Least value of the supplier's orders together; empty without."),
    _units("unlimited_quantity", "Units the line would order without limits shared with others; "
           "empty where none are set.", required=False),
    Column("order_volume", DType.FLOAT, "Order quantity at unit volume; empty without a limit of "
           "volume.", "volume", False, 0),
    Column("plan_gap", DType.FLOAT, "Most by which any other plan of the day within its limits "
           "could be worth more, as share of this one's worth; empty without limits.", "share",
           False, 0),
    _money("budget_price", "What one more unit of currency in the day's budget would be worth; "
           "empty without a budget."),
)  # fmt: skip
_DECISION = (
    _units("transfer_in", "Units to move here from other locations before buying; empty where "
           "stock is never moved.", required=False),
    _units("transfer_out", "Units to move from here to other locations.", required=False),
    Column("transfer_from", DType.STRING, "Where transfer_in comes from, as location=units joined "
           "by commas.", required=False),
    _units("raw_quantity", "order_up_to_level - inventory_position - transfer_in, at most "
           "order_cap, before rounding.",
           required=False),
    _units("order_quantity", "Units to order, whole packs; empty if no quantity can be told.",
           required=False),
    Column("order_date", DType.DATE, "Day to send the order; empty without one.", required=False),
    Column("next_order_date", DType.DATE, "First day after the run date on which the supplier "
           "takes orders; empty: any day.", required=False),
    Column("latest_order_date", DType.DATE, "Last day to order before the stock-out; the order "
           "date if that has passed.", required=False),
    Column("expected_receipt_date", DType.DATE, "Day the order arrives.", required=False),
    Column("cover_bought_days", DType.FLOAT, "Days of cover the order adds.", "days", False, 0),
    _money("order_value", "Order quantity at unit cost."),
    _money("margin_at_risk", "Expected margin lost in the protection period without the order."),
    Column("priority_score", DType.FLOAT, "Margin at risk per unit of money ordered.", "", False,
           0),
    Column("feasible", DType.BOOL, "The quantity meets every constraint."),
    Column("exception_rank", DType.INT, "1 for the gravest kind of exception, and so on; empty for "
           "a line that no person has to look at.", required=False, minimum=1),
    Column("exceptions", DType.STRING, "Those of the reason codes that are exceptions, gravest "
           "first; empty without.", required=False),
    Column("reason_codes", DType.STRING, "Reason codes, joined by commas: "
           + " ".join(f"{code}: {code.meaning}" for code in ReasonCode)),
)  # fmt: skip
_LINEAGE = (
    Column("origin", DType.DATE, "Origin of the forecast; empty without one.", required=False),
    Column("model", DType.STRING, "Model family of the forecast.", required=False),
    Column("model_version", DType.STRING, "Registered version.", required=False),
    Column("training_cutoff", DType.DATE, "Last day it was trained on.", required=False),
)

REPLENISHMENT_PLAN = Table(
    name="replenishment_plan",
    description="What to order after the close of a day, for every item at every location on "
    "offer, with the numbers it rests on.",
    grain="one row per run date, item and location",
    key=("date", "item_id", "location_id"),
    day="date",
    group="replenishment",
    columns=(*_KEYS, *_POSITION, *_DEMAND, *_POLICY, *_CONSTRAINTS, *_DECISION, *_LIMITS,
             *_LINEAGE),
)  # fmt: skip
