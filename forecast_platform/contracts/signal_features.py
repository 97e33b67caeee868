"""Contracts of what is made from the optional tables, where they land."""

from __future__ import annotations

from forecast_platform.contracts.core import Column, DType, Table
from forecast_platform.contracts.derived import DAY, ITEM, LOCATION


def _value(
    name: str,
    description: str,
    unit: str = "",
    minimum: float | None = None,
    maximum: float | None = None,
) -> Column:
    return Column(name, DType.REAL, description, unit, False, minimum, maximum)


USER_BEHAVIOUR = Table(
    name="user_behaviour",
    description="What visitors did with each item in a day, counted; nobody can be told from it.",
    grain="one row per item, location and day with an event",
    key=("date", "item_id", "location_id"),
    group="clean",
    columns=(
        DAY,
        ITEM,
        LOCATION,
        Column("views", DType.INT, "Times seen.", "events", minimum=0),
        Column("carts", DType.INT, "Times put into a cart.", "events", minimum=0),
        Column("purchases", DType.INT, "Times bought.", "events", minimum=0),
        Column("ratings", DType.INT, "Times rated.", "events", minimum=0),
        Column("visitors", DType.INT, "Different visitors, where they are told apart.", "visitors",
               minimum=0),
        _value("conversion", "Purchases per view; empty without a view.", "ratio", 0),
        _value("mean_rating", "Mean of the day's ratings; empty without one.", "stars", 0, 5),
    ),
)  # fmt: skip

SIGNAL_FEATURES = Table(
    name="signal_features",
    description="What is known from outside about every item on offer at the close of each day; "
    "columns of tables that never land stay empty.",
    grain="one row per item, location and day on offer",
    key=("date", "item_id", "location_id"),
    group="features",
    columns=(
        DAY,
        ITEM,
        LOCATION,
        _value("temperature", "Observed mean temperature.", "degrees Celsius"),
        _value("precipitation", "Observed rain and melted snow.", "mm", 0),
        _value("competitor_price_ratio", "Own price over the mean of the competitors' newest "
               "prices, of the last 28 days.", "ratio", 0),
        _value("competitor_price_change_7", "Relative change of that mean since 7 days before.",
               "ratio", -1),
        _value("market_change_7", "Mean relative change of the market indices since 7 days before.",
               "ratio", -1),
        _value("market_change_28", "The same since 28 days before.", "ratio", -1),
        _value("on_campaign", "1 if a campaign runs, else 0.", "", 0, 1),
        _value("campaign_spend", "Money that its campaigns spend on the day.", "currency", 0),
        _value("views_mean_7", "Mean views per day, 7 days.", "events", 0),
        _value("cart_share_28", "Carts per view of the last 28 days.", "ratio", 0),
        _value("conversion_28", "Purchases per view of the last 28 days.", "ratio", 0),
        _value("rating_mean_28", "Mean rating of the last 28 days.", "stars", 0, 5),
    ),
)  # fmt: skip
