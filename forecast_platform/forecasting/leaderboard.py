"""The leaderboard: mean scores per model, by level of aggregation, as table and plot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from forecast_platform.drawing import canvas, png
from forecast_platform.forecasting.levels import LEVELS, SERIES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CLASSES = tuple(f"class {name}" for name in "ABC")
LEVEL_ORDER = (*LEVELS, *CLASSES)
_NAMED = 6
"""Models that get a colour and a name in a plot; more cannot be told apart."""


def leaderboard(scores: pl.DataFrame) -> pl.DataFrame:
    """One row per model, the mean of each metric over origins, best pinball loss first.

    Args:
        scores: Columns model, origin, metric, value; with a column level, that of item-location.
    """
    if "level" in scores.columns:
        scores = scores.filter(level=SERIES)
    return (
        scores.group_by("model", "metric")
        .agg(pl.col("value").mean())
        .pivot("metric", index="model", values="value", sort_columns=True)
        .sort("pinball", "model")
    )


def level_board(scores: pl.DataFrame, metric: str = "wrmsse") -> pl.DataFrame:
    """One row per model, one column per level and ABC class: the mean of a metric over origins.

    The column average is the mean over levels, classes left out, as M5 averages its levels; the
    best average comes first.

    Args:
        scores: Columns model, origin, level, metric, value.
        metric: The metric shown.
    """
    means = scores.filter(metric=metric).group_by("model", "level").agg(pl.col("value").mean())
    wide = means.pivot("level", index="model", values="value")
    shown = [level for level in LEVEL_ORDER if level in wide.columns]
    levels = [level for level in shown if level not in CLASSES]
    return wide.select("model", pl.mean_horizontal(levels).alias("average"), *shown).sort(
        "average", "model"
    )


def leaderboard_plot(scores: pl.DataFrame, metric: str = "pinball") -> bytes:
    """PNG: the metric of every model by origin and, with levels, WRMSSE by level.

    Args:
        scores: Columns model, origin, metric, value, and possibly level.
        metric: The loss that ranks the models.
    """
    has_levels = "level" in scores.columns
    overall = scores.filter(level=SERIES) if has_levels else scores
    losses = overall.filter(metric=metric)
    ranked = losses.group_by("model").agg(pl.col("value").mean()).sort("value", "model")
    panels = 2 + has_levels
    figure = canvas(5.6 * panels, 1.6 + 0.24 * max(ranked.height, 9), "tight")
    widths = [1.0, 1.0, 1.4][:panels]
    subplots = figure.subplots(1, panels, squeeze=False, width_ratios=widths)[0]
    _draw_spread(subplots[0], losses, ranked["model"].to_list())
    _draw_origins(subplots[1], losses, ranked["model"].to_list())
    for axes in subplots[:2]:
        axes.set_title(f"{metric} {axes.get_title()}")
    if has_levels:
        _draw_levels(subplots[2], level_board(scores))
    return png(figure, 110)


def _draw_spread(axes: Axes, losses: pl.DataFrame, ranked: Sequence[str]) -> None:
    """One line per model, the best on top: its mean, and every origin as a dot."""
    for row, model in enumerate(ranked):
        values = losses.filter(model=model)["value"].to_numpy()
        axes.plot(values, [row] * len(values), ".", color="silver")
        axes.plot(values.mean(), row, "o", color="tab:blue")
    axes.set_yticks(range(len(ranked)), ranked)
    axes.invert_yaxis()
    axes.grid(axis="x", alpha=0.3)
    axes.set_title("(lower is better), mean and origins")


def _draw_origins(axes: Axes, losses: pl.DataFrame, ranked: Sequence[str]) -> None:
    """The best models over the origins, the others in grey behind them."""
    for model in reversed(ranked):
        rows = losses.filter(model=model).sort("origin")
        named = model in ranked[:_NAMED]
        axes.plot(
            rows["origin"].to_list(), rows["value"].to_list(), ".-",
            label=model if named else None, color=None if named else "gainsboro",
        )  # fmt: skip
    axes.tick_params(axis="x", rotation=30)
    axes.legend(fontsize="small", reverse=True, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    axes.set_title("by origin")


def _draw_levels(axes: Axes, board: pl.DataFrame) -> None:
    """The figures of `level_board`, the lower the darker within each level."""
    values = board.drop("model").to_numpy()
    least, most = values.min(axis=0), values.max(axis=0)
    share = (values - least) / np.where(most > least, most - least, 1)
    axes.imshow(share, cmap="Blues_r", aspect="auto", vmin=-0.8, vmax=1)
    for (row, column), value in np.ndenumerate(values):
        axes.text(column, row, f"{value:.3f}", ha="center", va="center", fontsize="x-small")
    axes.set_xticks(range(values.shape[1]), board.columns[1:], rotation=40, ha="right")
    axes.set_yticks(range(board.height), board["model"].to_list())
    axes.set_title("wrmsse by level (lower is better)")
