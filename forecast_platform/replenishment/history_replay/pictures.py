"""Pictures of a replay as PNG: cost against service, cost by part, the stock of one item."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from forecast_platform.drawing import canvas, png
from forecast_platform.replenishment.history_replay.case import PARTS, Case, Levels, stock_of
from forecast_platform.replenishment.history_replay.compare import Comparison
from forecast_platform.replenishment.history_replay.policies import CoverForecast

if TYPE_CHECKING:
    pass


def cost_service_picture(comparisons: Sequence[Comparison]) -> bytes:
    """Cost per day against fill rate, one plot per critical ratio, the policies as run marked."""
    figure = canvas(5.0 * len(comparisons), 4.2)
    plots = figure.subplots(1, len(comparisons), squeeze=False)[0]
    for axes, comparison in zip(plots, comparisons, strict=True):
        for curve in comparison.curves:
            costs = [outcome.total.sum() for outcome in curve.outcomes]
            (line,) = axes.plot(curve.fill_rates(), costs, label=curve.name)
            nominal = curve.nominal
            axes.plot(nominal.fill_rate().mean, nominal.total.sum(), "o", color=line.get_color())
        axes.axhline(comparison.bound.sum(), color="black", ls=":", label="perfect foresight")
        nearby = [curve.nominal.total.sum() for curve in comparison.curves]
        axes.set(
            title=f"critical ratio {comparison.critical_ratio:g}", xlabel="fill rate",
            ylabel="cost per day", xlim=(0.75, 1.0), ylim=(0.0, 1.6 * max(nearby)),
        )  # fmt: skip
    plots[0].legend(fontsize=8)
    return png(figure, 110)


def cost_parts_picture(comparisons: Sequence[Comparison]) -> bytes:
    """Cost per day by part of every policy at the own fill rate, and the bound.

    Policies that do not reach that fill rate are shown as run, and so marked.
    """
    figure = canvas(5.0 * len(comparisons), 4.2)
    plots = figure.subplots(1, len(comparisons), squeeze=False)[0]
    for axes, comparison in zip(plots, comparisons, strict=True):
        equal = comparison.equal_fill()
        names, outcomes = [comparison.own.name], [comparison.own.nominal]
        for curve in comparison.curves[1:]:
            reached = curve.name in equal
            names.append(curve.name if reached else f"{curve.name} *")
            outcomes.append(equal[curve.name][0] if reached else curve.nominal)
        bottom = np.zeros(len(names))
        for part in PARTS:
            height = np.array([outcome.costs[part].sum() for outcome in outcomes])
            axes.bar(names, height, bottom=bottom, label=part)
            bottom += height
        axes.bar(["perfect foresight"], [comparison.bound.sum()], color="grey")
        axes.set(
            title=f"critical ratio {comparison.critical_ratio:g}, equal fill rate",
            ylabel="cost per day",
        )
        axes.tick_params(axis="x", rotation=35, labelsize=7)
    plots[0].legend(fontsize=8)
    figure.text(0.99, 0.01, "* fill rate not reached: as run", ha="right", fontsize=7)
    return png(figure, 110)


def stock_picture(
    case: Case, levels: Levels, forecast: CoverForecast, sku: int, first_day: dt.date, title: str
) -> bytes:
    """Stock and receipts of one SKU, and below the fan of its forecasts with what came.

    Args:
        case: What was replayed.
        levels: The policy.
        forecast: As of each review day.
        sku: Its place in the case.
        first_day: Day 0 of the case.
        title: Title of the picture.
    """
    stock, received = stock_of(case, levels, sku)
    day = np.datetime64(first_day, "D") + np.arange(stock.size)
    figure = canvas(11.0, 6.0)
    above, below = figure.subplots(2, 1, sharex=True)
    above.fill_between(day, stock, step="post", alpha=0.35, label="stock at the end of the day")
    above.vlines(day[received > 0], 0, received[received > 0], color="tab:green", label="received")
    above.plot(day, case.demand[sku], color="black", lw=0.7, label="demand")
    above.set(title=title, ylabel="units")
    above.legend(fontsize=8, loc="upper right")
    span, top = int(case.protection[sku]), forecast.levels[-1]
    reviews = case.review_days
    mine = (reviews - case.first_review[sku]) % case.review[sku] == 0
    reviews, fan = reviews[mine], forecast.quantiles[mine, sku]
    for at in range(0, len(forecast.levels) // 2, 2):
        below.fill_between(day[reviews], fan[:, at], fan[:, -1 - at], color="tab:orange", alpha=0.2)
    came = np.convolve(case.demand[sku], np.ones(span))[span - 1 :]
    whole = reviews[reviews + span <= stock.size]
    below.plot(day[whole], came[whole], "k.", label="came")
    below.step(
        day[reviews], levels.order_up_to[mine, sku], where="post", color="tab:blue",
        label="order-up-to level",
    )  # fmt: skip
    below.set(
        ylabel=f"units in {span} days",
        title=f"forecast as of each review day, quantiles {forecast.levels[0]:g} to {top:g}",
    )
    below.legend(fontsize=8, loc="upper right")
    return png(figure, 110)
