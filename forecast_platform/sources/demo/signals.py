"""Weather and competitors of the demo shop, which its demand does not depend on.

Every draw is made in day order, so a longer history begins with the shorter one.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from forecast_platform.sources.demo.shop import Shop, stream
from forecast_platform.sources.demo.trade import Trade

FORECAST_DAYS = 7
COMPETITORS = ("Corner Market", "Megastore")


def weather(shop: Shop, days: int) -> pl.DataFrame:
    """Observed weather of every location and day."""
    temperature, rain = _climate(shop, days)
    day, place = (axis.ravel() for axis in np.indices((days, len(shop.location_ids))))
    return pl.DataFrame(
        {
            "date": shop.dates(days).gather(day),
            "location_id": pl.Series(shop.location_ids).gather(place),
            "temperature": temperature[:days].ravel(),
            "precipitation": rain[:days].ravel(),
        }
    )


def weather_forecasts(shop: Shop, days: int) -> pl.DataFrame:
    """What was forecast on every day for the week after it; the further ahead, the less sure."""
    temperature, rain = _climate(shop, days)
    shape = (days, FORECAST_DAYS, len(shop.location_ids))
    errors = stream(shop.seed, "weather forecasts").normal(size=(*shape[:2], 2, shape[2]))
    day, ahead, place = (axis.ravel() for axis in np.indices(shape))
    target = day + ahead + 1
    spread = 0.6 + 0.4 * ahead
    error = errors[day, ahead, :, place] * spread[:, None]
    dates = shop.dates(days + FORECAST_DAYS)
    return pl.DataFrame(
        {
            "date": dates.gather(day),
            "location_id": pl.Series(shop.location_ids).gather(place),
            "target_date": dates.gather(target),
            "temperature": np.round(temperature[target, place] + error[:, 0], 1),
            "precipitation": np.round(np.maximum(rain[target, place] + error[:, 1], 0), 1),
        }
    )


def competitor_prices(shop: Shop, deal: Trade) -> pl.DataFrame:
    """What competitors ask on Mondays for two of three items, near the shop's own list price."""
    days, items = deal.list_price.shape
    factor = stream(shop.seed, "competitors").uniform(0.88, 1.12, (days, len(COMPETITORS), items))
    monday = (shop.dates(days).dt.weekday() == 1).to_numpy()
    watched = shop.on_offer(days) & monday[:, None] & (np.arange(items) % 3 > 0)
    day, item = np.nonzero(watched)
    frames = [
        pl.DataFrame(
            {
                "date": shop.dates(days).gather(day),
                "item_id": pl.Series(shop.item_ids).gather(item),
                "competitor": [name] * len(day),
                "price": np.round(deal.list_price[day, item] * factor[day, at, item], 2),
            }
        )
        for at, name in enumerate(COMPETITORS)
    ]
    return pl.concat(frames).sort("date", "item_id", "competitor")


def _climate(shop: Shop, days: int) -> tuple[np.ndarray, np.ndarray]:
    """(T + FORECAST_DAYS, L) temperature in degrees Celsius and rain in mm."""
    shape = (days + FORECAST_DAYS, 3, len(shop.location_ids))
    draws = stream(shop.seed, "weather").normal(size=shape)
    year_day = np.arange(shape[0])[:, None] + shop.first_day.timetuple().tm_yday
    season = 11 - 12 * np.cos(2 * np.pi * (year_day - 20) / 365.25)
    temperature = season + 3 * draws[:, 0]
    rain = np.where(draws[:, 1] > 0.5, np.exp(1 + 0.8 * draws[:, 2]), 0.0)
    return np.round(temperature, 1), np.round(rain, 1)
