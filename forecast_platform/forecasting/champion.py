"""Choosing the family that answers, and finding the one that answered."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from forecast_platform.errors import ModelError
from forecast_platform.forecasting.compare import diebold_mariano, paired_losses

METRIC = "pinball"
"""What decides: it judges the whole distribution, on which safety stock rests."""

CONFIDENCE = 0.9
"""What a challenger needs to take the incumbent's place."""


@dataclass(frozen=True)
class Champion:
    """A trained model as `model_versions` records it."""

    model: str
    version: str
    cutoff: dt.date
    folder: Path


def choose_champion(
    scores: pl.DataFrame,
    metric: str = METRIC,
    *,
    incumbent: str | None = None,
    confidence: float = CONFIDENCE,
    overlap: int = 1,
) -> tuple[str, dict[str, str]]:
    """The family that answers: the incumbent, unless another is better with confidence.

    Without an incumbent among those scored there is nothing to defend, and the lowest mean over
    origins wins; ties go by name. Otherwise a challenger needs a lower mean and, by the
    Diebold-Mariano test over the same origins, the confidence asked for; of several the lowest
    mean wins. So chance does not change the model from week to week.

    Args:
        scores: Columns model, origin, metric, value, as `backtest` gives them.
        metric: The metric that decides; lower is better.
        incumbent: The family that answers now.
        confidence: Needed to replace it, between 0.5 and 1.
        overlap: Origins whose horizons share days: horizon / step, rounded up.

    Returns:
        The champion's name, and for each family the sentence why it is or is not the champion.

    Raises:
        ModelError: If no family has that metric.
    """
    losses = paired_losses(scores, metric)
    means = {name: float(values.mean()) for name, values in losses.items()}
    ranked = sorted(losses, key=lambda name: (means[name], name))
    reasons = dict.fromkeys(scores["model"].unique().to_list(), f"no {metric} score")
    told = {name: f"mean {metric} {means[name]:.4g}" for name in ranked}
    spans = f"over {len(losses[ranked[0]])} origins"
    if incumbent not in losses:
        return ranked[0], reasons | _first_reasons(ranked, told, means, spans)
    sure = {name: 1 - diebold_mariano(losses[name] - losses[incumbent], overlap) for name in ranked}
    better = ranked[: ranked.index(incumbent)]
    best = next((name for name in better if sure[name] >= confidence), incumbent)
    for name in ranked:
        reasons[name] = f"{told[name]}, {best} has {means[best]:.4g}"
        if name in better and sure[name] < confidence:
            reasons[name] += (
                f": better than the incumbent {incumbent} with {sure[name]:.0%} confidence, "
                f"{confidence:.0%} needed"
            )
    if best != incumbent:
        reasons[best] = (
            f"{told[best]} {spans}, better than the incumbent {incumbent}'s "
            f"{means[incumbent]:.4g} with {sure[best]:.0%} confidence"
        )
    else:
        rest = "none is better with confidence" if better else "none has less"
        reasons[best] = f"{told[best]} {spans}, the incumbent: {rest}"
    return best, reasons


def next_best(scores: pl.DataFrame, champion: str, metric: str = METRIC) -> str | None:
    """The family with the lowest mean of the metric but the champion; None without another.

    Args:
        scores: As for `choose_champion`.
        champion: The family that answers.
        metric: The metric that decides; lower is better.
    """
    losses = paired_losses(scores, metric)
    others = [(float(values.mean()), name) for name, values in losses.items() if name != champion]
    return min(others)[1] if others else None


def _first_reasons(
    ranked: list[str], told: dict[str, str], means: dict[str, float], spans: str
) -> dict[str, str]:
    best = ranked[0]
    reasons = {name: f"{told[name]}, {best} has {means[best]:.4g}" for name in ranked}
    won = f"{told[best]} {spans}"
    reasons[best] = f"lowest {won}" if len(ranked) > 1 else f"only family scored: {won}"
    return reasons


def incumbent_for(versions: pl.DataFrame, cutoff: dt.date) -> str | None:
    """The champion's family of the newest training cutoff before `cutoff`, if there is one.

    Args:
        versions: Rows of `model_versions`.
        cutoff: A training cutoff.
    """
    earlier = versions.filter(pl.col("is_champion"), pl.col("cutoff") < cutoff).sort("cutoff")
    return None if earlier.is_empty() else str(earlier["model"][-1])


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
