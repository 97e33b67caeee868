"""The families by name. Their modules, and torch or statsmodels with them, load on first use."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from forecast_platform.errors import ModelError
from forecast_platform.models.base import DESCRIPTION, Forecaster
from forecast_platform.models.options import with_options

_CLASSES = {
    "seasonal_naive": ("seasonal_naive", "SeasonalNaive"),
    "naive": ("smoothing", "Naive"),
    "moving_average": ("smoothing", "MovingAverage"),
    "weekday_mean": ("smoothing", "WeekdayMean"),
    "ses": ("smoothing", "Ses"),
    "ets": ("smoothing", "Ets"),
    "theta": ("smoothing", "Theta"),
    "croston": ("intermittent", "Croston"),
    "sba": ("intermittent", "Sba"),
    "tsb": ("intermittent", "Tsb"),
    "adida": ("intermittent", "Adida"),
    "imapa": ("intermittent", "Imapa"),
    "arima": ("arima", "Arima"),
    "auto_arima": ("auto_arima", "AutoArima"),
    "arima_statsmodels": ("arima_statsmodels", "ArimaStatsmodels"),
    "lstm": ("nets", "Lstm"),
    "gru": ("nets", "Gru"),
    "rnn": ("nets", "Rnn"),
    "dnn": ("nets", "Dnn"),
    "ridge": ("ridge", "Ridge"),
    "decision_tree": ("forest", "DecisionTree"),
    "random_forest": ("forest", "RandomForest"),
    "lightgbm": ("trees", "LightGbm"),
}
FAMILIES = tuple(_CLASSES)


def create(
    family: str,
    *,
    workers: int = 1,
    ray_address: str | None = None,
    effort: float = 1.0,
    options: Mapping[str, Any] | None = None,
) -> Forecaster:
    """Return an unfitted model of `family`.

    Args:
        family: One of `FAMILIES`.
        workers: Processes or threads that a family which can share its work may use.
        ray_address: Ray cluster that work per series is spread over instead, as for `spread`.
        effort: Share of the usual epochs or rows that a family which learns over all series takes.
        options: What the family is to be like where not as usual, by name (`models.options`).

    Raises:
        ModelError: If there is no such family, or it has no such option.
    """
    model: Forecaster = with_options(class_of(family), options or {})
    given = {"workers": workers, "ray_address": ray_address, "effort": effort}
    for option, value in given.items():
        if hasattr(model, option):
            setattr(model, option, value)
    return model


def class_of(family: str) -> type[Any]:
    """The class of `family`, imported now.

    Raises:
        ModelError: If there is no such family.
    """
    if family not in _CLASSES:
        raise ModelError(f"There is no model family {family!r}: choose from {', '.join(FAMILIES)}.")
    module, name = _CLASSES[family]
    found: type[Any] = getattr(importlib.import_module(f"forecast_platform.models.{module}"), name)
    return found


def load(folder: Path, workers: int = 1) -> Forecaster:
    """Load the saved model in `folder`, whatever its family, to work with so many threads.

    Raises:
        ModelError: If the folder holds no saved model, or one with files that are not of a model.
    """
    with reading(folder):
        model = create(json.loads((folder / DESCRIPTION).read_text())["family"], workers=workers)
        model.load(folder)
    return model


@contextmanager
def reading(folder: Path) -> Iterator[None]:
    """Refuse what cannot be read of a saved model.

    Its files are data: JSON, parquet, arrays, a booster's text, tensors. One that holds something
    else, such as a pickle, is refused and not run.

    Raises:
        ModelError: In place of what the libraries raise that read the files.
    """
    try:
        yield
    except ModelError:
        raise
    # What a damaged or forged file raises is as different as the libraries that read it.
    except Exception as error:
        raise ModelError(
            f"No saved model can be read from {folder} ({type(error).__name__}): train its cutoff "
            "again with `forecast-platform train --cutoff D`."
        ) from error
