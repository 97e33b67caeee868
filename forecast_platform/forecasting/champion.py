"""Choosing the family that answers, and finding the one that answered."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from forecast_platform.errors import ModelError

METRIC = "pinball"
"""What decides: it judges the whole distribution, on which safety stock rests."""


@dataclass(frozen=True)
class Champion:
    """A trained model as `model_versions` records it."""

    model: str
    version: str
    cutoff: dt.date
    folder: Path


def choose_champion(scores: pl.DataFrame, metric: str = METRIC) -> tuple[str, dict[str, str]]:
    """The family with the lowest mean score over origins; ties go by name.

    Args:
        scores: Columns model, origin, metric, value, as `backtest` gives them.
        metric: The metric that decides; lower is better.

    Returns:
        The champion's name, and for each family the sentence why it is or is not the champion.

    Raises:
        ModelError: If no family has that metric.
    """
    means = (
        scores.filter(metric=metric)
        .group_by("model")
        .agg(pl.col("value").mean(), origins=pl.len())
        .filter(pl.col("value").is_finite())
        .sort("value", "model")
    )
    if means.is_empty():
        raise ModelError(
            f"No family has a score for {metric}: run `forecast-platform backtest` over days with "
            "known demand."
        )
    names, values, origins = means["model"].to_list(), means["value"].to_list(), means["origins"]
    best = f"mean {metric} {values[0]:.4g} over {origins[0]} origins"
    reasons = dict.fromkeys(scores["model"].unique().to_list(), f"no {metric} score")
    reasons[names[0]] = f"lowest {best}" if len(names) > 1 else f"only family scored: {best}"
    for name, value in zip(names[1:], values[1:], strict=True):
        reasons[name] = f"mean {metric} {value:.4g}, {names[0]} has {values[0]:.4g}"
    return names[0], reasons


def champion_for(versions: pl.DataFrame, origin: dt.date) -> Champion:
    """The champion of the newest training cutoff on or before `origin`.

    Args:
        versions: Rows of `model_versions`.
        origin: Last day of data the forecast may rest on.

    Raises:
        ModelError: If there is none; names the command that trains one.
    """
    found = (
        versions.filter(pl.col("is_champion"), pl.col("cutoff") <= origin).sort("cutoff").tail(1)
    )
    if found.is_empty():
        raise ModelError(
            f"A forecast of {origin} needs a model trained on or before that day, and there is "
            "none: run `forecast-platform train --cutoff D` with a Sunday D up to then."
        )
    row = found.row(0, named=True)
    return Champion(row["model"], row["version"], row["cutoff"], Path(row["artifact"]))
