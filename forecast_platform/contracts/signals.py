"""Contracts of the optional tables: what moves demand from outside, and what visitors do.

A table that never lands leaves no trace: nothing is made from it and nothing waits for it.
"""

from __future__ import annotations

from forecast_platform.contracts.core import Column, DType, Table

_ITEM = Column("item_id", DType.STRING, "Item of the shop.", refers_to="products")
_LOCATION = Column("location_id", DType.STRING, "Shop or warehouse.", refers_to="locations")

_WEATHER = (
    Column("temperature", DType.FLOAT, "Mean temperature of the day.", "degrees Celsius", False,
           minimum=-90, maximum=60),
    Column("precipitation", DType.FLOAT, "Rain and melted snow of the day.", "mm", False,
           minimum=0, maximum=2000),
    Column("wind_speed", DType.FLOAT, "Mean wind of the day.", "m/s", False,
           minimum=0, maximum=120),
)  # fmt: skip

WEATHER = Table(
    name="weather",
    description="Weather as it was observed.",
    grain="one row per location and day",
    key=("date", "location_id"),
    columns=(
        Column("date", DType.DATE, "Day of the weather, known at its close."),
        _LOCATION,
        *_WEATHER,
    ),
)

WEATHER_FORECASTS = Table(
    name="weather_forecasts",
    description="Weather as it was forecast, dated by the day the forecast was issued, so that no "
    "day knows a forecast that came later.",
    grain="one row per day of issue, location and day forecast",
    key=("date", "location_id", "target_date"),
    columns=(
        Column("date", DType.DATE, "Day the forecast was issued, at its close at the latest."),
        _LOCATION,
        Column("target_date", DType.DATE, "Day that is forecast."),
        *_WEATHER,
    ),
)

MARKET_INDICES = Table(
    name="market_indices",
    description="Figures about the market as a whole, such as consumer confidence.",
    grain="one row per day and index",
    key=("date", "index_name"),
    columns=(
        Column("date", DType.DATE, "Day on which the value was published."),
        Column("index_name", DType.STRING, "Name of the index."),
        Column("value", DType.FLOAT, "Value of the index.", positive=True),
    ),
)

COMPETITOR_PRICES = Table(
    name="competitor_prices",
    description="What competitors ask for the shop's items.",
    grain="one row per day, item and competitor",
    key=("date", "item_id", "competitor"),
    columns=(
        Column("date", DType.DATE, "Day on which the price was seen."),
        _ITEM,
        Column("competitor", DType.STRING, "Competitor."),
        Column("price", DType.FLOAT, "Price per unit.", "currency", positive=True,
               maximum=10_000_000),
    ),
)  # fmt: skip

CAMPAIGNS = Table(
    name="campaigns",
    description="Marketing campaigns, dated by the day they were planned: known in advance.",
    grain="one row per campaign and item, category and location it concerns",
    key=("date", "campaign_id", "item_id", "category", "location_id"),
    columns=(
        Column("date", DType.DATE, "Day from which the campaign is known."),
        Column("campaign_id", DType.STRING, "Campaign."),
        Column("start_date", DType.DATE, "First day of the campaign."),
        Column("end_date", DType.DATE, "Last day of the campaign."),
        Column("channel", DType.STRING, "Where it runs: search, mail, tv.", required=False,
               default="other"),
        Column("spend", DType.FLOAT, "Money for all of its days together.", "currency", False,
               minimum=0, maximum=1_000_000_000_000),
        Column("item_id", DType.STRING, "Item; empty for all.", required=False,
               refers_to="products"),
        Column("category", DType.STRING, "Category; empty for all.", required=False),
        Column("location_id", DType.STRING, "Location; empty for all.", required=False,
               refers_to="locations"),
    ),
)  # fmt: skip

USER_EVENTS = Table(
    name="user_events",
    description="What visitors did with an item. Who did it is a pseudonym from the moment a row "
    "lands.",
    grain="one row per event",
    key=("date", "user_id", "item_id", "location_id", "event", "event_id"),
    columns=(
        Column("date", DType.DATE, "Local business day of the event."),
        Column("user_id", DType.STRING, "Pseudonym of the visitor: a keyed hash of the id landed.",
               required=False, personal=True),
        _ITEM,
        _LOCATION,
        Column("event", DType.STRING, "What was done.",
               allowed=("view", "cart", "purchase", "rating")),
        Column("rating", DType.FLOAT, "Stars of a rating.", "stars", False, minimum=0, maximum=5),
        Column("event_id", DType.STRING, "Pseudonym of the event's name or time, which tells "
               "events apart.", required=False, personal=True),
    ),
)  # fmt: skip

SIGNALS = (
    WEATHER, WEATHER_FORECASTS, MARKET_INDICES, COMPETITOR_PRICES, CAMPAIGNS, USER_EVENTS,
)  # fmt: skip
"""Landed tables that a shop may leave out altogether."""
