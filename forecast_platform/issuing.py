"""From trained models to the rows of `forecasts`, `lead_time_demand` and `forecast_levels`.

Puts the rooms together: the champion of each origin is loaded and shown the panel of its days.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from forecast_platform import progress
from forecast_platform.contracts import tables
from forecast_platform.errors import ModelError
from forecast_platform.forecasting import Champion, Issuer, champion_for
from forecast_platform.forecasting.calibrated import load_forecaster
from forecast_platform.forecasting.summed import forecast_levels
from forecast_platform.graph import FORECAST_CONTEXT_DAYS, ISSUED
from forecast_platform.home import Home, Making
from forecast_platform.lake import polars_schema
from forecast_platform.lake.days import ONE_DAY
from forecast_platform.lake_panel import read_panel
from forecast_platform.models import Forecaster
from forecast_platform.models.base import on_offer
from forecast_platform.models.drivers import explained
from forecast_platform.panel import Panel
from forecast_platform.replenishment import terms
from forecast_platform.replenishment.order_days import with_order_days


def issue(
    home: Home,
    making: Making,
    revisions: Mapping[dt.date, int],
    load: Callable[[Path], Forecaster] = load_forecaster,
) -> Iterator[Mapping[str, pl.DataFrame]]:
    """Issue the forecasts of the origins in `revisions`, one at a time.

    Each origin sees a panel of its own: the series on offer and the days its model may read. So its
    bytes do not depend on which other origins are issued with it.

    Args:
        home: The home folder.
        making: The making of `forecasts`.
        revisions: Revision by origin.
        load: Loads the forecaster of a folder.

    Yields:
        The rows of one origin by table: those of `ISSUED`.
    """
    settings = home.settings
    versions = home.read("model_versions")
    context = FORECAST_CONTEXT_DAYS * ONE_DAY
    panel = read_panel(home, making.first - context, making.last)
    products, suppliers = home.read("validated_products"), home.read("validated_suppliers")
    lead_times = making.window("lead_times")
    loaded: dict[Champion, Issuer] = {}
    for done, (origin, revision) in enumerate(revisions.items()):
        champion = champion_for(versions, origin)
        if champion not in loaded:
            forecaster = load(home.model(champion.folder))
            loaded[champion] = Issuer(
                forecaster, champion, settings.horizon_days, settings.sample_paths, settings.seed
            )
        progress.tell(f"forecasts {making.first} to {making.last}", done / len(revisions))
        known = panel.until(origin).last(FORECAST_CONTEXT_DAYS + 1)
        known = known.select(on_offer(known, [origin])[0])
        lead = _terms(home, known, products, suppliers, lead_times, origin)
        for forecasts, demand in loaded[champion].issue(
            known, [origin],
            protection_days=lead["protection_days"].to_numpy(),
            lead_time_days=lead["lead_time_days"].to_numpy(),
        ):  # fmt: skip
            forecasts = forecasts.with_columns(revision=pl.lit(revision, dtype=pl.Int64))
            sums = forecast_levels(known, forecasts, settings.seed)
            yield dict(zip(ISSUED, (forecasts, demand, sums), strict=True))


def forecast_drivers(
    home: Home, line: Mapping[str, Any], load: Callable[[Path], Forecaster] = load_forecaster
) -> tuple[pl.DataFrame, str]:
    """What moves the forecast of one series, by the model that issued it.

    Args:
        home: The home folder.
        line: A row of `forecasts` or `replenishment_plan`.
        load: Loads the forecaster of a folder.

    Returns:
        driver, contribution (units per day of the mean over the horizon), the largest first; and
        why there are none where there are none.
    """
    origin = line["origin"]
    series = (pl.col("item_id") == line["item_id"]) & (pl.col("location_id") == line["location_id"])
    panel = read_panel(home, origin - FORECAST_CONTEXT_DAYS * ONE_DAY, origin, series)
    issued = home.read("model_versions").filter(
        model=line["model"], version=line["model_version"], cutoff=line["training_cutoff"]
    )
    if issued.is_empty():
        return pl.DataFrame(), "The model was trained again since; its forecast is not explained."
    try:
        forecaster = load(home.model(issued["artifact"][0]))
    except ModelError as error:
        return pl.DataFrame(), str(error)
    frame, lacking = explained(forecaster, panel, origin, home.settings.horizon_days)
    return frame.select("driver", "contribution"), lacking


def publish_issued(
    home: Home,
    making: Making,
    revisions: Mapping[dt.date, int],
    load: Callable[[Path], Forecaster] = load_forecaster,
    rows_at_once: int = 1_000_000,
) -> dict[str, pl.DataFrame]:
    """Issue origins and publish them, some at a time: a year of them need not fit into memory.

    Args:
        home: The home folder.
        making: The making of `forecasts`.
        revisions: Revision by origin.
        load: Loads the forecaster of a folder.
        rows_at_once: Forecasts from which on what is held is published.

    Returns:
        The origin of each row published, by table.
    """
    told = {name: [polars_schema(tables()[name]).to_frame().select("origin")] for name in ISSUED}
    held: list[Mapping[str, pl.DataFrame]] = []
    days: list[dt.date] = []
    for origin, part in zip(revisions, issue(home, making, revisions, load), strict=True):
        held.append(part)
        days.append(origin)
        if origin != making.last and sum(p["forecasts"].height for p in held) < rows_at_once:
            continue
        frames = {name: pl.concat([p[name] for p in held]) for name in ISSUED}
        replace(making, days=days).publish(frames)
        for name, frame in frames.items():
            told[name].append(frame.select("origin"))
        held, days = [], []
    return {name: pl.concat(frames) for name, frames in told.items()}


def _terms(
    home: Home,
    panel: Panel,
    products: pl.DataFrame,
    suppliers: pl.DataFrame,
    lead_times: pl.DataFrame,
    origin: dt.date,
) -> pl.DataFrame:
    """Terms of the panel's series on a day, in its order (sorted by item and location)."""
    known = lead_times.filter(pl.col("date") == origin)
    parameters = home.plan_parameters
    found = terms(panel.keys, products, suppliers, parameters, known)
    return with_order_days(found.with_columns(date=pl.lit(origin)), parameters.country)
