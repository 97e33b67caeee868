"""Panels read from the lake: what models are trained on, judged by and forecast from."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl

from forecast_platform.contracts import SIGNALS, tables
from forecast_platform.features import PANEL_COLUMNS, panel_from_features
from forecast_platform.features.signal_panel import with_signals
from forecast_platform.graph import OUTLOOK_DAYS
from forecast_platform.home import Home
from forecast_platform.lake.days import ONE_DAY
from forecast_platform.memory import tell_need
from forecast_platform.panel import FloatArray, Panel, index_rows


def read_panel(home: Home, first: dt.date, last: dt.date, series: pl.Expr | bool = True) -> Panel:
    """The panel of the days first..last, with the calendar of the horizon after them.

    Args:
        home: The home folder.
        first: First day.
        last: Last day of demand.
        series: Condition on `item_id` and `location_id` that the series wanted fulfil.
    """
    settings = home.settings
    rows = home.lake.scan(tables()["features"], first, last).filter(series)
    features = rows.select(PANEL_COLUMNS).collect()
    products = home.read("validated_products")
    panel = panel_from_features(
        features, first, last,
        products=products,
        locations=home.read("validated_locations"),
        calendar=home.read("validated_calendar"),
        horizon=settings.horizon_days,
        country=settings.country,
    )  # fmt: skip
    if not (landed := signals_of(home)):
        return panel
    seen = home.lake.scan(tables()["signal_features"], first, last).filter(series)
    told = {
        name: home.read(f"validated_{name}", first - OUTLOOK_DAYS[name] * ONE_DAY, last)
        if name in OUTLOOK_DAYS
        else pl.DataFrame()
        for name in landed
    }
    return with_signals(
        panel, settings.horizon_days, features=seen.collect(), products=products, landed=told
    )


def signals_of(home: Home) -> tuple[str, ...]:
    """The optional tables that have landed and been validated."""
    state = home.state()
    return tuple(table.name for table in SIGNALS if state.has(f"validated_{table.name}"))


def training_panel(home: Home, last: dt.date, judged_days: int = 0) -> Panel:
    """The panel of the `training_days` up to `last`, or of as many as there are.

    Args:
        home: The home folder.
        last: Training cutoff, or last day judged on.
        judged_days: Days at the end that are judged on, before which training days are wanted.
    """
    days = home.state().days("features")
    wanted = home.settings.training_days + judged_days
    first = max([last - (wanted - 1) * ONE_DAY, *days[:1]])
    tell_need(_most_series(home, first, last), (last - first).days + 1)
    return read_panel(home, first, last)


def _most_series(home: Home, first: dt.date, last: dt.date) -> int:
    """Most series with features on one day, which are nearly all, without reading a row."""
    rows = home.lake.ledger.current().filter(
        pl.col("table") == "features", pl.col("day").is_between(first, last)
    )
    return int(rows["rows"].max() or 0)  # type: ignore[arg-type]


def read_prices(home: Home, panel: Panel) -> FloatArray:
    """(N, T) price of the panel's series and days, currency per unit; NaN where not on offer."""
    rows = (
        home.lake.scan(tables()["features"], panel.first_day, panel.last_day)
        .select("date", "item_id", "location_id", "price").collect()
    )  # fmt: skip
    index = index_rows(rows, panel.first_day)
    prices = np.full(panel.demand.shape, np.nan, dtype=np.float32)
    prices[index.series, index.day] = rows["price"].cast(pl.Float32).to_numpy()
    return prices
