"""What a search of hyper-parameters looks through: per family by default, or from a file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from forecast_platform.errors import ConfigurationError, ModelError
from forecast_platform.forecasting.search import Choice, Range, Space

_NET: Space = {
    "hidden": Choice([32, 64, 128]),
    "layers": Choice([1, 2]),
    "dropout": Range(0.0, 0.4),
    "learning_rate": Range(1e-3, 2e-2, log=True),
    "weight_decay": Range(1e-5, 1e-1, log=True),
    "batch": Choice([64, 128, 256]),
}

SPACES: Mapping[str, Space] = {
    "lightgbm": {
        "learning_rate": Range(0.01, 0.1, log=True),
        "num_leaves": Range(15, 255, log=True, whole=True),
        "trees": Range(150, 1000, log=True, whole=True),
        "feature_fraction": Range(0.3, 1.0),
        "bagging_fraction": Range(0.4, 1.0),
        "lambda_l2": Range(0.01, 100.0, log=True),
        "tweedie_variance_power": Range(1.05, 1.6),
    },
    "random_forest": {
        "trees": Range(20, 120, log=True, whole=True),
        "max_features": Range(0.1, 0.9),
        "max_samples": Range(0.1, 0.8),
    },
    "ridge": {"penalty": Range(1e-6, 1.0, log=True)},
    "arima": {
        "p": Range(0, 3, whole=True),
        "d": Choice([0, 1]),
        "q": Range(0, 3, whole=True),
        "seasonal_p": Choice([0, 1]),
        "seasonal_d": Choice([0, 1]),
        "seasonal_q": Choice([0, 1]),
    },
    "lstm": _NET,
    "gru": _NET,
    "rnn": _NET,
    "dnn": _NET,
}


def space_of(family: str) -> Space:
    """The space that a family is searched in where none is given.

    Raises:
        ModelError: If there is none.
    """
    if family not in SPACES:
        raise ModelError(
            f"There is nothing to search for {family}: choose from {', '.join(SPACES)}, or give a "
            "space of its options in a file."
        )
    return SPACES[family]


def read_space(path: Path) -> Space:
    """A space from a TOML file: a list of values, or a table with `low` and `high`, by option.

    A table may say `log = true` (even in the logarithm) and `whole = true` (whole numbers).

    Raises:
        ConfigurationError: If the file cannot be read or an entry is neither.
    """
    try:
        entries = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"The space {path} cannot be read as TOML: {error}.") from error
    return {name: _among(name, entry) for name, entry in entries.items()}


def _among(name: str, entry: Any) -> Choice | Range:
    if isinstance(entry, list) and entry:
        return Choice(entry)
    if isinstance(entry, dict) and entry.keys() <= {"low", "high", "log", "whole"}:
        low, high = _number(entry.get("low")), _number(entry.get("high"))
        if low < high and (low > 0 or not entry.get("log")):
            return Range(**entry)
    raise ConfigurationError(
        f"The space of {name} should be a list of values, or {{ low = 1, high = 9 }} with low "
        "below high and, if wanted, log = true (low above 0) or whole = true; "
        f"got {entry!r}."
    )


def _number(value: Any) -> float:
    """The number, NaN if it is none."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number else float("nan")
