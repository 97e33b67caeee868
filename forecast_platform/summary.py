"""What the command line prints, from tables of the lake: summary, leaderboard, explanation."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from forecast_platform.contracts import LANDED
from forecast_platform.errors import PlatformError
from forecast_platform.forecasting.compare import standings
from forecast_platform.forecasting.leaderboard import level_board
from forecast_platform.home import Home
from forecast_platform.issuing import forecast_drivers
from forecast_platform.replenishment import LOOK_BACK_DAYS, explain, most_urgent
from forecast_platform.replenishment.explain import Sum
from forecast_platform.settings import Settings

_SCORES = ("pinball", "wrmsse", "rmsse", "wape", "pit_50", "pit_80", "pit_95")
_SHORT = {
    "average": "mean", "item-location": "item\nx loc", "category x location": "cat.\nx loc",
    "department": "dept.", "category": "cat.", "location": "loc.",
    **{f"class {name}": name for name in "ABC"},
}  # fmt: skip
"""Headings of levels, so that a row fits 80 columns."""
_DRIVERS = 6


def summary(console: Console, settings: Settings) -> None:
    """Rows, models, forecasts, the most urgent lines, and where everything lies."""
    home = Home(settings)
    console.print(_row_counts(home))
    cutoffs = home.state().days("model_versions")
    if cutoffs and cutoffs[-1] in home.read("model_scores")["cutoff"]:
        console.print(leaderboard(settings, cutoffs[-1]))
    origins = home.state().days("forecasts")
    if origins:
        newest = home.read("forecasts", origins[-1], origins[-1]).height
        console.print(
            f"Forecasts: {len(origins)} origins, newest {origins[-1]} with {newest:,} rows"
        )
        plan = home.read("replenishment_plan", origins[-1], origins[-1])
        console.print(_urgent(plan))
        console.print("Why: forecast-platform explain --item I --location L --date D")
    marks = home.read("record_marks")
    if marks.height:
        closed = marks["origin"].n_unique()
        console.print(f"{closed} closed origins were issued on older data (table record_marks).")
    console.print(f"Lake      {settings.lake}", markup=False, soft_wrap=True)
    console.print(f"Landing   {settings.landing}", markup=False, soft_wrap=True)
    console.print("Look      forecast-platform ui    (Dagster http://127.0.0.1:3000, "
                  "MLflow http://127.0.0.1:5000)", soft_wrap=True)  # fmt: skip


def leaderboard(settings: Settings, cutoff: dt.date) -> Table:
    """Scores of every family at a cutoff, the champion first."""
    home = Home(settings)
    versions = home.read("model_versions", cutoff, cutoff)
    scores = home.read("model_scores", cutoff, cutoff)
    champions = set(versions.filter("is_champion")["model"])
    return scores_table(scores, f"Models at cutoff {cutoff}", champions)


def scores_table(
    scores: pl.DataFrame,
    title: str = "Leaderboard",
    champions: frozenset[str] | set[str] = frozenset(),
) -> Table:
    """Mean of each metric per model as a table, best pinball loss first.

    Args:
        scores: Columns model, metric, value; one row per model, metric and possibly origin.
        title: Title of the table.
        champions: Models to mark.
    """
    wide = (
        scores.group_by("model", "metric").agg(pl.col("value").mean())
        .pivot("metric", index="model", values="value")
    )  # fmt: skip
    metrics = [metric for metric in _SCORES if metric in wide.columns]
    order = metrics[:1]
    caption = "in 80: share inside the 80 % interval"
    if champions:
        caption = f"* champion; {caption}"
    table = Table(title=title, box=SIMPLE_HEAD, caption=caption)
    table.add_column("model", no_wrap=True)
    for metric in metrics:
        table.add_column(metric.replace("pit_", "in "), justify="right", no_wrap=True)
    for row in wide.sort(*order, "model").iter_rows(named=True):
        mark = " *" if row["model"] in champions else ""
        table.add_row(row["model"] + mark, *(f"{row[m]:.3f}" for m in metrics))
    return table


def levels_table(scores: pl.DataFrame, metric: str = "wrmsse") -> Table:
    """A metric per model, level of aggregation and ABC class, best average over levels first.

    Args:
        scores: Columns model, origin, level, metric, value.
        metric: The metric shown.
    """
    board = level_board(scores, metric)
    table = Table(
        title=f"{metric} by level", box=SIMPLE_HEAD, padding=0, pad_edge=False,
        show_edge=False,
    )  # fmt: skip
    table.add_column("model", no_wrap=True)
    for level in board.columns[1:]:
        table.add_column(_SHORT.get(level, level), justify="right")
    for model, *values in board.iter_rows():
        table.add_row(model, *(f"{value:.3f}".removeprefix("0") for value in values))
    return table


def standings_table(scores: pl.DataFrame, metrics: Sequence[str] = ("pinball", "wrmsse")) -> Table:
    """How sure it is that the best model is better than each other.

    Args:
        scores: Columns model, origin, metric, value.
        metrics: Losses compared, each with its own best.
    """
    table = Table(
        title="How sure", box=SIMPLE_HEAD,
        caption="that the best is better: Diebold-Mariano test, bootstrap over origins",
    )  # fmt: skip
    for heading in ("loss", "model", "mean", "above best", "test", "bootstrap"):
        table.add_column(heading, justify="left" if heading in ("loss", "model") else "right")
    for metric in metrics:
        for row in standings(scores, metric).iter_rows(named=True):
            sure = [row["confidence"], row["resampled"]]
            table.add_row(
                metric, row["model"], f"{row['value']:.4f}", f"{row['relative']:.1%}",
                *("best" if share is None else f"{share:.0%}" for share in sure),
            )  # fmt: skip
    return table


def explanation(home: Home, item: str, location: str, day: dt.date) -> list[str]:
    """The plan line of one item, location and day, taken apart."""
    series = (pl.col("item_id") == item) & (pl.col("location_id") == location)
    line = home.read("replenishment_plan", day, day).filter(series)
    if line.is_empty():
        issued = home.state().days("replenishment_plan")
        held = f"plans of {issued[0]} to {issued[-1]}" if issued else "no plan"
        raise PlatformError(
            f"No plan line of {item} at {location} on {day}: the lake holds {held}. Issue it with "
            f"`forecast-platform run --from {day} --to {day}`, or check the ids."
        )
    row = line.row(0, named=True)
    sales = home.read("validated_sales", day - dt.timedelta(LOOK_BACK_DAYS), day).filter(series)
    cutoff = row["training_cutoff"]
    models = home.read("model_versions", cutoff, cutoff) if cutoff else pl.DataFrame()
    model = next((m for m in models.iter_rows(named=True) if m["model"] == row["model"]), None)
    lines = explain(row, home.read("forecasts", day, day), sales, model).lines()
    return [*lines, "", *_drivers(home, row)] if row["model"] else lines


def _drivers(home: Home, row: Mapping[str, Any]) -> list[str]:
    """What moves the forecast of a plan line: the largest drivers and the sum of the others."""
    frame, lacking = forecast_drivers(home, row)
    if lacking:
        return [f"Forecast: {lacking}"]
    parts = list(frame.head(_DRIVERS).iter_rows())
    others = frame["contribution"][_DRIVERS:]
    if len(others):
        parts.append((f"{len(others)} others", float(others.sum())))
    total = float(frame["contribution"].sum())
    label = f"forecast per day, mean of {home.settings.horizon_days} days"
    return ["What moves the forecast:", *Sum(label, tuple(parts), total).lines()]


def _row_counts(home: Home) -> Table:
    ledger = home.lake.ledger.current().group_by("table").agg(pl.col("rows").sum())
    rows = dict(ledger.iter_rows())
    table = Table(title="Landed rows", box=SIMPLE_HEAD)
    for heading in ("table", "landed", "validated", "rejected", "exact duplicates"):
        table.add_column(heading, justify="left" if heading == "table" else "right")
    unreadable = dict(home.read("unreadable_rows").group_by("table_name").len().iter_rows())
    for landed in LANDED:
        undated = unreadable.get(landed.name, 0)
        total = rows.get(f"raw_{landed.name}", 0) + undated
        if not total:
            continue
        copies = home.read(f"rejected_{landed.name}").filter(pl.col("outcome") == "exact_duplicate")
        refused = rows.get(f"rejected_{landed.name}", 0) - copies.height + undated
        accepted = rows.get(f"validated_{landed.name}", 0)
        table.add_row(landed.name, *(f"{n:,}" for n in (total, accepted, refused, copies.height)))
    return table


def _urgent(plan: pl.DataFrame) -> Table:
    table = Table(title="Most urgent orders", box=SIMPLE_HEAD)
    shown = {
        "item_id": "item", "location_id": "at", "order_quantity": "order",
        "inventory_position": "position", "reorder_point": "reorder",
        "stockout_date": "stock-out", "latest_order_date": "order by",
    }  # fmt: skip
    for heading in shown.values():
        table.add_column(heading, no_wrap=True)
    for row in most_urgent(plan, 10).iter_rows(named=True):
        table.add_row(*(_cell(row[name]) for name in shown))
    return table


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:,.1f}" if isinstance(value, float) else escape(str(value))
