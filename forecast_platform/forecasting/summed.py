"""Forecasts of sums, of items, categories, locations and all: the rows of `forecast_levels`.

Bottom-up: means are the sums of the series' means as issued. Series err together, so the spread of
a sum comes from paths that err as the series did on the same past days (`coherent_quantiles`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from forecast_platform.contracts import QUANTILES, quantile_name
from forecast_platform.contracts.derived import FORECAST_LEVELS
from forecast_platform.features.demand import DemandFeature, Statistic
from forecast_platform.features.wide import demand_features
from forecast_platform.forecasting.hierarchy import Hierarchy, Reconciler, coherent_quantiles
from forecast_platform.forecasting.levels import LEVELS, SERIES, Level, levels_of
from forecast_platform.lake.schema import conform, polars_schema
from forecast_platform.models.base import windows
from forecast_platform.panel import Panel

SUMMED = ("item", "category x location", "category", "location", "total")
ERROR_DAYS = 133
"""Past days whose errors say how series err together; with what they are judged by, half a year."""

_AHEAD_DAYS = 14
"""How long before its day an error's forecast knew demand: the middle of four weeks ahead."""

_LIKE_DAYS = DemandFeature("weekday_mean_4", Statistic.MEAN, 4, step=7)
_NAMES = [quantile_name(level) for level in QUANTILES]


def forecast_levels(panel: Panel, forecasts: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Rows of `forecast_levels` of one origin.

    Args:
        panel: Days up to the origin of the series forecast, half a year of them at best.
        forecasts: Rows of `forecasts` of the origin, sorted by its key: the panel's series in their
            order, as many days of each.
        seed: Seed of what is left to chance.
    """
    if forecasts.is_empty():
        return polars_schema(FORECAST_LEVELS).to_frame()
    n = panel.n_series
    hierarchy = Hierarchy(levels_of(panel, (SERIES, *SUMMED), distinct=False))
    sums = slice(n, None)
    mean = hierarchy.sums(forecasts["mean"].cast(pl.Float64).to_numpy().reshape(n, -1), sums)
    spread = coherent_quantiles(
        Reconciler(hierarchy, "bottom_up"),
        forecasts.select(_NAMES).to_numpy().reshape(n, -1, len(_NAMES)),
        QUANTILES,
        weekday_errors(panel),
        seed=seed + panel.last_day.toordinal(),
        rows=sums,
    )
    horizon = mean.shape[1]
    keys = pl.concat([_keys(level) for level in hierarchy.levels[1:]], how="diagonal")
    first = forecasts[:horizon].select("origin", "date", "horizon", "revision")
    days = pl.concat([first] * len(keys))
    frame = keys[np.repeat(np.arange(len(keys)), horizon)].hstack(days)
    frame = frame.with_columns(
        mean=pl.Series(mean.ravel()),
        **{name: pl.Series(spread[..., q].ravel()) for q, name in enumerate(_NAMES)},
    )
    return conform(frame, FORECAST_LEVELS)


def weekday_errors(panel: Panel) -> NDArray[np.float32]:
    """(N, 133) demand of the last days less the mean of four like weekdays known two weeks before.

    As simple as it is, it errs on the same days as better forecasts do. NaN where unknown.
    """
    last = panel.n_days - 1 - _AHEAD_DAYS
    (expected,) = demand_features(panel.demand, last - ERROR_DAYS + 1, last, [_LIKE_DAYS])
    return np.asarray(windows(panel, [panel.last_day], ERROR_DAYS)[0] - expected)


def _keys(level: Level) -> pl.DataFrame:
    """The sums of a level: its name, its attributes, and how many series each has."""
    columns: dict[str, Any] = {
        name: pl.Series(level.labels[:, at].tolist(), dtype=pl.String)
        for at, name in enumerate(LEVELS[level.name])
    }
    columns["series"] = np.bincount(level.group, minlength=level.n_sums)
    return pl.DataFrame(columns).with_columns(level=pl.lit(level.name))
