"""From the feature table to the panel that models are trained on and forecast from."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import polars as pl

from forecast_platform.errors import ContractError
from forecast_platform.features.calendar import series_calendar
from forecast_platform.panel import Panel, from_long

PAST_COVARIATES = (
    "price_level_28", "on_promotion", "discount", "available_share_28", "category_mean_7",
)  # fmt: skip
"""Features that models get as covariates known up to their own day."""

PANEL_COLUMNS = ("date", "item_id", "location_id", "demand", "is_available", *PAST_COVARIATES)
"""Columns of the feature table that a panel is made of."""


def panel_from_features(
    features: pl.DataFrame,
    first: dt.date,
    last: dt.date,
    *,
    products: pl.DataFrame,
    locations: pl.DataFrame,
    calendar: pl.DataFrame,
    horizon: int = 0,
    country: str = "US",
) -> Panel:
    """Build the panel of the days [first, last].

    Args:
        features: Rows of the feature table, at least `PANEL_COLUMNS`, in any order; rows of other
            days are ignored.
        first: First day of the panel.
        last: Last day of the panel.
        products: `item_id`, `category`, `department`.
        locations: `location_id`, `country`, `region`.
        calendar: Events known in advance: `date`, `kind`, `region`.
        horizon: Days beyond `last` for which calendar covariates are given.
        country: Country of the holidays of locations that name none.

    Returns:
        A panel with `PAST_COVARIATES`, the calendar as future covariates, and the static attributes
        item_id, location_id, category, department, region (empty text where unknown).

    Raises:
        ContractError: If a column is missing.
    """
    if missing := [name for name in PANEL_COLUMNS if name not in features.columns]:
        raise ContractError(
            f"Expected the columns {', '.join(PANEL_COLUMNS)} of features, got a frame without "
            f"{', '.join(missing)}: read them too."
        )
    panel = from_long(features, first=first, last=last, demand="demand", past=PAST_COVARIATES)
    keys = pl.DataFrame(
        {"item_id": panel.items, "location_id": panel.locations},
        schema={"item_id": pl.String, "location_id": pl.String},
    )
    until = last + dt.timedelta(days=horizon)
    attributes = keys.join(
        products.select("item_id", "category", "department"),
        on="item_id",
        how="left",
        maintain_order="left",
    ).join(
        locations.select("location_id", "region"),
        on="location_id",
        how="left",
        maintain_order="left",
    )
    return replace(
        panel,
        future=series_calendar(first, until, keys, locations, calendar, country).of_series(),
        static={
            column.name: column.fill_null("").to_numpy().astype(object) for column in attributes
        },
    )
