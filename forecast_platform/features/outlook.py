"""What is known in advance and may change: weather forecasts and campaigns.

Each value belongs to two days, the origin at whose close it was known and the target, so that a
model is trained on the forecasts of weather it will be given, not on the weather that came.
"""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
from numpy.typing import NDArray

from forecast_platform.graph import OUTLOOK_DAYS
from forecast_platform.panel import FloatArray, Outlook

FORECAST_DAYS = OUTLOOK_DAYS["weather_forecasts"]
"""Days for which a weather forecast counts after its issue."""

CAMPAIGN_DAYS = OUTLOOK_DAYS["campaigns"]
"""Days for which a campaign counts after it was planned."""

LEAD_CAP_DAYS = 14
"""Days beyond which the next campaign is simply far away."""

_EPOCH = dt.date(1970, 1, 1)


def weather_outlook(
    forecasts: pl.DataFrame,
    column: str,
    locations: NDArray[np.object_],
    first: dt.date,
    last: dt.date,
    horizon: int,
) -> Outlook:
    """The newest forecast of each day to come, as of each origin.

    Args:
        forecasts: `date` of issue, `location_id`, `target_date` and the column, of the days
            [first - FORECAST_DAYS, last]; rows of other days are ignored.
        column: What is forecast.
        locations: (N,) location of each series.
        first: First origin.
        last: Last origin.
        horizon: Days after an origin.
    """
    places, row = np.unique(locations.astype(str), return_inverse=True)
    days, leads = (last - first).days + 1, horizon + FORECAST_DAYS
    issued = np.full((len(places), days + FORECAST_DAYS, leads + 1), np.nan, dtype=np.float32)
    start = first - dt.timedelta(days=FORECAST_DAYS)
    rows = forecasts.select(
        pl.col("location_id").cast(pl.String).alias("place"),
        (pl.col("date") - start).dt.total_days().alias("issue"),
        (pl.col("target_date") - pl.col("date")).dt.total_days().alias("lead"),
        pl.col(column).cast(pl.Float32).alias("value"),
    ).filter(
        pl.col("issue").is_between(0, days + FORECAST_DAYS - 1),
        pl.col("lead").is_between(1, leads),
        pl.col("place").is_in(places.tolist()),
    )  # fmt: skip
    place = np.searchsorted(places, rows["place"].to_numpy().astype(str))
    issued[place, rows["issue"].to_numpy(), rows["lead"].to_numpy()] = rows["value"].to_numpy()
    known = np.full((len(places), days, horizon), np.nan, dtype=np.float32)
    for age in range(FORECAST_DAYS + 1):
        begin = FORECAST_DAYS - age
        older = issued[:, begin : begin + days, 1 + age : 1 + age + horizon]
        known = np.where(np.isnan(known), older, known)
    return Outlook(known, row.astype(np.intp))


def campaign_outlook(
    campaigns: pl.DataFrame, keys: pl.DataFrame, first: dt.date, last: dt.date, ahead: range
) -> dict[str, Outlook]:
    """What is known of campaigns: whether one runs, what is spent, days until the next begins.

    Args:
        campaigns: Rows of `validated_campaigns` of [first - CAMPAIGN_DAYS, last].
        keys: `item_id`, `category` and `location_id` of the N series.
        first: First origin.
        last: Last origin.
        ahead: Days from the origin to the targets; 0 is the origin itself.

    Returns:
        `on_campaign` (0 or 1), `campaign_spend` (currency per day), `days_to_campaign` (0 while one
        runs, at most LEAD_CAP_DAYS).
    """
    known = campaigns.filter(pl.col("date") <= last).sort(
        "date", "campaign_id", "start_date", "item_id", "category", "location_id"
    )
    group, members = _groups(known, keys)
    days = (last - first).days + 1
    shape = (len(members), days, len(ahead))
    runs, spend = np.zeros(shape, dtype=np.float32), np.zeros(shape, dtype=np.float64)
    lead = np.full(shape, LEAD_CAP_DAYS, dtype=np.float32)
    origin = np.arange(days)[:, None]
    target = origin + np.asarray(ahead)[None, :]
    for at, campaign in enumerate(known.iter_rows(named=True)):
        planned, start, end = (
            (campaign[name] - first).days for name in ("date", "start_date", "end_date")
        )
        is_known = (origin >= planned) & (origin <= planned + CAMPAIGN_DAYS)
        running = (is_known & (target >= start) & (target <= end)).astype(np.float32)
        until = np.where(is_known & (target <= end), np.maximum(start - target, 0), LEAD_CAP_DAYS)
        money = (campaign["spend"] or 0.0) / (end - start + 1)
        concerned = members[:, at]
        runs[concerned] = np.maximum(runs[concerned], running)
        spend[concerned] += money * running
        lead[concerned] = np.minimum(lead[concerned], until)
    found: dict[str, NDArray[np.floating]] = {
        "on_campaign": runs,
        "campaign_spend": spend,
        "days_to_campaign": lead,
    }
    return {name: Outlook(v.astype(np.float32), group) for name, v in found.items()}


def _groups(
    campaigns: pl.DataFrame, keys: pl.DataFrame
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """(N,) group of the series that the same campaigns concern; (G, C) which those are."""
    if campaigns.is_empty():
        return np.zeros(keys.height, dtype=np.intp), np.zeros((1, 0), dtype=np.bool_)
    concerned = np.ones((campaigns.height, keys.height), dtype=np.bool_)
    for name in ("item_id", "category", "location_id"):
        held = keys[name].fill_null("").to_numpy().astype(object)
        for at, wanted in enumerate(campaigns[name].to_list()):
            if wanted:
                concerned[at] &= held == wanted
    packed = np.packbits(concerned, axis=0).T
    distinct, group = np.unique(packed, axis=0, return_inverse=True)
    members = np.unpackbits(distinct, axis=1, count=campaigns.height).astype(np.bool_)
    return group.reshape(-1).astype(np.intp), members


def at_origin(outlook: Outlook) -> FloatArray:
    """(R, T) of an outlook made for the origin itself."""
    values: FloatArray = outlook.values[:, :, 0]
    return values
