"""Build-up and run-down: what the season ahead changes about the levels of a plan line.

Only lines of the class seasonal are touched; a forecast keeps its days, the profile speaks for
those after them.

Build-up. Where lead time plus review reach beyond the forecast, demand of those days is what the
profile expects, not the forecast's last week again; the reorder point moves by the difference, and
its safety stock by the profile's own error. Cycle stock of (R,s,S) covers, from then on, as many
days as Silver and Meal's rule finds economic for the demand that the profile expects.

Run-down. What is left at the season's end has to be held until the next one begins, so the level
is never above the newsvendor's for all demand up to the end: margin against that holding.
Sources: Silver, Pyke and Thomas (2017), sections 5.6 and 9.2; Snyder and Shen (2019), section 4.3.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from forecast_platform.replenishment.choice.rules import RULES
from forecast_platform.replenishment.classes import is_seasonal, last_sunday, two_years
from forecast_platform.replenishment.classic.lot_sizing import silver_meal
from forecast_platform.replenishment.classic.newsvendor import newsvendor_normal
from forecast_platform.replenishment.cover import DailyForecast
from forecast_platform.replenishment.economics import unit_margins
from forecast_platform.replenishment.lines import PlanTables
from forecast_platform.replenishment.parameters import PlanParameters
from forecast_platform.replenishment.policy import normal_scores
from forecast_platform.replenishment.season import YEAR_WEEKS, seasonal_profiles

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_SERIES = ["item_id", "location_id"]
_DAYS_PER_YEAR = 365.0
_TOLD = 0.05
"""Share of the level from which on a change is told as a build-up or run-down."""
# Other policies hold no economic lot; whole lots stay those that were chosen.
_LOTS = [name for name, rule in RULES.items() if rule.lots and not rule.whole_lots]


@dataclass(frozen=True)
class SeasonAhead:
    """What N seasonal lines expect of the days ahead, units.

    Attributes:
        daily: (N, D) expected per day: the forecast, then the profile; D beyond the protection
            period, the longest cover, and the season's end.
        told: (N, D) whether the day is the forecast's.
        end: (N,) days ahead to the last of the season that is on, or comes next.
        quiet: (N,) days from then to the season after it.
        error: (N,) standard error of the profile, as share of what it expects.
    """

    daily: FloatArray
    told: NDArray[np.bool_]
    end: IntArray
    quiet: IntArray
    error: FloatArray

    def units(self, first: IntArray, last: IntArray) -> tuple[FloatArray, FloatArray]:
        """(N,) units of the days ahead after `first` up to `last`: forecast, and by the profile."""
        day = np.arange(1, self.daily.shape[1] + 1)
        within = np.where((day > first[:, None]) & (day <= last[:, None]), self.daily, 0.0)
        told = np.where(self.told, within, 0.0).sum(axis=1)
        return told, within.sum(axis=1) - told


def with_season(
    lines: pl.DataFrame, forecast: DailyForecast, tables: PlanTables, parameters: PlanParameters
) -> pl.DataFrame:
    """Fit the levels of seasonal lines to the season ahead; all other lines stay as they are.

    Args:
        lines: Lines with their levels, life cycle, terms and costs.
        forecast: Their daily forecast.
        tables: Two years of weekly demand, of which weeks after a line's day are not read; and
            products with their category.
        parameters: Cost rates and the longest cover.

    Returns:
        The lines with `season_end`, `season_units` (expected from the day after the line's to the
        end), `season_adjustment` (units by which the reorder point moved), `build_up`, `run_down`.
    """
    chosen = (pl.col("life_cycle") == "seasonal") & pl.col("reorder_point").is_not_null()
    rows = lines.select(chosen.fill_null(False)).to_series().to_numpy()
    if not rows.any():
        return lines.with_columns(
            pl.lit(None, pl.Date).alias("season_end"),
            *(pl.lit(None, pl.Float64).alias(n) for n in ("season_units", "season_adjustment")),
            *(pl.lit(False).alias(name) for name in ("build_up", "run_down")),
        )
    own = lines.filter(pl.Series(rows))
    ahead = season_ahead(own, forecast.mean[rows], forecast.days[rows], tables, parameters)
    changed = _changed(own, ahead, parameters)
    changed["season_units"] = np.sum(ahead.units(np.zeros_like(ahead.end), ahead.end), axis=0)
    before = _numbers(lines, "order_up_to_level")
    spread = [_spread(name, values, rows, lines) for name, values in changed.items()]
    end = np.full(lines.height, None, dtype=object)
    end[rows] = [
        day + dt.timedelta(days=int(n)) for day, n in zip(own["date"], ahead.end, strict=True)
    ]
    lines = lines.with_columns(pl.Series("season_end", end.tolist(), pl.Date), *spread)
    after = _numbers(lines, "order_up_to_level")
    return lines.with_columns(
        pl.Series("build_up", rows & (after > before * (1 + _TOLD))),
        pl.Series("run_down", rows & (after < before * (1 - _TOLD))),
    )


def season_ahead(
    lines: pl.DataFrame,
    mean: FloatArray,
    days: IntArray,
    tables: PlanTables,
    parameters: PlanParameters,
) -> SeasonAhead:
    """What seasonal lines expect, day by day.

    Args:
        lines: N lines of the class seasonal.
        mean: (N, H) forecast, units per day.
        days: (N,) days forecast.
        tables: As `with_season`.
        parameters: The longest cover.
    """
    beyond = int(lines["protection_days"].to_numpy().max() + parameters.max_cover_days) + 1
    span = max(beyond, 7 * YEAR_WEEKS, mean.shape[1])
    daily = np.empty((lines.height, span))
    end, quiet = np.empty((2, lines.height), dtype=np.int64)
    error = np.empty(lines.height)
    dates = lines["date"].to_list()
    sundays = np.array([last_sunday(day) for day in dates])
    since = np.array([(day - sunday).days for day, sunday in zip(dates, sundays, strict=True)])
    for sunday in sorted(set(sundays)):
        at = np.flatnonzero(sundays == sunday)
        keys, demand, category = _seasonal(tables, sunday)
        profiles = seasonal_profiles(demand, category)
        wanted = lines[at].select(_SERIES)
        series = wanted.join(
            keys.with_row_index("series"), on=_SERIES, how="left", maintain_order="left"
        )["series"].to_numpy().astype(np.int64)  # fmt: skip
        daily[at] = profiles.daily(series, since[at], span)
        last, after = profiles.season_weeks()
        end[at], quiet[at] = 7 * last[series] - since[at], 7 * after[series]
        error[at] = profiles.error[series]
    told = np.arange(span) < days[:, None]
    daily[told] = np.pad(mean, ((0, 0), (0, span - mean.shape[1])))[told]
    return SeasonAhead(daily, told, end, quiet, error)


def _seasonal(
    tables: PlanTables, sunday: dt.date
) -> tuple[pl.DataFrame, FloatArray, NDArray[np.int64]]:
    """All seasonal series of a week, whether the plan has a line of them or not."""
    keys, demand, _ = two_years(tables.weekly, sunday)
    seasonal = is_seasonal(demand)
    keys = keys.filter(pl.Series(seasonal))
    named = keys.join(
        tables.products.select("item_id", "category"), on="item_id", how="left",
        maintain_order="left",
    )["category"].fill_null("")  # fmt: skip
    _, category = np.unique(named.to_numpy().astype(str), return_inverse=True)
    return keys, demand[seasonal], category


def _changed(
    lines: pl.DataFrame, ahead: SeasonAhead, parameters: PlanParameters
) -> dict[str, FloatArray]:
    """Levels of seasonal lines, and by how much their reorder point moved."""
    protection = lines["protection_days"].to_numpy()
    mean, safety = _numbers(lines, "protection_demand"), _numbers(lines, "safety_stock")
    _, beyond = ahead.units(np.zeros_like(protection), protection)
    adjustment = np.maximum(beyond - _repeated(ahead, protection), -mean)
    z = normal_scores(_numbers(lines, "service_level"))
    safety = np.hypot(safety, np.maximum(z, 0.0) * ahead.error * beyond)
    point = mean + adjustment + safety
    cycle = _economic_cover(lines, ahead, parameters)
    most = mean + adjustment + _left_over_stock(lines, ahead, parameters)
    upto = np.minimum(point + cycle, most)
    point = np.minimum(point, upto)
    return {
        "season_adjustment": adjustment,
        "safety_stock": np.maximum(point - mean - adjustment, 0.0),
        "reorder_point": point,
        "cycle_stock": upto - point,
        "order_up_to_level": upto,
    }


def _repeated(ahead: SeasonAhead, protection: IntArray) -> FloatArray:
    """(N,) units that protection demand has for days after the forecast: its last week again.

    As `models.paths.days_of` says.
    """
    days = ahead.told.sum(axis=1)
    week = np.minimum(7, days)
    over = np.arange(max(int((protection - days).max(initial=0)), 0))
    at = days[:, None] - week[:, None] + over % week[:, None]
    units = np.take_along_axis(ahead.daily, at, axis=1)
    return np.asarray(np.where(over < (protection - days)[:, None], units, 0.0).sum(axis=1))


def _economic_cover(
    lines: pl.DataFrame, ahead: SeasonAhead, parameters: PlanParameters
) -> FloatArray:
    """(N,) cycle stock: of (R,s,S) Silver and Meal's lot for the days after the protection."""
    cycle = _numbers(lines, "cycle_stock").copy()
    cost = _numbers(lines, "unit_cost")
    lots = lines["policy"].is_in(_LOTS).to_numpy() & np.isfinite(cost)
    days = max(int(parameters.max_cover_days), 1)
    after = lines["protection_days"].to_numpy()[:, None] + np.arange(days)
    demand = np.take_along_axis(ahead.daily, after, axis=1)[lots]
    holding = parameters.holding_rate * cost[lots, None] / _DAYS_PER_YEAR
    found = silver_meal(demand, _numbers(lines, "order_cost")[lots, None], holding)
    cycle[lots] = found.orders[:, 0]
    return cycle


