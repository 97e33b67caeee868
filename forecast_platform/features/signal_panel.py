"""Signals as covariates of a panel: what models see of the tables that not every shop has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from forecast_platform.features.outlook import LEAD_CAP_DAYS, campaign_outlook, weather_outlook
from forecast_platform.panel import Outlook, Panel

Array = NDArray[Any]


def _temperature(values: Array) -> Array:
    return np.clip((values + 30) / 80, 0, 1)


def _odds(typical: float) -> Callable[[Array], Array]:
    return lambda values: values / (values + typical)


def _around_half(values: Array) -> Array:
    return 0.5 + np.clip(values, -0.5, 0.5)


def _spend(values: Array) -> Array:
    return _odds(5)(np.log1p(values))


def _same(values: Array) -> Array:
    return values


PAST: Mapping[str, Mapping[str, Callable[[Array], Array]]] = {
    "weather": {"temperature": _temperature, "precipitation": _odds(5)},
    "competitor_prices": {
        "competitor_price_ratio": _odds(1),
        "competitor_price_change_7": _around_half,
    },
    "market_indices": {"market_change_7": _around_half, "market_change_28": _around_half},
    "campaigns": {"on_campaign": _same, "campaign_spend": _spend},
    "user_events": {
        "views_mean_7": _same,
        "cart_share_28": _odds(0.1),
        "conversion_28": _odds(0.1),
        "rating_mean_28": _odds(3),
    },
}
"""Columns of `signal_features` by the landed table they need, and how each is brought into [0, 1],
where models take a covariate as it is; views, beyond it, count over their own recent mean."""


def with_signals(
    panel: Panel,
    horizon: int,
    *,
    features: pl.DataFrame,
    products: pl.DataFrame,
    landed: Mapping[str, pl.DataFrame],
) -> Panel:
    """The panel with the signals of the tables that land; without such, the panel itself.

    Args:
        panel: The panel.
        horizon: Days after each origin.
        features: Rows of `signal_features` of the panel's days.
        products: `item_id`, `category`.
        landed: The validated optional tables that have landed, by name. Of weather_forecasts and
            campaigns the rows are needed, with their look-back; the others may be empty.
    """
    last = panel.last_day
    past, outlook = dict(panel.past), dict(panel.outlook)
    place = _places(panel, features)
    for table, columns in PAST.items():
        for name, scaled in columns.items() if table in landed else ():
            past[name] = _laid_out(panel, place, name, scaled)
    if "weather_forecasts" in landed:
        for name, scaled in PAST["weather"].items():
            ahead = weather_outlook(
                landed["weather_forecasts"], name, panel.locations, panel.first_day, last, horizon
            )
            outlook[f"{name}_ahead"] = _scaled(ahead, scaled)
    if "campaigns" in landed:
        keys = panel.keys.join(
            products.select("item_id", "category"), on="item_id", how="left", maintain_order="left"
        )
        found = campaign_outlook(
            landed["campaigns"], keys, panel.first_day, last, range(1, horizon + 1)
        )
        outlook["campaign_ahead"] = found["on_campaign"]
        outlook["campaign_spend_ahead"] = _scaled(found["campaign_spend"], _spend)
        outlook["days_to_campaign"] = _scaled(
            found["days_to_campaign"], lambda values: values / LEAD_CAP_DAYS
        )
    return replace(panel, past=past, outlook=outlook)


def _places(panel: Panel, features: pl.DataFrame) -> tuple[pl.DataFrame, Array, Array]:
    """The rows of the panel's series and days, and where each lies."""
    series = panel.keys.with_row_index("series")
    rows = features.filter(pl.col("date").is_between(panel.first_day, panel.last_day)).join(
        series, on=("item_id", "location_id"), how="inner"
    )
    day = rows.select((pl.col("date") - panel.first_day).dt.total_days()).to_series()
    return rows, rows["series"].to_numpy(), day.to_numpy()


def _laid_out(
    panel: Panel,
    place: tuple[pl.DataFrame, Array, Array],
    name: str,
    scaled: Callable[[Array], Array],
) -> NDArray[np.float32]:
    rows, series, day = place
    wide = np.full(panel.demand.shape, np.nan, dtype=np.float32)
    wide[series, day] = scaled(rows[name].to_numpy()).astype(np.float32)
    return wide


def _scaled(outlook: Outlook, scaled: Callable[[Array], Array]) -> Outlook:
    return replace(outlook, values=scaled(outlook.values).astype(np.float32))
