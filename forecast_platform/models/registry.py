"""The families by name. Their modules, and torch or statsmodels with them, load on first use."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

from forecast_platform.errors import ModelError
from forecast_platform.models.base import DESCRIPTION, Forecaster

_CLASSES = {
    "seasonal_naive": ("seasonal_naive", "SeasonalNaive"),
    "arima": ("arima", "Arima"),
    "lstm": ("lstm", "Lstm"),
}
FAMILIES = tuple(_CLASSES)


def create(family: str, *, workers: int = 1) -> Forecaster:
    """Return an unfitted model of `family`.

    Args:
        family: One of `FAMILIES`.
        workers: Processes that families estimated series by series may use.

    Raises:
        ModelError: If there is no such family.
    """
    if family not in _CLASSES:
        raise ModelError(f"There is no model family {family!r}: choose from {', '.join(FAMILIES)}.")
    module, name = _CLASSES[family]
    model: Forecaster = getattr(
        importlib.import_module(f"forecast_platform.models.{module}"), name
    )()
    if hasattr(model, "workers"):
        model.workers = workers
    return model


def load(folder: Path) -> Forecaster:
    """Load the saved model in `folder`, whatever its family.

    Raises:
        ModelError: If the folder holds no saved model.
    """
    try:
        family = json.loads((folder / DESCRIPTION).read_text())["family"]
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(
            f"No saved model can be read from {folder} ({type(error).__name__}): train its cutoff "
            "again with `forecast-platform train --cutoff D`."
        ) from error
    model = create(family)
    model.load(folder)
    return model
