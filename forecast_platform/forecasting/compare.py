"""Paired comparison of two models on the same origins: is one better, and how sure is that?

Diebold and Mariano (1995), "Comparing predictive accuracy", with the small-sample correction of
Harvey, Leybourne and Newbold (1997); resampling over origins by the stationary bootstrap of Politis
and Romano (1994), and over blocks of series at the same time (Owen 2007, "The pigeonhole
bootstrap"), since all series share the weather, holidays and promotions of an origin.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from forecast_platform.errors import ModelError

Floats = NDArray[np.floating[Any]]

_RESAMPLES = 2000
_AT_ONCE = 100


@dataclass(frozen=True)
class Comparison:
    """One model against another.

    Attributes:
        difference: Mean loss of the first less that of the second; negative if the first is better.
        relative: The difference over the second's mean loss.
        confidence: That the first is better, by the Diebold-Mariano test: 1 less its p-value.
        resampled: Share of bootstrap resamples in which the first is better.
        low: Lower end of the bootstrap's central 90 % interval of the difference.
        high: Its upper end.
        origins: Origins compared.
    """

    difference: float
    relative: float
    confidence: float
    resampled: float
    low: float
    high: float
    origins: int


def compare(
    first: Floats,
    second: Floats,
    *,
    overlap: int = 1,
    blocks: NDArray[Any] | None = None,
    resamples: int = _RESAMPLES,
    seed: int = 7,
) -> Comparison:
    """Compare two models' losses on the same origins.

    Args:
        first: (O,) losses of each origin, or (O, N) of each origin and series; NaN is left out.
        second: The same of the other model.
        overlap: Origins whose horizons share days, at least 1: horizon / step, rounded up.
        blocks: (N,) what series are drawn together by, such as the item; each alone if None.
        resamples: Bootstrap resamples.
        seed: Seed of the bootstrap.

    Raises:
        ModelError: If the losses are not of the same origins and series, or none is known.
    """
    if first.shape != second.shape or not np.isfinite(first - second).any():
        raise ModelError(
            f"A comparison needs the losses of two models on the same origins, got {first.shape} "
            f"and {second.shape}: judge both over the same origins."
        )
    losses, base = (np.asarray(x, dtype=np.float64).reshape(len(x), -1) for x in (first, second))
    known = np.isfinite(losses - base)
    gap = np.where(known, losses - base, 0)
    if blocks is not None:
        gap, known = (_by_block(values, blocks) for values in (gap, known.astype(np.float64)))
    drawn = _resampled(gap, known, overlap, resamples, seed)
    difference = float(gap.sum() / known.sum())
    level = float(base[np.isfinite(losses - base)].mean())
    usable = known.any(axis=1)
    per_origin = gap[usable].sum(axis=1) / known[usable].sum(axis=1)
    return Comparison(
        difference=difference,
        relative=difference / level if level else float("nan"),
        confidence=1 - diebold_mariano(per_origin, overlap),
        resampled=float((drawn < 0).mean() + (drawn == 0).mean() / 2),
        low=float(np.quantile(drawn, 0.05)),
        high=float(np.quantile(drawn, 0.95)),
        origins=int(usable.sum()),
    )


def diebold_mariano(differences: Floats, overlap: int = 1) -> float:
    """One-sided p-value that the mean of the loss differences is not below zero.

    Harvey, Leybourne and Newbold (1997), equations 5 and 9: autocovariances up to overlap - 1,
    Student's t with n - 1 degrees of freedom. Where these give no positive variance, as few origins
    may, the autocovariances are left out. A single origin proves nothing: 0.5.

    Args:
        differences: (n,) losses of the first model less those of the second, oldest first.
        overlap: Forecast horizon in steps between origins, at least 1.
    """
    from scipy.special import stdtr

    n = len(differences)
    mean = float(differences.mean())
    if n < 2:
        return 0.5
    centred = differences - mean
    reach = range(1, min(overlap, n))
    covariances = [float(centred @ centred) / n]
    covariances += [float(centred[lag:] @ centred[:-lag]) / n for lag in reach]
    variance = (covariances[0] + 2 * sum(covariances[1:])) / n
    variance = variance if variance > 0 else covariances[0] / n
    if variance <= 0:
        return 0.5 - 0.5 * float(np.sign(-mean))
    shrink = max(n + 1 - 2 * overlap + overlap * (overlap - 1) / n, 0) / n
    return float(stdtr(n - 1, mean / np.sqrt(variance) * np.sqrt(shrink)))


def standings(scores: pl.DataFrame, metric: str = "pinball", *, overlap: int = 1) -> pl.DataFrame:
    """Models by their mean loss, each compared with the best.

    Args:
        scores: Columns model, origin, metric, value.
        metric: The loss; lower is better.
        overlap: As for `compare`.

    Returns:
        Columns model, value, relative (excess over the best), confidence (Diebold-Mariano) and
        resampled (bootstrap) that the best is better, empty for the best itself; best first.
    """
    losses = paired_losses(scores, metric)
    models = sorted(losses, key=lambda name: (losses[name].mean(), name))
    rows: list[tuple[str, float, float, float | None, float | None]] = []
    for name in models:
        found = compare(losses[models[0]], losses[name], overlap=overlap)
        rows.append(
            (name, float(losses[name].mean()), losses[name].mean() / losses[models[0]].mean() - 1,
             *((None, None) if name == models[0] else (found.confidence, found.resampled)))
        )  # fmt: skip
    kinds = dict.fromkeys(("value", "relative", "confidence", "resampled"), pl.Float64)
    return pl.DataFrame(rows, schema={"model": pl.String, **kinds}, orient="row")


def paired_losses(scores: pl.DataFrame, metric: str) -> dict[str, NDArray[np.float64]]:
    """(O,) losses of each model on the origins at which all models have one, oldest first.

    Models without any score are left out.

    Raises:
        ModelError: If no model has that metric, or no origin is shared by all.
    """
    rows = scores.filter(pl.col("metric") == metric, pl.col("value").is_finite())
    wide = rows.pivot("model", index="origin", values="value").sort("origin").drop_nulls()
    if wide.is_empty():
        raise ModelError(
            f"No origin has a {metric} score of every model: run `forecast-platform backtest` of "
            "all of them over days with known demand."
        )
    return {name: wide[name].to_numpy() for name in wide.columns if name != "origin"}


def stationary_resample(
    n: int, block: float, resamples: int, rng: np.random.Generator
) -> NDArray[np.intp]:
    """(resamples, n) indices of stationary bootstrap samples with mean block length `block`."""
    index = rng.integers(n, size=(resamples, n))
    jumps = rng.random((resamples, n)) < 1 / block
    for at in range(1, n):
        follow = (index[:, at - 1] + 1) % n
        index[:, at] = np.where(jumps[:, at], index[:, at], follow)
    return index


def _resampled(
    gap: Floats, known: Floats, overlap: int, resamples: int, seed: int
) -> NDArray[np.float64]:
    """(resamples,) mean differences over drawn origins and drawn columns of (O, B) sums."""
    rng = np.random.default_rng(seed)
    n, columns = gap.shape
    drawn = []
    for start in range(0, resamples, _AT_ONCE):
        count = min(_AT_ONCE, resamples - start)
        origins = stationary_resample(n, max(overlap, 1), count, rng)
        weight = np.zeros((count, n))
        np.add.at(weight, (np.arange(count)[:, None], origins), 1)
        series = rng.multinomial(columns, np.full(columns, 1 / columns), size=count)
        total, days = (np.einsum("ro,or->r", weight, values @ series.T) for values in (gap, known))
        drawn.append(total / np.maximum(days, 1e-12))
    return np.concatenate(drawn)


def _by_block(values: Floats, blocks: NDArray[Any]) -> NDArray[np.float64]:
    names, at = np.unique(blocks, return_inverse=True)
    sums = np.zeros((len(values), len(names)))
    np.add.at(sums.T, at, values.T)
    return sums
