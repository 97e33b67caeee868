"""Column lineage of the tables that are computed in Python; the SQL models tell their own.

Data: column -> the (table, column) pairs it is made from, one step upstream. Columns that only
choose or order rows are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from forecast_platform.contracts.choice import POLICY_CHOICE
from forecast_platform.contracts.derived import (
    ACCURACY,
    FORECAST_LEVELS,
    FORECASTS,
    LEAD_TIME_DEMAND,
    LEAD_TIMES,
)
from forecast_platform.contracts.drift import ACCURACY_DRIFT, INPUT_DRIFT, TRAINING_PROFILE
from forecast_platform.contracts.features import FEATURES
from forecast_platform.contracts.learned import LEARNED_POLICIES
from forecast_platform.contracts.outcome import PLAN_OUTCOME
from forecast_platform.contracts.plan import REPLENISHMENT_PLAN
from forecast_platform.contracts.signal_features import SIGNAL_FEATURES, USER_BEHAVIOUR

Sources = tuple[tuple[str, str], ...]
_KEYS = ("item_id", "location_id")


def _from(table: str, *columns: str) -> Sources:
    return tuple((table, column) for column in columns)


def _same(table: str, columns: Iterable[str]) -> dict[str, Sources]:
    return {column: _from(table, column) for column in columns}


_CALENDAR = ("holiday", "event", "payday")
_TERMS = ("lead_time_days", "review_days")


_SEASON = (
    _from("clean_demand", "demand_units")
    + _from("forecasts", "mean")
    + _from("validated_products", "category")
)


def _feature(name: str) -> Sources:
    if name.startswith("price"):
        return _from("clean_demand", "price")
    if name.startswith("promotion"):
        return _from("clean_demand", "on_promotion")
    if name.startswith("available"):
        return _from("clean_demand", "is_available")
    if name.startswith(("day_of", "annual")):
        return _from("clean_demand", "date")
    if any(word in name for word in _CALENDAR):
        return _from("validated_calendar", "date", "kind", "region")
    demand = _from("clean_demand", "demand_winsorised")
    return demand + _from("validated_products", "category") * name.startswith("category")


_OBSERVED = ("date", *_KEYS, "is_available", "price", "on_promotion", "discount")
_QUANTILES = [name for name in FORECASTS.column_names if name[0] == "q"]
_MODEL = ("model", "model_version", "training_cutoff")
_EXPECTED = _from("lead_time_demand", "mean")
_LEAD_TIME = _from("lead_times", "mean_days")
_LEAD_SPREAD = _from("lead_times", "mean_days", "std_days") + _from(
    "validated_suppliers", "lead_time_std_days"
)
_SPREAD = _from("lead_time_demand", "mean", "std", *_QUANTILES)
_SOLD = _from("clean_demand", "demand_units", "net_units")
_JUDGED = (
    "lead_time_days", "protection_days", "service_level", "lead_time_demand", "protection_demand",
    "reorder_point", "order_quantity",
)  # fmt: skip
_STOCK = _from("validated_inventory", "on_hand", "reserved")
_ORDERED = _from("validated_purchase_orders", "quantity", "expected_date", "received_date")
_POSITION = _STOCK + _ORDERED + _from("clean_demand", "demand_units")
_ORDER = _POSITION + _SPREAD + _from("validated_suppliers", "min_order_quantity", "pack_size")
_DEMANDED = _from("clean_demand", "demand_units")
_ORDER_TERMS = ("review_days", "min_order_quantity", "pack_size", "order_cost")
_SIMULATED = _DEMANDED + _LEAD_SPREAD + _from("validated_suppliers", *_ORDER_TERMS)
_PRICED = _from("validated_products", "unit_cost") + _from("clean_demand", "price")
_COSTED = _SIMULATED + _PRICED
_WATCHED = _from("clean_demand", "demand_units", "price", "on_promotion", "is_available", "on_hand")
_COSTS = ("cost", "cost_error", "holding_cost", "ordering_cost", "shortage_cost")

LINEAGE: Mapping[str, Mapping[str, Sources]] = {
    FEATURES.name: {
        name: _from("clean_demand", name) if name in _OBSERVED else _feature(name)
        for name in FEATURES.column_names
    },
    USER_BEHAVIOUR.name: {
        **_same("validated_user_events", ("date", *_KEYS)),
        **dict.fromkeys(
            ("views", "carts", "purchases", "ratings", "conversion"),
            _from("validated_user_events", "event"),
        ),
        "visitors": _from("validated_user_events", "user_id"),
        "mean_rating": _from("validated_user_events", "rating"),
    },
    SIGNAL_FEATURES.name: {
        **_same("clean_demand", ("date", *_KEYS)),
        **_same("validated_weather", ("temperature", "precipitation")),
        "competitor_price_ratio": _from("clean_demand", "price")
        + _from("validated_competitor_prices", "price"),
        "competitor_price_change_7": _from("validated_competitor_prices", "price"),
        **dict.fromkeys(
            ("market_change_7", "market_change_28"), _from("validated_market_indices", "value")
        ),
        "on_campaign": _from("validated_campaigns", "start_date", "end_date"),
        "campaign_spend": _from("validated_campaigns", "start_date", "end_date", "spend"),
        "views_mean_7": _from("user_behaviour", "views"),
        "cart_share_28": _from("user_behaviour", "carts", "views"),
        "conversion_28": _from("user_behaviour", "purchases", "views"),
        "rating_mean_28": _from("user_behaviour", "mean_rating", "ratings"),
    },
    FORECASTS.name: {
        **_same("features", _KEYS),
        "origin": _from("features", "date"),
        **{
            name: _from("features", "demand", "price_level_28", "on_promotion", "is_holiday")
            for name in ("mean", *_QUANTILES)
        },
        "model": _from("model_versions", "model"),
        "model_version": _from("model_versions", "version"),
        "training_cutoff": _from("model_versions", "cutoff"),
    },
    FORECAST_LEVELS.name: {
        **_same("forecasts", ("origin", *_KEYS, "date", "horizon", "mean", "revision")),
        "category": _from("validated_products", "category"),
        "series": _from("forecasts", *_KEYS),
        **dict.fromkeys(_QUANTILES, _from("forecasts", *_QUANTILES) + _from("features", "demand")),
    },
    LEAD_TIMES.name: {
        **_same("validated_purchase_orders", ("supplier_id", "item_id")),
        **{
            name: _from("validated_purchase_orders", "date", "received_date")
            for name in ("mean_days", "std_days", "q50_days", "q90_days", "q95_days")
        },
        **{
            name: _from("validated_purchase_orders", "expected_date", "received_date")
            for name in ("late_mean_days", "late_q90_days", "late_share")
        },
    },
    LEAD_TIME_DEMAND.name: {
        **_same("features", _KEYS),
        "protection_days": _from("validated_suppliers", *_TERMS) + _LEAD_TIME,
        "lead_time_days": _from("validated_suppliers", "lead_time_days") + _LEAD_TIME,
        **{
            name: _from("features", "demand", "price_level_28", "on_promotion", "is_holiday")
            for name in ("lead_time_mean", "mean", "std", *_QUANTILES)
        },
    },
    ACCURACY.name: {
        **_same("forecasts", (*_KEYS, "date", "horizon", "model", "model_version", "mean")),
        "actual": _from("clean_demand", "demand_units"),
        "error": _from("forecasts", "mean") + _from("clean_demand", "demand_units"),
        "pinball": _from("forecasts", *_QUANTILES) + _from("clean_demand", "demand_units"),
        **{
            f"inside_{share}": _from("forecasts", low, high) + _from("clean_demand", "demand_units")
            for share, low, high in ((50, "q25", "q75"), (80, "q10", "q90"), (90, "q05", "q95"))
        },
    },
    PLAN_OUTCOME.name: {
        **_same("replenishment_plan", (*_KEYS, *_JUDGED)),
        "plan_date": _from("replenishment_plan", "date"),
        "service_level": _from("replenishment_plan", "service_level", "critical_ratio"),
        **dict.fromkeys(("actual_lead_time_demand", "actual_protection_demand"), _SOLD),
        "sold_units": _from("clean_demand", "net_units"),
        "stockout_days": _from("clean_demand", "is_stockout"),
        "lost_units": _SOLD + _from("replenishment_plan", "protection_demand"),
        "demand_met": _SOLD + _from("replenishment_plan", "protection_demand"),
        "within_reorder_point": _SOLD + _from("replenishment_plan", "reorder_point"),
        "sent_units": _from("validated_purchase_orders", "quantity", "date"),
        "received_units": _from("validated_purchase_orders", "quantity", "received_date"),
    },
    TRAINING_PROFILE.name: {
        "category": _from("validated_products", "category"),
        **_same("clean_demand", ("location_id",)),
        **dict.fromkeys(("lower", "share", "mean", "psi_limit", "ks_limit"), _WATCHED),
    },
    INPUT_DRIFT.name: {
        "category": _from("validated_products", "category"),
        **_same("clean_demand", ("date", "location_id")),
        **_same("training_profile", ("cutoff", "psi_limit", "ks_limit")),
        "trained_mean": _from("training_profile", "mean"),
        **dict.fromkeys(("mean", "unknown_share"), _WATCHED),
        **dict.fromkeys(("psi", "ks", "is_drift"), _WATCHED + _from("training_profile", "share")),
    },
    ACCURACY_DRIFT.name: {
        "category": _from("validated_products", "category"),
        **_same("accuracy", ("date", "location_id")),
        **dict.fromkeys(
            ("error", "level_error", "before_error", "spread", "weeks"),
            _from("accuracy", "actual", "mean"),
        ),
    },
    POLICY_CHOICE.name: {
        **_same("clean_demand", _KEYS),
        **dict.fromkeys(("known_days", "reorder_point", "order_up_to_level"), _DEMANDED),
        **dict.fromkeys(("fill_rate", "cycle_service_level", "service_error"), _SIMULATED),
        **dict.fromkeys(("policy", "rank", "is_chosen", *_COSTS), _COSTED),
    },
    LEARNED_POLICIES.name: {
        **_same("clean_demand", _KEYS),
        "lead_time_periods": _LEAD_TIME + _from("validated_suppliers", *_TERMS),
        "review_days": _from("validated_suppliers", "review_days"),
        **dict.fromkeys(("lot_units", "mean_demand"), _DEMANDED),
        "cost_ratio": _PRICED + _from("validated_suppliers", "review_days"),
        **dict.fromkeys(
            ("cost", "optimum_cost", "myopic_cost", "capped_cost", "gap", "promoted"),
            _DEMANDED + _LEAD_TIME + _from("validated_suppliers", *_TERMS) + _PRICED,
        ),
    },
    REPLENISHMENT_PLAN.name: {
        **_same("forecasts", (*_KEYS, *_MODEL, "origin")),
        "supplier_id": _from("validated_products", "supplier_id"),
        **_same("validated_inventory", ("on_hand", "reserved")),
        **dict.fromkeys(("on_order", "late_units", "uncounted_units"), _ORDERED),
        "inventory_position": _POSITION,
        "stock_date": _from("validated_inventory", "date"),
        "days_of_cover": _POSITION + _from("forecasts", "mean"),
        "stockout_date": _STOCK + _from("forecasts", "mean"),
        **_same("validated_suppliers", (*_TERMS, "min_order_quantity", "pack_size")),
        "protection_days": _from("lead_time_demand", "protection_days"),
        "lead_time_demand": _from("lead_time_demand", "lead_time_mean"),
        "protection_demand": _EXPECTED,
        "protection_std": _from("lead_time_demand", "std"),
        "lead_time_std_days": _LEAD_SPREAD,
        **_same("policy_choice", ("policy",)),
        "policy_source": _from("policy_choice", "basis"),
        "policy_cutoff": _from("policy_choice", "cutoff"),
        "policy_cost": _from("policy_choice", "cost"),
        "next_policy": _from("policy_choice", "policy", "rank"),
        "next_policy_cost": _from("policy_choice", "cost", "rank"),
        "safety_stock": _SPREAD + _LEAD_SPREAD,
        "reorder_point": _SPREAD + _LEAD_SPREAD + _SEASON,
        "abc_class": _from("clean_demand", "demand_units", "price"),
        **dict.fromkeys(("xyz_class", "life_cycle"), _from("clean_demand", "demand_units")),
        "annual_value": _from("clean_demand", "demand_units", "price"),
        "unit_cost": _from("validated_products", "unit_cost") + _from("clean_demand", "price"),
        "eoq": _from("clean_demand", "demand_units") + _from("validated_suppliers", "order_cost"),
        "order_up_to_level": _SPREAD + _SEASON,
        **dict.fromkeys(("season_end", "season_units", "season_adjustment"), _SEASON),
        "raw_quantity": _ORDER,
        "order_quantity": _ORDER,
        "unlimited_quantity": _ORDER,
        **dict.fromkeys(("transfer_in", "transfer_out", "transfer_from"), _ORDER),
        "next_order_date": _from("validated_suppliers", "order_weekdays"),
        "supplier_minimum": _from("validated_suppliers", "min_order_value"),
        "order_volume": _ORDER + _from("validated_products", "volume"),
    },
}
"""Column lineage by table and column."""
