"""Pictures for the UI, drawn from tables of the lake."""

from __future__ import annotations

import datetime as dt
import io

import polars as pl

from forecast_platform.home import Home
from forecast_platform.lake.days import ONE_DAY

_SHOWN_DAYS = 56


def forecast_against_actuals(home: Home, origin: dt.date) -> bytes:
    """PNG of total demand before an origin and its forecast, with the best seller beside it.

    Totals of quantiles are not quantiles of totals, so only the single series has a band.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    actuals = home.read("clean_demand", origin - _SHOWN_DAYS * ONE_DAY, origin)
    forecast = home.read("forecasts", origin, origin)
    figure = Figure(figsize=(11, 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    total, single = figure.subplots(1, 2)
    for frame, column, style in ((actuals, "demand_units", "-"), (forecast, "mean", "--")):
        by_day = frame.group_by("date").agg(pl.col(column).sum()).sort("date")
        total.plot(by_day["date"].to_list(), by_day[column].to_list(), style, label=column)
    total.set_title(f"All items, units per day, origin {origin}")
    best = actuals.group_by("item_id", "location_id").agg(pl.col("demand_units").sum())
    for item, place, _ in best.sort("demand_units", "item_id", "location_id").tail(1).rows():
        series = (pl.col("item_id") == item) & (pl.col("location_id") == place)
        known, ahead = actuals.filter(series).sort("date"), forecast.filter(series).sort("date")
        days = ahead["date"].to_list()
        single.plot(known["date"].to_list(), known["demand_units"].to_list(), "-")
        single.plot(days, ahead["mean"].to_list(), "--")
        single.fill_between(days, ahead["q10"].to_list(), ahead["q90"].to_list(), alpha=0.25)
        single.set_title(f"{item} at {place}, 80 % interval")
    for axes in (total, single):
        axes.tick_params(axis="x", rotation=30)
    total.legend()
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=100)
    return image.getvalue()
