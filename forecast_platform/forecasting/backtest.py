"""Rolling-origin evaluation: what each model would have said, against what came."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from forecast_platform.errors import ModelError
from forecast_platform.executing import spread
from forecast_platform.forecasting.kept import keep_forecast
from forecast_platform.forecasting.levels import SERIES
from forecast_platform.forecasting.truth import Truth, truths
from forecast_platform.models import Forecast, Forecaster, create
from forecast_platform.models.base import NOT_ON_OFFER, Progress
from forecast_platform.panel import Panel

BacktestProgress = Callable[[str, int, float], None]
"""Called as progress(model, step, value) while a model is fitted."""

Factories = Mapping[str, Callable[[], Forecaster]]
"""How to make each model, unfitted, by the name it is judged under."""


@dataclass(frozen=True)
class Judgement:
    """What a backtest found.

    Attributes:
        scores: Columns model, origin, level, metric, value; levels as in `Truth.scores`.
        series: Columns model, origin, item_id, location_id, abc_class, actual, forecast, mae,
            rmsse, mase, pinball, fallback_reason; one row per model, origin and series judged.
    """

    scores: pl.DataFrame
    series: pl.DataFrame

    @property
    def overall(self) -> pl.DataFrame:
        """Columns model, origin, metric, value: the scores at item-location."""
        return self.scores.filter(level=SERIES).drop("level")


def rolling_origins(
    last_day: dt.date, n: int, *, horizon: int = 28, step: int = 28
) -> list[dt.date]:
    """The n origins, oldest first, `step` days apart, the last with `horizon` days of actuals."""
    newest = last_day - dt.timedelta(days=horizon)
    return [newest - dt.timedelta(days=step * back) for back in reversed(range(n))]


def backtest(
    families: Sequence[str],
    panel: Panel,
    origins: Sequence[dt.date],
    *,
    horizon: int = 28,
    seed: int = 7,
    workers: int = 1,
    ray_address: str | None = None,
    progress: BacktestProgress | None = None,
) -> pl.DataFrame:
    """Score families at item-location: `judge` in short.

    Returns:
        Columns model, origin, metric, value; one row each.
    """
    factories = {family: partial(create, family, workers=workers) for family in families}
    return judge(
        factories, panel, origins, horizon=horizon, seed=seed, ray_address=ray_address,
        progress=progress,
    ).overall  # fmt: skip


def judge(
    models: Factories,
    panel: Panel,
    origins: Sequence[dt.date],
    *,
    horizon: int = 28,
    seed: int = 7,
    refit_every: int | None = None,
    prices: NDArray[np.floating[Any]] | None = None,
    keep: Path | None = None,
    ray_address: str | None = None,
    progress: BacktestProgress | None = None,
) -> Judgement:
    """Score each model at each origin.

    A model is fitted on the panel up to the first origin; for later origins it takes in the new
    days without estimating again, as the platform does between two training cutoffs, or is fitted
    anew at every k-th. One forecast is held in memory at a time; on a cluster, those between two
    estimates of each model that is under way.

    Args:
        models: How to make each model.
        panel: Days up to the last actual.
        origins: Days forecast from, any order.
        horizon: Days ahead.
        seed: Seed of everything random.
        refit_every: Origins between two estimates; one estimate for all if None.
        prices: (N, T) or (N, 1) currency per unit, by which series are weighted and classed; their
            units count if None.
        keep: Folder in which every forecast is kept as `keep/model/origin.npz`, for calibration
            and stacking (`kept_forecasts`).
        ray_address: Ray cluster over which models and estimates are spread, as for
            `executing.spread`.
        progress: Told about fitting; from a cluster, the forecasts that are back and their share.

    Raises:
        ModelError: If an origin has no known demand after it, or lies outside the panel.
    """
    known = truths(panel, origins, horizon, prices)
    parts = []
    folds = _folds(list(known), refit_every)
    if ray_address:
        made = _from_cluster(models, panel, folds, horizon, seed, ray_address, progress)
    else:
        made = _made_here(models, panel, folds, horizon, seed, progress)
    for name, forecasts in made:
        if keep is not None:
            forecasts = _kept(forecasts, keep / name)
        parts.append(judge_forecasts(name, forecasts, known))
    return joined(parts)


def judge_forecasts(
    name: str, forecasts: Iterable[Forecast], known: Mapping[dt.date, Truth]
) -> Judgement:
    """Score forecasts of one model, one origin each, such as kept or combined ones.

    Raises:
        ModelError: If there is none.
    """
    scores, series = [], []
    for forecast in forecasts:
        truth = known[forecast.origins[0]]
        keys = (pl.lit(name).alias("model"), pl.lit(truth.origin).alias("origin"))
        rows = truth.by_series(forecast).filter(
            pl.col("fallback_reason").is_null() | (pl.col("fallback_reason") != NOT_ON_OFFER)
        )
        scores.append(truth.scores(forecast).select(*keys, pl.all()))
        series.append(rows.select(*keys, pl.all()))
    if not scores:
        raise ModelError(f"{name} has no forecasts to be judged: keep those of its backtest.")
    return Judgement(pl.concat(scores), pl.concat(series))


def joined(parts: Sequence[Judgement]) -> Judgement:
    """The judgements of several models as one."""
    return Judgement(
        pl.concat([part.scores for part in parts]), pl.concat([part.series for part in parts])
    )


def _folds(origins: Sequence[dt.date], refit_every: int | None) -> list[list[dt.date]]:
    """Origins that one estimate answers for."""
    size = refit_every or len(origins)
    return [list(origins[at : at + size]) for at in range(0, len(origins), size)]


def _made_here(
    models: Factories,
    panel: Panel,
    folds: Sequence[Sequence[dt.date]],
    horizon: int,
    seed: int,
    progress: BacktestProgress | None,
) -> Iterator[tuple[str, Iterator[Forecast]]]:
    for name, factory in models.items():
        told = partial(progress, name) if progress else None
        yield (
            name,
            chain.from_iterable(
                _fold((factory(), fold), panel, horizon, seed, told) for fold in folds
            ),
        )


def _from_cluster(
    models: Factories,
    panel: Panel,
    folds: Sequence[Sequence[dt.date]],
    horizon: int,
    seed: int,
    ray_address: str,
    progress: BacktestProgress | None,
) -> Iterator[tuple[str, Iterator[Forecast]]]:
    pieces = ((factory(), fold) for factory in models.values() for fold in folds)
    made = spread(_fold_there, pieces, panel, horizon, seed, ray_address=ray_address)

    def of(name: str) -> Iterator[Forecast]:
        for done, forecasts in enumerate(islice(made, len(folds)), start=1):
            if progress:
                progress(name, done * len(forecasts), done / len(folds))
            yield from forecasts

    for name in models:
        yield name, of(name)


def _fold_there(
    piece: tuple[Forecaster, Sequence[dt.date]], panel: Panel, horizon: int, seed: int
) -> list[Forecast]:
    """All forecasts of a fold, by a process that was given one core."""
    if hasattr(piece[0], "workers"):
        piece[0].workers = 1
    return list(_fold(piece, panel, horizon, seed))


def _fold(
    piece: tuple[Forecaster, Sequence[dt.date]],
    panel: Panel,
    horizon: int,
    seed: int,
    progress: Progress | None = None,
) -> Iterator[Forecast]:
    """Estimate an unfitted model up to the first of some origins, and forecast from all."""
    model, origins = piece
    model.fit(panel.until(origins[0]), seed=seed, progress=progress)
    for origin in origins:
        model.update(panel.until(origin))
        yield model.predict(horizon=horizon)


def _kept(forecasts: Iterable[Forecast], folder: Path) -> Iterator[Forecast]:
    for forecast in forecasts:
        keep_forecast(folder, forecast)
        yield forecast
