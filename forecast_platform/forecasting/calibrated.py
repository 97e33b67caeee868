"""The forecaster that answers: a family or an ensemble, calibrated, judged on what it never saw."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from forecast_platform.errors import ModelError
from forecast_platform.forecasting.calibration import Calibration, Judged
from forecast_platform.forecasting.ensemble import Ensemble, combined, stacked_weights
from forecast_platform.forecasting.truth import Truth
from forecast_platform.models import Forecast, Forecaster, drivers, load
from forecast_platform.models.base import DESCRIPTION, Progress
from forecast_platform.models.registry import reading
from forecast_platform.panel import Panel

CALIBRATION = "calibration.json"


class Calibrated:
    """A forecaster whose quantiles are calibrated; see `Forecaster` for the protocol.

    Args:
        model: The forecaster inside.
        calibration: Learned on its forecasts of origins it was not fitted on.
    """

    def __init__(self, model: Forecaster, calibration: Calibration) -> None:
        self.model = model
        self.calibration = calibration
        self.name = model.name
        self.context_days = model.context_days

    def fit(self, panel: Panel, *, seed: int, progress: Progress | None = None) -> None:
        """Estimate the model; the calibration stays."""
        self.model.fit(panel, seed=seed, progress=progress)

    def update(self, panel: Panel) -> None:
        """Take in new days without estimating again."""
        self.model.update(panel)

    def predict(
        self, panel: Panel | None = None, origins: Sequence[dt.date] = (), horizon: int = 28
    ) -> Forecast:
        """The model's forecasts with calibrated quantiles; arguments as `Forecaster.predict`."""
        return self.calibration.apply(self.model.predict(panel, origins, horizon))

    def drivers(self, panel: Panel, origin: dt.date, horizon: int = 28) -> pl.DataFrame:
        """The model's drivers: calibration leaves the mean as it is."""
        return drivers.explained(self.model, panel, origin, horizon)[0]

    def save(self, folder: Path) -> None:
        """Write the model and its calibration."""
        self.model.save(folder)
        self.calibration.save(folder / CALIBRATION)

    def load(self, folder: Path) -> None:
        """Restore what `save` wrote."""
        self.model.load(folder)
        self.context_days = self.model.context_days
        self.calibration = Calibration.load(folder / CALIBRATION)


def load_forecaster(folder: Path, workers: int = 1) -> Forecaster:
    """Load what was saved in `folder`: a family or an ensemble, calibrated if it was.

    Args:
        folder: Of the model.
        workers: Threads it works with, which change nothing in its forecasts.

    Raises:
        ModelError: If the folder holds no saved model.
    """
    model: Forecaster
    with reading(folder):
        if json.loads((folder / DESCRIPTION).read_text())["family"] == Ensemble.name:
            model = Ensemble(workers=workers)
            model.load(folder)
        else:
            model = load(folder, workers)
        if (folder / CALIBRATION).exists():
            model = Calibrated(model, Calibration.load(folder / CALIBRATION))
    return model


def held_out(
    folders: Mapping[str, Path], known: Mapping[dt.date, Truth], *, folds: int = 2
) -> Iterator[Forecast]:
    """Kept forecasts, combined and calibrated by what other origins taught, oldest origin first.

    The origins are parted into consecutive folds; the forecasts of each are combined by weights and
    calibrated by a map learned on the others. So they may be judged against other models.

    Args:
        folders: Folders of kept forecasts by member; a single one is calibrated only.
        known: The truth of each origin.
        folds: Folds of origins.

    Raises:
        ModelError: If there are fewer origins than folds.
    """
    origins = sorted(known)
    if len(origins) < folds or folds < 2:
        raise ModelError(
            f"Combining and calibrating on origins that judge nothing needs at least {folds} "
            f"origins in at least 2 folds, got {len(origins)}: backtest over more origins."
        )
    for fold in np.array_split(np.array(origins, dtype=object), folds):
        others = [origin for origin in origins if origin not in fold]
        weights, calibration = learned(folders, known, others)
        for forecast in combined(folders, weights, fold.tolist()):
            yield calibration.apply(forecast)


def learned(
    folders: Mapping[str, Path], known: Mapping[dt.date, Truth], origins: Sequence[dt.date]
) -> tuple[dict[str, float], Calibration]:
    """Weights of the members and the calibration of their combination, from kept forecasts.

    Args:
        folders: Folders of kept forecasts by member.
        known: The truth of each origin.
        origins: Origins to learn on.
    """
    weights = stacked_weights(folders, known, origins)
    forecasts = combined(folders, weights, origins)
    return weights, Calibration.learned(with_actuals(forecasts, known))


def with_actuals(forecasts: Iterable[Forecast], known: Mapping[dt.date, Truth]) -> Judged:
    """Forecasts of one origin each, with the demand (1, N, H) that came."""
    return ((forecast, known[forecast.origins[0]].actual[None]) for forecast in forecasts)
