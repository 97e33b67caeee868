"""What moves a forecast: the shape that every family explains itself in.

Drivers are in units per day of the mean over the horizon, and those of a series add up to it.
Belongs here: names, shape and rules of addition. Does not belong here: how a family attributes.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import polars as pl

    from forecast_platform.models.base import Forecaster
    from forecast_platform.panel import Panel

Doubles = NDArray[np.float64]
Parts = dict[str, Doubles]
"""By driver (N,) units per day; NaN where the family itself did not answer."""

LEVEL = "level"
RECENT = "recent demand"
TREND = "trend"
WEEKDAY = "weekday"
PRICE = "price"
PROMOTION = "promotions and events"
CALENDAR = "calendar"
AVAILABILITY = "availability"
CATEGORY = "demand of the category"
WEATHER = "weather"
MARKET = "market"
VISITORS = "visitors"
IDENTITY = "item, location, category"
ANALOGUES = "analogues"
SIMPLER = "simpler model"
REST = "rounding, kept at zero or above"

_WORDS = (
    (("price",), PRICE),
    (("promotion", "discount", "holiday", "event", "payday", "campaign"), PROMOTION),
    (("temperature", "precipitation"), WEATHER),
    (("market_change",), MARKET),
    (("views_", "cart_share", "conversion", "rating_"), VISITORS),
    (("day_of_week", "weekday"), WEEKDAY),
    (("day_of_month", "day_in_month", "annual", "days_ahead"), CALENDAR),
    (("available", "known_share"), AVAILABILITY),
    (("category_mean",), CATEGORY),
    (("demand_", "days_since_sale", "zero_share"), RECENT),
    (("item_id", "location_id", "category", "department", "region"), IDENTITY),
)


@runtime_checkable
class Explains(Protocol):
    """A forecaster that says what moves its forecasts."""

    def drivers(self, panel: Panel, origin: dt.date, horizon: int = 28) -> pl.DataFrame:
        """The drivers of all series of the panel, as `table` gives them."""


def explained(
    forecaster: Forecaster, panel: Panel, origin: dt.date, horizon: int = 28
) -> tuple[pl.DataFrame, str]:
    """Drivers of a forecaster, and why there are none where there are none.

    Args:
        forecaster: Fitted or loaded, of any family.
        panel: The series to be explained; some cost far more than a forecast, so select first.
        origin: Last day of data used.
        horizon: Days ahead.

    Returns:
        item_id, location_id, driver, contribution (units per day of the mean over the horizon,
        adding up to it), the largest first; and a sentence, empty where the frame is not.
    """
    frame = table(panel, {})
    if isinstance(forecaster, Explains):
        frame = forecaster.drivers(panel, origin, horizon)
    if frame.is_empty():
        return frame, f"{forecaster.name} does not take its forecasts apart."
    return frame, ""


def group_of(column: str) -> str:
    """The driver that an input of a model belongs to, a covariate without group by its own name."""
    for words, group in _WORDS:
        if any(word in column for word in words):
            return group
    return column


def grouped(columns: Sequence[str], shares: Doubles) -> Parts:
    """Drivers of the shares (N, F) of F columns that a model reads."""
    return summed([group_of(column) for column in columns], shares)


def summed(names: Sequence[str], shares: Doubles) -> Parts:
    """Add up shares (N, F) under the same name."""
    parts: Parts = {}
    for at, name in enumerate(names):
        parts[name] = parts.get(name, np.zeros(len(shares))) + shares[:, at]
    return parts


def completed(parts: Parts, total: Doubles) -> Parts:
    """Parts that add up to `total` (N,), with what the family did not answer itself."""
    nothing = np.zeros(len(total))
    answered = ~np.isnan(sum(parts.values(), nothing))
    own = {name: np.where(answered, values, 0) for name, values in parts.items()}
    left = total - sum(own.values(), nothing)
    return own | {SIMPLER: np.where(answered, 0, left), REST: np.where(answered, left, 0)}


def combined(frames: Mapping[str, pl.DataFrame], weights: Mapping[str, float]) -> pl.DataFrame:
    """Drivers of a weighted mean of forecasts, by the tables of drivers of each."""
    import polars as pl

    parts = [
        frame.with_columns(pl.col("contribution") * weights[name]) for name, frame in frames.items()
    ]
    keys = ["item_id", "location_id", "driver"]
    return _tidy(pl.concat(parts).group_by(keys).agg(pl.col("contribution").sum()))


def whole(forecaster: Forecaster, panel: Panel, origin: dt.date, horizon: int) -> pl.DataFrame:
    """Drivers of a forecaster; its mean as a single one where it takes nothing apart."""
    frame, lacking = explained(forecaster, panel, origin, horizon)
    if not lacking:
        return frame
    mean = forecaster.predict(panel, [origin], horizon).mean[0].mean(axis=1, dtype=np.float64)
    return table(panel, {f"{forecaster.name}, not taken apart": mean})


def around_level(window: NDArray[np.floating[Any]], mean: Doubles) -> Parts:
    """Parts of forecasts (N, H) after windows (N, T): level, what came of late, weekdays.

    The level is the mean of the known days of the last four weeks; whole weeks of the forecast
    differ from it by recent demand, and all H days from whole weeks by the weekdays among them.
    """
    recent = window[:, -28:].astype(np.float64)
    known = ~np.isnan(recent)
    level = np.where(known, recent, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    weeks = mean[:, : max(mean.shape[1] // 7 * 7, 1)].mean(axis=1)
    return {LEVEL: level, RECENT: weeks - level, WEEKDAY: mean.mean(axis=1) - weeks}


def table(panel: Panel, parts: Parts) -> pl.DataFrame:
    """Parts as a frame: item_id, location_id, driver, contribution; drivers of zero left out."""
    import polars as pl

    names, values = list(parts), np.array(list(parts.values())).reshape(len(parts), panel.n_series)
    frame = pl.DataFrame(
        {
            "item_id": np.tile(panel.items.astype(str), len(names)).tolist(),
            "location_id": np.tile(panel.locations.astype(str), len(names)).tolist(),
            "driver": np.repeat(names, panel.n_series).tolist(),
            "contribution": values.ravel(),
        },
        schema={
            "item_id": pl.String, "location_id": pl.String, "driver": pl.String,
            "contribution": pl.Float64,
        },
    )  # fmt: skip
    return _tidy(frame)


def _tidy(frame: pl.DataFrame) -> pl.DataFrame:
    """By series, the largest driver first; those of no size left out."""
    import polars as pl

    size = pl.col("contribution").abs()
    # Forecasts are float32: what is smaller beside them says nothing.
    seen = frame.filter(size > 1e-5 * size.sum().over("item_id", "location_id"))
    return seen.sort(
        ["item_id", "location_id", size, "driver"], descending=[False, False, True, False]
    )
