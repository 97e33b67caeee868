"""The reason codes on lines of the replenishment plan, and which of them are exceptions."""

from __future__ import annotations

from enum import StrEnum


class ReasonCode(StrEnum):
    """Why a plan line says what it says; a line carries one decision code and any others.

    Attributes:
        meaning: The code in a sentence.
    """

    meaning: str

    def __new__(cls, code: str, meaning: str) -> ReasonCode:
        """A code with its meaning."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    BELOW_REORDER_POINT = (
        "BELOW_REORDER_POINT",
        "Due: the inventory position is at or below the reorder point.",
    )
    ABOVE_REORDER_POINT = (
        "ABOVE_REORDER_POINT",
        "No order: the inventory position lasts until an order of the next review arrives.",
    )
    NO_DEMAND = "NO_DEMAND", "No order: no demand is expected."
    NO_FORECAST = (
        "NO_FORECAST",
        "No quantity: the series has no forecast or no lead-time demand at this origin.",
    )
    INVALID_FORECAST = (
        "INVALID_FORECAST",
        "No quantity: the forecast has gaps, or values that are not finite or are negative.",
    )

    TRANSFER_IN = (
        "TRANSFER_IN",
        "Other locations have more than they need: it is moved here before any is bought.",
    )
    TRANSFER_OUT = (
        "TRANSFER_OUT",
        "More is here than is needed, and is moved to where the item is due.",
    )
    WAITS_FOR_ORDER_DAY = (
        "WAITS_FOR_ORDER_DAY",
        "Due, but the supplier takes no order the day after the run date: see next_order_date.",
    )
    RAISED_TO_MOQ = "RAISED_TO_MOQ", "The quantity was raised to the supplier's minimum."
    ROUNDED_TO_PACKS = "ROUNDED_TO_PACKS", "The quantity was rounded up to whole packs."
    ROUNDED_TO_LOTS = (
        "ROUNDED_TO_LOTS",
        "The quantity was rounded down to whole economic lots, as its policy orders.",
    )
    CUT_TO_CAP = "CUT_TO_CAP", "The quantity was cut to the most its policy orders at once."
    EOQ_CAPPED = "EOQ_CAPPED", "The economic order quantity was cut to the longest cover allowed."
    SEASON_BUILD_UP = (
        "SEASON_BUILD_UP",
        "The season ahead: stock is built up beyond what forecast and usual lot ask for.",
    )
    SEASON_RUN_DOWN = (
        "SEASON_RUN_DOWN",
        "The season ends: stock is kept below what forecast and usual lot ask for, to sell out.",
    )
    EXCEEDS_MAX_COVER = (
        "EXCEEDS_MAX_COVER",
        "Minimum or pack buy more than the longest cover allowed: a planner has to decide.",
    )
    CUT_TO_BUDGET = (
        "CUT_TO_BUDGET",
        "Less is ordered than the policy asks for, or later: the budget buys what is worth more.",
    )
    CUT_TO_VOLUME = (
        "CUT_TO_VOLUME",
        "Less is ordered than the policy asks for, or later: the volume is better used.",
    )
    RAISED_TO_SUPPLIER_MINIMUM = (
        "RAISED_TO_SUPPLIER_MINIMUM",
        "More is ordered than the policy asks for, or earlier, so that the orders of the supplier "
        "reach its minimum order value.",
    )
    POSTPONED_TO_SUPPLIER_MINIMUM = (
        "POSTPONED_TO_SUPPLIER_MINIMUM",
        "Due, but postponed: what the supplier's minimum order value asks for beside it costs more "
        "than the order is worth, or cannot be reached.",
    )
    VOLUME_UNKNOWN = "VOLUME_UNKNOWN", "The item's volume is not known and counts as nothing."
    STOCKOUT_BEFORE_RECEIPT = (
        "STOCKOUT_BEFORE_RECEIPT",
        "Stock is expected to run out before an order sent now can arrive.",
    )

    STOCK_SIMULATED = (
        "STOCK_SIMULATED",
        "No stock count: the position comes from replaying the policy over past demand.",
    )
    STOCK_MISSING = (
        "STOCK_MISSING",
        "This series has no recent stock count although others have one.",
    )
    STOCK_STALE = "STOCK_STALE", "The stock count is older than the plan's day."
    NEGATIVE_STOCK = "NEGATIVE_STOCK", "Stock was counted below zero and is taken as zero."
    SUDDEN_DEMAND = (
        "SUDDEN_DEMAND",
        "Demand of the last 7 days lies far above what the forecast expects of 7 days.",
    )
    DEAD_STOCK = "DEAD_STOCK", "Stock lies here for which there was no demand in the look-back."
    LATE_DELIVERY = "LATE_DELIVERY", "An open purchase order is past its expected date."
    DELIVERY_OVERDUE = (
        "DELIVERY_OVERDUE",
        "An open purchase order is so late that it is not counted any more.",
    )
    ARRIVES_TOO_LATE = (
        "ARRIVES_TOO_LATE",
        "An open purchase order arrives after the protection period and is not counted.",
    )

    NO_SUPPLIER = "NO_SUPPLIER", "No supplier is known for the item."
    TERMS_FROM_SETTINGS = (
        "TERMS_FROM_SETTINGS",
        "The supplier's terms are not known: minimum and pack come from settings, the lead time "
        "too unless enough deliveries tell it.",
    )
    TERMS_INVALID = "TERMS_INVALID", "A supplier's term makes no sense and was replaced."
    TERMS_CHANGED = (
        "TERMS_CHANGED",
        "Lead time or review period are others than the forecast was issued for; the forecast's "
        "hold.",
    )
    COST_ESTIMATED = "COST_ESTIMATED", "Unit cost is estimated from the price."
    COST_UNKNOWN = (
        "COST_UNKNOWN",
        "Neither cost nor price is known: no economic order quantity, no value.",
    )
    PRICE_UNKNOWN = "PRICE_UNKNOWN", "No price is known: the margin at risk cannot be told."
    FALLBACK_MODEL = "FALLBACK_MODEL", "A simpler model answered than the champion."
    NO_HISTORY = "NO_HISTORY", "No day of known demand in the look-back."


EXCEPTIONS = (
    ReasonCode.NEGATIVE_STOCK,
    ReasonCode.INVALID_FORECAST,
    ReasonCode.NO_FORECAST,
    ReasonCode.DELIVERY_OVERDUE,
    ReasonCode.LATE_DELIVERY,
    ReasonCode.SUDDEN_DEMAND,
    ReasonCode.DEAD_STOCK,
)
"""Reasons for which a person should look at a line, gravest first."""
