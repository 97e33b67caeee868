"""Pictures of drift: PSI over its limit by day, and errors with their band."""

from __future__ import annotations

import polars as pl

from forecast_platform.contracts.drift import WATCHED
from forecast_platform.drawing import canvas, png


def psi_picture(rows: pl.DataFrame) -> bytes:
    """PNG of PSI as share of its limit, by day: all items, and the worst category or location.

    Args:
        rows: Rows of `input_drift`, one at least.
    """
    shares = rows.with_columns(share=pl.col("psi") / pl.col("psi_limit"))
    figure = canvas()
    total, worst = figure.subplots(1, 2)
    for axes, title, shown in (
        (total, "All items", shares.filter(level="total")),
        (worst, "Worst category or location", shares.filter(pl.col("level") != "total")),
    ):
        for name in WATCHED:
            by_day = shown.filter(watched=name).group_by("date").agg(pl.col("share").max())
            by_day = by_day.sort("date")
            axes.plot(by_day["date"].to_list(), by_day["share"].to_list(), label=name)
        axes.axhline(1, color="black", linewidth=0.8)
        axes.set_title(f"{title}: PSI of 28 days / limit")
        axes.tick_params(axis="x", rotation=30)
    total.legend(fontsize="small")
    return png(figure)


def accuracy_picture(rows: pl.DataFrame, band: float) -> bytes:
    """PNG of the error of all items by day, its level, and what it may rise to.

    Args:
        rows: Rows of `accuracy_drift` of all items, one at least.
        band: Share by which the error of a level may exceed that before it.
    """
    shown = rows.filter(level="total").sort("date")
    days = shown["date"].to_list()
    before = pl.coalesce("before_error", "level_error")
    limits = shown.select(low=before * (1 - band), high=before * (1 + band)).fill_null(float("nan"))
    figure = canvas()
    axes = figure.subplots()
    axes.plot(days, shown["error"].to_list(), ".", label="day")
    axes.plot(days, shown["level_error"].to_list(), "-", label="level")
    axes.fill_between(
        days, limits["low"].to_list(), limits["high"].to_list(),
        alpha=0.2, label=f"band of {band:.0%} about the level before",
    )  # fmt: skip
    axes.set_title("Error of issued forecasts, all items: 0 all right, 1 all wrong")
    axes.legend(fontsize="small")
    return png(figure)
