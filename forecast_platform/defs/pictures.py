"""Pictures for the UI, drawn from tables of the lake."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import polars as pl

from forecast_platform.drawing import canvas, plain, png
from forecast_platform.home import Home
from forecast_platform.lake.days import ONE_DAY
from forecast_platform.replenishment import ORDER_LOOK_BACK_DAYS, most_urgent
from forecast_platform.replenishment.projection import projected_stock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from forecast_platform.models import Forecaster
    from forecast_platform.replenishment import PlanParameters, PlanTables
    from forecast_platform.replenishment.service_front import ServiceFront

_SHOWN_DAYS = 56
_SHOWN_SUPPLIERS = 12
_SHOWN_DRIVERS = 8
_SHOWN_WEEKS = 52


def forecast_against_actuals(home: Home, origin: dt.date) -> bytes:
    """PNG of total demand before an origin and its forecast, with the best seller beside it."""
    actuals = home.read("clean_demand", origin - _SHOWN_DAYS * ONE_DAY, origin)
    forecast = home.read("forecasts", origin, origin)
    figure = canvas()
    total, single = figure.subplots(1, 2)
    for frame, column, style in ((actuals, "demand_units", "-"), (forecast, "mean", "--")):
        by_day = frame.group_by("date").agg(pl.col(column).sum()).sort("date")
        total.plot(by_day["date"].to_list(), by_day[column].to_list(), style, label=column)
    total.set_title(f"All items, units per day, origin {origin}")
    best = actuals.group_by("item_id", "location_id").agg(pl.col("demand_units").sum())
    for item, place, _ in best.sort("demand_units", "item_id", "location_id").tail(1).rows():
        series = (pl.col("item_id") == item) & (pl.col("location_id") == place)
        known, ahead = actuals.filter(series).sort("date"), forecast.filter(series).sort("date")
        days = ahead["date"].to_list()
        single.plot(known["date"].to_list(), known["demand_units"].to_list(), "-")
        single.plot(days, ahead["mean"].to_list(), "--")
        single.fill_between(days, ahead["q10"].to_list(), ahead["q90"].to_list(), alpha=0.25)
        single.set_title(plain(f"{item} at {place}, 80 % interval"))
    for axes in (total, single):
        axes.tick_params(axis="x", rotation=30)
    total.legend()
    return png(figure)


def total_with_fan(home: Home, origin: dt.date) -> bytes:
    """PNG of the total around an origin: demand that came, and the forecast with its intervals."""
    ahead = home.read("forecast_levels", origin, origin).filter(level="total").sort("date")
    days = ahead["date"].to_list()
    came = home.read("clean_demand", origin - _SHOWN_DAYS * ONE_DAY, max([origin, *days]))
    by_day = came.group_by("date").agg(pl.col("demand_units").sum()).sort("date")
    figure = canvas()
    axes = figure.subplots()
    axes.plot(by_day["date"].to_list(), by_day["demand_units"].to_list(), "-", label="demand")
    axes.plot(days, ahead["mean"].to_list(), "--", label="forecast")
    for share, low, high in ((90, "q05", "q95"), (80, "q10", "q90"), (50, "q25", "q75")):
        axes.fill_between(
            days, ahead[low].to_list(), ahead[high].to_list(), color="C1", alpha=0.2,
            label=f"{share} % interval",
        )  # fmt: skip
    axes.set_title(f"All items and locations, units per day, origin {origin}")
    axes.legend(fontsize="small")
    return png(figure)


def drivers_of_largest(
    home: Home, origin: dt.date, load: Callable[[Path], Forecaster]
) -> bytes | None:
    """PNG of what moves the largest forecast of an origin; None where its model cannot say.

    Args:
        home: The home folder.
        origin: An origin that was issued.
        load: Loads the forecaster of a folder.
    """
    from forecast_platform.issuing import forecast_drivers

    issued = home.read("forecasts", origin, origin)
    series = issued.sort("item_id", "location_id", "horizon").group_by(
        "item_id", "location_id", maintain_order=True
    )
    largest = series.agg(pl.all().first(), mean_day=pl.col("mean").mean()).sort("mean_day").tail(1)
    for line in largest.iter_rows(named=True):
        drivers, lacking = forecast_drivers(home, line, load)
        if lacking:
            continue
        shown = drivers.head(_SHOWN_DRIVERS).reverse()
        figure = canvas()
        axes = figure.subplots()
        colours = ["C0" if value > 0 else "C3" for value in shown["contribution"]]
        axes.barh(shown["driver"].to_list(), shown["contribution"].to_list(), color=colours)
        axes.axvline(0, color="black", linewidth=0.8)
        axes.set_title(
            plain(f"{line['item_id']} at {line['location_id']}: ")
            + f"{line['mean_day']:.2f} units per day, by driver, origin {origin}"
        )
        return png(figure)
    return None


def lateness(lead_times: pl.DataFrame) -> bytes:
    """PNG of how late suppliers deliver, and how long they take, those with most deliveries first.

    Args:
        lead_times: Rows of `lead_times` of one day.
    """
    suppliers = lead_times.filter(
        pl.col("supplier_id").is_not_null() & pl.col("item_id").is_null()
    ).sort("deliveries", "supplier_id", descending=[True, False])
    shown = suppliers.head(_SHOWN_SUPPLIERS).reverse()
    names = shown["supplier_id"].str.slice(0, 24).to_list()
    places = list(range(shown.height))
    figure = canvas()
    late, lead = figure.subplots(1, 2, sharey=True)
    late.barh(places, shown["late_q90_days"].to_list(), alpha=0.35, label="9 of 10 within")
    late.plot(shown["late_mean_days"].to_list(), places, "o", label="mean")
    late.axvline(0, color="black", linewidth=0.8)
    late.set_yticks(places, [*map(plain, names)])
    late.set_title("Days after the promised day")
    lead.barh(places, shown["q90_days"].to_list(), alpha=0.35, label="9 of 10 within")
    lead.errorbar(shown["mean_days"].to_list(), places, xerr=shown["std_days"].to_list(), fmt="o",
                  label="mean, give or take one standard deviation")  # fmt: skip
    lead.set_title("Days from order to receipt")
    for axes in (late, lead):
        axes.legend(fontsize="small")
    return png(figure)


def stock_ahead(home: Home, plan: pl.DataFrame) -> bytes | None:
    """PNG of the stock expected of the most urgent line of a plan, with and without its order.

    Args:
        home: The home folder.
        plan: Rows of `replenishment_plan` of one day.

    Returns:
        None if nothing is to be ordered.
    """
    for line in most_urgent(plan, 1).iter_rows(named=True):
        day = line["date"]
        series = (pl.col("item_id") == line["item_id"]) & (
            pl.col("location_id") == line["location_id"]
        )
        since = day - ORDER_LOOK_BACK_DAYS * ONE_DAY
        ahead = projected_stock(
            line,
            home.read("forecasts", day, day).filter(series),
            home.read("lead_time_demand", day, day).filter(series),
            home.read("validated_purchase_orders", since, day).filter(series),
        )
        figure = canvas()
        axes = figure.subplots()
        days = ahead["date"].to_list()
        axes.fill_between(
            days,
            ahead["low"].to_list(),
            ahead["high"].to_list(),
            alpha=0.25,
            label="8 of 10 cases, without it",
        )
        axes.plot(days, ahead["stock"].to_list(), "-", label="expected without the order")
        axes.plot(
            days,
            ahead["with_order"].to_list(),
            "--",
            label=f"with the order of {line['order_quantity']:g}",
        )
        axes.axhline(0, color="black", linewidth=0.8)
        name = plain(f"{line['item_id']} at {line['location_id']}")
        axes.set_title(f"{name}: units at close, plan of {day}")
        axes.legend(fontsize="small")
        return png(figure)
    return None


def season_of_largest(
    plan: pl.DataFrame, tables: PlanTables, parameters: PlanParameters
) -> bytes | None:
    """PNG of the seasonal line that expects most of its season: two years, and the weeks ahead.

    Args:
        plan: Rows of `replenishment_plan` of one day.
        tables: What it was made from.
        parameters: As it was made with.

    Returns:
        None if no line is seasonal.
    """
    from forecast_platform.replenishment.cover import daily_forecast
    from forecast_platform.replenishment.season_levels import season_ahead

    seasonal = plan.filter(pl.col("season_end").is_not_null())
    largest = seasonal.sort("season_units", "item_id", "location_id").tail(1)
    for line in largest.iter_rows(named=True):
        forecast = daily_forecast(largest, tables.forecasts)
        ahead = season_ahead(largest, forecast.mean, forecast.days, tables, parameters)
        weekly = ahead.daily[0, : 7 * _SHOWN_WEEKS].reshape(_SHOWN_WEEKS, 7).mean(axis=1)
        series = (pl.col("item_id") == line["item_id"]) & (
            pl.col("location_id") == line["location_id"]
        )
        past = tables.weekly.filter(series & (pl.col("week_end") <= line["date"])).sort("week_end")
        past = past.tail(2 * _SHOWN_WEEKS)
        days = [line["date"] + 7 * (week + 1) * ONE_DAY for week in range(_SHOWN_WEEKS)]
        figure = canvas()
        axes = figure.subplots()
        axes.plot(past["week_end"].to_list(), past["demand"].to_list(), "-", label="demand")
        axes.plot(days, weekly.tolist(), "--", label="forecast, then the season's profile")
        axes.axvline(line["season_end"], color="black", linewidth=0.8, label="end of the season")
        axes.set_title(
            plain(f"{line['item_id']} at {line['location_id']}: units per day by week, ")
            + f"{line['season_units']:,.0f} expected until {line['season_end']}"
        )
        axes.legend(fontsize="small")
        return png(figure)
    return None


def cost_against_service(front: ServiceFront, day: dt.date) -> bytes:
    """PNG of what service costs within the limits of a day, and of the plan that was made.

    Args:
        front: Plans within the limits, the chosen one and the one without limits.
        day: Day of the plan.
    """
    figure = canvas()
    axes = figure.subplots()
    axes.step(front.cost, front.service, "-", where="post", label="within the limits")
    axes.plot(*front.chosen, "*", markersize=12, label="the plan")
    axes.plot(*front.unlimited, "o", label="without limits")
    axes.set_xlabel("order value, order cost and holding")
    axes.set_ylabel("share of demand for stock met")
    axes.set_title(f"Cost against service, plan of {day}")
    axes.legend(fontsize="small")
    return png(figure)


def planned_against_actual(outcomes: pl.DataFrame) -> bytes:
    """PNG of expected and actual demand of protection periods: their sums by plan, and each line.

    Args:
        outcomes: Rows of `plan_outcome`, one at least.
    """
    names = {"protection_demand": "expected", "actual_protection_demand": "actual"}
    by_plan = outcomes.group_by("plan_date").agg(pl.col(*names).sum()).sort("plan_date")
    figure = canvas()
    total, lines = figure.subplots(1, 2)
    for column, label in names.items():
        total.plot(by_plan["plan_date"].to_list(), by_plan[column].to_list(), "o-", label=label)
    total.set_title("All lines, units in the protection period, by plan")
    total.tick_params(axis="x", rotation=30)
    total.legend()
    expected, actual = (outcomes[column].to_list() for column in names)
    lines.scatter(expected, actual, s=9, alpha=0.5)
    most = max(value or 0.0 for value in (*expected, *actual))
    lines.plot([0, most], [0, most], "k-", linewidth=0.8)
    lines.set_xlabel("expected")
    lines.set_ylabel("actual")
    lines.set_title("Every line, units")
    return png(figure)
