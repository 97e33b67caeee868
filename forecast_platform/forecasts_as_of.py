"""Forecasts as they would have been issued on past days, by models that had not seen later days.

Puts the rooms together: a trained model of the lake answers where there is one that is young
enough, else the family is fitted on what was known.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from forecast_platform import progress
from forecast_platform.families import unfitted_family
from forecast_platform.forecasting import champion_for
from forecast_platform.forecasting.calibrated import load_forecaster
from forecast_platform.forecasting.ensemble import Ensemble
from forecast_platform.home import Home
from forecast_platform.lake.days import ONE_DAY
from forecast_platform.models import Forecast, Forecaster
from forecast_platform.models.base import known_quantiles, one_blas_thread
from forecast_platform.models.paths import path_levels, path_sums
from forecast_platform.panel import Panel

if TYPE_CHECKING:
    from forecast_platform.replenishment.history_replay.case import Case
    from forecast_platform.replenishment.history_replay.policies import CoverForecast

COVER_LEVELS = (
    0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95, 0.97, 0.98, 0.99,
    0.995,
)  # fmt: skip
"""Levels at which demand over lead time plus review is kept."""

_SERIES_AT_ONCE = 20_000

FloatArray = NDArray[np.float64]


def cover_forecast(
    home: Home, panel: Panel, case: Case, model: str, refit_days: int
) -> CoverForecast:
    """Forecasts of demand over lead time plus review, each as of the close before a review day.

    Args:
        home: The home folder.
        panel: Ends with the last day of the case.
        case: What is replayed; its SKUs are the panel's series.
        model: Family or families, as in `Options.model`.
        refit_days: Days after which it is fitted again.
    """
    from forecast_platform.replenishment.history_replay.policies import CoverForecast

    first_day = panel.last_day - (case.demand.shape[1] - 1) * ONE_DAY
    origins = [first_day + (int(day) - 1) * ONE_DAY for day in case.review_days]
    shape = (len(origins), panel.n_series)
    quantiles = np.zeros((*shape, len(COVER_LEVELS)), np.float32)
    mean, std = np.zeros(shape), np.zeros(shape)
    horizon = min(int(case.protection.max()), home.settings.horizon_days)
    row = 0
    for forecaster, block in _forecasters(home, panel, model, origins, refit_days):
        progress.tell(f"{model}: forecasts as of {block[0]} to {block[-1]}", row / len(origins))
        forecast = forecaster.predict(panel, block, horizon)
        for at in range(len(block)):
            for some, sums in _sums(home, forecast, at, case):
                quantiles[row, some] = known_quantiles(sums, COVER_LEVELS)
                mean[row, some], std[row, some] = sums.mean(axis=1), sums.std(axis=1)
            row += 1
    return CoverForecast(COVER_LEVELS, quantiles, mean, std)


def _sums(
    home: Home, forecast: Forecast, at: int, case: Case
) -> Iterator[tuple[NDArray[np.intp], FloatArray]]:
    """Series and their (n, paths) sample-path sums over the protection period."""
    settings = home.settings
    levels = path_levels(
        settings.sample_paths, int(case.protection.max()), forecast.autocorrelation,
        seed=settings.seed, origin=forecast.origins[at],
    )  # fmt: skip
    for period in np.unique(case.protection):
        same = np.flatnonzero(case.protection == period)
        for start in range(0, same.size, _SERIES_AT_ONCE):
            some = same[start : start + _SERIES_AT_ONCE]
            with one_blas_thread():
                yield (
                    some,
                    path_sums(forecast.quantiles[at, some], forecast.levels, levels, int(period)),
                )


def _forecasters(
    home: Home, panel: Panel, model: str, origins: Sequence[dt.date], refit_days: int
) -> Iterator[tuple[Forecaster, list[dt.date]]]:
    """Forecasters with the origins each answers for: none has seen a day after its first origin."""
    versions = home.read("model_versions").filter(model=model).with_columns(is_champion=True)
    at = 0
    while at < len(origins):
        first = origins[at]
        trained = versions.filter(pl.col("cutoff").is_between(first - refit_days * ONE_DAY, first))
        forecaster: Forecaster
        if trained.is_empty():
            progress.tell(f"{model}: fitting up to {first}")
            forecaster = unfitted(home, model)
            known = panel.until(first).last(home.settings.training_days)
            forecaster.fit(known, seed=home.settings.seed)
            until = first + refit_days * ONE_DAY
        else:
            champion = champion_for(trained, first)
            forecaster = load_forecaster(home.model(champion.folder))
            until = champion.cutoff + (refit_days + 1) * ONE_DAY
        later = versions.filter(pl.col("cutoff") > first)["cutoff"].to_list()
        end = min([until, *later])
        block = [origin for origin in origins[at:] if origin < end]
        yield forecaster, block
        at += len(block)


def unfitted(home: Home, model: str) -> Forecaster:
    """A family by name; several, joined by commas, as an ensemble of equal weights.

    Raises:
        ModelError: If there is no such family.
    """
    settings = home.settings
    names = model.split(",")
    if model == Ensemble.name:
        names = [family for family in settings.models if family != Ensemble.name]
    members = {name: unfitted_family(settings, name) for name in names}
    return next(iter(members.values())) if len(members) == 1 else Ensemble(members)
