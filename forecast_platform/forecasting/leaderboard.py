"""The leaderboard: mean scores per model, by level of aggregation, as table and plot."""

from __future__ import annotations

import io
from collections.abc import Sequence

import polars as pl

from forecast_platform.forecasting.levels import LEVELS, SERIES

CLASSES = tuple(f"class {name}" for name in "ABC")
LEVEL_ORDER = (*LEVELS, *CLASSES)


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


def leaderboard_plot(scores: pl.DataFrame, metrics: Sequence[str] = ("pinball", "rmsse")) -> bytes:
    """PNG of the metrics by origin, one line per model; with levels also of WRMSSE by level."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    has_levels = "level" in scores.columns
    overall = scores.filter(level=SERIES) if has_levels else scores
    panels = len(metrics) + has_levels
    figure = Figure(figsize=(5 * panels, 3.5), layout="constrained")
    FigureCanvasAgg(figure)
    subplots = figure.subplots(1, panels, squeeze=False)[0]
    for axes, metric in zip(subplots, metrics, strict=False):
        for (model,), rows in (
            overall.filter(metric=metric).sort("origin").group_by("model", maintain_order=True)
        ):
            axes.plot(rows["origin"].to_list(), rows["value"].to_list(), "o-", label=str(model))
        axes.set_title(f"{metric} (lower is better)")
        axes.tick_params(axis="x", rotation=30)
    if has_levels:
        board = level_board(scores)
        for row in board.iter_rows():
            subplots[-1].plot(board.columns[1:], row[1:], "o", label=row[0])
        subplots[-1].set_title("wrmsse by level (lower is better)")
        subplots[-1].tick_params(axis="x", rotation=60)
    subplots[0].legend()
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=110)
    return image.getvalue()