def _left_over_stock(
    lines: pl.DataFrame, ahead: SeasonAhead, parameters: PlanParameters
) -> FloatArray:
    """(N,) the newsvendor's stock beyond the mean of the protection, for the season's rest.

    The season's demand spreads as the protection's, in proportion to what is expected, and by the
    profile's error. At least its mean: the ratio is not below a half.
    """
    protection = lines["protection_days"].to_numpy()
    last = np.maximum(ahead.end, protection)
    rest = np.sum(ahead.units(protection, last), axis=0)
    told, beyond = ahead.units(np.zeros_like(last), last)
    of_protection = _numbers(lines, "protection_demand")
    share = np.divide(told, of_protection, out=np.ones_like(told), where=of_protection > 0)
    std = np.hypot(_numbers(lines, "protection_std") * np.sqrt(share), ahead.error * beyond)
    cost = _numbers(lines, "unit_cost")
    margin = unit_margins(_numbers(lines, "price"), cost, parameters.cost_share)
    held = parameters.holding_rate * cost * ahead.quiet / _DAYS_PER_YEAR
    known = (margin > 0) & (held > 0)
    stock = newsvendor_normal(
        np.where(known, np.minimum(held, margin), 1.0), np.where(known, margin, 1.0), rest, std
    )
    return np.where(known, stock.level, np.inf)


def _numbers(lines: pl.DataFrame, name: str) -> FloatArray:
    return lines[name].cast(pl.Float64).to_numpy()


def _spread(
    name: str, values: FloatArray, rows: NDArray[np.bool_], lines: pl.DataFrame
) -> pl.Series:
    """A column of all lines: `values` on `rows`, elsewhere what it was, or empty."""
    old = _numbers(lines, name) if name in lines.columns else np.full(lines.height, np.nan)
    all_of_them = old.copy()
    all_of_them[rows] = values
    return pl.Series(name, all_of_them).fill_nan(None)
