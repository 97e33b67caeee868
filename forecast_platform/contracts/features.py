"""Contract of the daily feature table; `features/` computes each column by its name here."""

from __future__ import annotations

from forecast_platform.contracts.core import Column, DType, Table
from forecast_platform.contracts.derived import DAY, ITEM, LOCATION


def _feature(
    name: str,
    description: str,
    unit: str = "",
    minimum: float | None = None,
    maximum: float | None = None,
) -> Column:
    return Column(name, DType.REAL, description, unit, False, minimum, maximum)


OBSERVED = (
    _feature("demand", "Winsorised demand of the day; empty where unknown.", "units", 0),
    Column("is_available", DType.BOOL, "On offer and in stock, so that no sale means no demand."),
    _feature("price", "Price that holds.", "currency", 0),
    Column("on_promotion", DType.BOOL, "A promotion runs."),
    _feature("discount", "Largest price cut that runs.", "share", 0),
)

HISTORY = (
    _feature("demand_lag_1", "Demand 1 day before.", "units", 0),
    _feature("demand_lag_7", "Demand 7 days before.", "units", 0),
    _feature("demand_lag_14", "Demand 14 days before.", "units", 0),
    _feature("demand_lag_28", "Demand 28 days before.", "units", 0),
    _feature("demand_mean_7", "Mean demand of the known days of the last 7.", "units", 0),
    _feature("demand_mean_28", "Mean demand of the known days of the last 28.", "units", 0),
    _feature("demand_mean_56", "Mean demand of the known days of the last 56.", "units", 0),
    _feature("demand_std_28", "Sample standard deviation over the last 28 days.", "units", 0),
    _feature("zero_share_28", "Known days without demand of the last 28.", "share", 0, 1),
    _feature("days_since_sale", "Days since demand above zero, at most 56.", "days", 0, 56),
    _feature("weekday_mean_8", "Mean demand of the last 8 days of this weekday.", "units", 0),
    _feature("price_level_28", "Price over its mean of the last 28 days.", "ratio", 0),
    _feature("price_change_1", "Relative change of price since the day before.", "ratio", -1),
    _feature("price_change_7", "Relative change of price since 7 days before.", "ratio", -1),
    _feature("promotion_lag_7", "1 if a promotion ran 7 days before, else 0.", "", 0, 1),
    _feature("promotion_share_28", "Days on promotion of the last 28 on offer.", "share", 0, 1),
    _feature("available_share_28", "Days available of the last 28 on offer.", "share", 0, 1),
    _feature("category_mean_7", "Mean demand per item of the category at the location, 7 days.",
             "units", 0),
    _feature("category_mean_28", "Mean demand per item of the category at the location, 28 days.",
             "units", 0),
)  # fmt: skip

ADVANCE = (
    _feature("day_of_week", "Monday 0 to Sunday 6.", "", 0, 6),
    _feature("day_of_month", "1 to 31.", "", 1, 31),
    _feature("annual_sin", "Sine of the position in the year.", "", -1, 1),
    _feature("annual_cos", "Cosine of the position in the year.", "", -1, 1),
    _feature("is_holiday", "1 on a public holiday of the location, else 0.", "", 0, 1),
    _feature("days_to_holiday", "Days to the next public holiday, at most 14.", "days", 0, 14),
    _feature(
        "days_since_holiday", "Days since the last public holiday, at most 14.", "days", 0, 14
    ),
    _feature("is_event", "1 on a day with an event at the location, else 0.", "", 0, 1),
    _feature("days_to_event", "Days to the next event, at most 14.", "days", 0, 14),
    _feature("days_since_event", "Days since the last event, at most 14.", "days", 0, 14),
    _feature("event_kinds", "Different kinds of events on the day.", "", 0),
    _feature("is_payday", "1 on a day on which wages or benefits are paid, else 0.", "", 0, 1),
)

FEATURES = Table(
    name="features",
    description="What is known about every item on offer at the close of each day.",
    grain="one row per item, location and day on offer",
    key=("date", "item_id", "location_id"),
    group="features",
    columns=(DAY, ITEM, LOCATION, *OBSERVED, *HISTORY, *ADVANCE),
)
