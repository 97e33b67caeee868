"""The replenishment plan: what to order after the close of a day, line by line.

Frames in, frames out. A line depends on its own series alone, but for the ABC classes, which rank
the lines of one day, for seasons, shrunk to their category's, and for limits that lines share; so
a day comes out the same whether made alone or within a range.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

import polars as pl

from forecast_platform.contracts.plan import REPLENISHMENT_PLAN
from forecast_platform.errors import ContractError
from forecast_platform.replenishment import steps
from forecast_platform.replenishment.choice.chosen import with_chosen
from forecast_platform.replenishment.classes import weekly_demand, with_life_cycle
from forecast_platform.replenishment.cover import daily_forecast
from forecast_platform.replenishment.history import history, trailing
from forecast_platform.replenishment.limits import with_limits
from forecast_platform.replenishment.lines import PlanTables, plan_lines
from forecast_platform.replenishment.parameters import PlanParameters
from forecast_platform.replenishment.reasons import with_reasons
from forecast_platform.replenishment.season_levels import with_season
from forecast_platform.replenishment.transfer import with_transfers

_LINES_AT_ONCE = 100_000
"""Lines computed together; bounds the memory of a long range."""


def make_plan(
    day: dt.date,
    forecasts: pl.DataFrame,
    lead_time_demand: pl.DataFrame,
    clean_demand: pl.DataFrame,
    inventory: pl.DataFrame,
    purchase_orders: pl.DataFrame,
    products: pl.DataFrame,
    suppliers: pl.DataFrame,
    lead_times: pl.DataFrame,
    parameters: PlanParameters,
    revision: int = 0,
) -> pl.DataFrame:
    """The plan of one day; see `make_plans`."""
    return make_plans(
        [day],
        forecasts,
        lead_time_demand,
        clean_demand,
        inventory,
        purchase_orders,
        products,
        suppliers,
        lead_times,
        parameters,
        revision,
    )


def make_plans(
    days: Sequence[dt.date],
    forecasts: pl.DataFrame,
    lead_time_demand: pl.DataFrame,
    clean_demand: pl.DataFrame,
    inventory: pl.DataFrame,
    purchase_orders: pl.DataFrame,
    products: pl.DataFrame,
    suppliers: pl.DataFrame,
    lead_times: pl.DataFrame,
    parameters: PlanParameters,
    revision: int | Mapping[dt.date, int] = 0,
    weekly: pl.DataFrame | None = None,
    policy_choice: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """The plans of several days, each as it would have been made at the close of its day.

    Rows dated after a plan's day are not read for it, nor is a receipt after it. Rows outside the
    look-backs (clean demand 90 days, stock 7, purchase orders 180) are ignored; the order of rows
    is not significant.

    Args:
        days: Run dates.
        forecasts: Daily forecasts of those origins.
        lead_time_demand: Lead-time demand of those origins.
        clean_demand: Clean demand of the look-back.
        inventory: Validated stock counts; empty where a shop lands none.
        purchase_orders: Validated purchase orders; empty where a shop lands none.
        products: Validated products.
        suppliers: Validated supplier terms; empty where a shop lands none.
        lead_times: Lead times known at those days; empty where no deliveries are.
        parameters: Targets, cost rates and terms where none are known.
        revision: Number of restatements, for all days or per day.
        weekly: `weekly_demand` of two years, for the life cycle; of `clean_demand` if none.
        policy_choice: Choices of policy, of which a day reads the newest known then; without, all
            lines are (R,s,S).

    Returns:
        Columns of `REPLENISHMENT_PLAN`, sorted by date, item and location. A line of which no
        quantity can be told says so in its reason codes and is not feasible.

    Raises:
        ContractError: If a table holds a key twice, or no day is given.
    """
    tables = PlanTables(
        forecasts,
        lead_time_demand,
        clean_demand,
        inventory,
        purchase_orders,
        products,
        suppliers,
        lead_times,
        weekly_demand(clean_demand.lazy()).collect() if weekly is None else weekly,
        policy_choice,
    )
    rising = sorted(set(days))
    if not rising:
        raise ContractError("A plan needs at least one run date, none came: name the days.")
    lines = max(lead_time_demand.height, clean_demand.height, 1)
    step = max(1, _LINES_AT_ONCE * len(rising) // lines)
    parts = [rising[start : start + step] for start in range(0, len(rising), step)]
    columns = [name for name in REPLENISHMENT_PLAN.column_names if name != "revision"]
    plan = pl.concat(_plan(part, tables.of(part), parameters).select(columns) for part in parts)
    if isinstance(revision, Mapping):
        numbers = pl.col("date").replace_strict(dict(revision), default=0, return_dtype=pl.Int64)
    else:
        numbers = pl.lit(revision, dtype=pl.Int64)
    return plan.with_columns(numbers.alias("revision")).select(REPLENISHMENT_PLAN.column_names)


def workings(day: dt.date, tables: PlanTables, parameters: PlanParameters) -> pl.DataFrame:
    """The plan of one day with every figure that its lines were decided from."""
    return _plan([day], tables.of([day]), parameters)


def _plan(days: Sequence[dt.date], tables: PlanTables, parameters: PlanParameters) -> pl.DataFrame:
    lines = with_chosen(plan_lines(days, tables, parameters), tables.policy_choice)
    look_back = history(tables.clean_demand, lines)
    forecast = daily_forecast(lines, tables.forecasts)
    lines = steps.with_economics(lines, trailing(look_back), parameters)
    lines = with_life_cycle(lines, tables.weekly, days)
    lines = steps.with_demand(lines, forecast)
    lines = steps.with_position(lines, tables, look_back, forecast, parameters)
    lines = steps.with_policy(lines, parameters)
    lines = with_season(lines, forecast, tables, parameters)
    lines = with_transfers(lines, parameters)
    lines = steps.with_decision(lines, forecast, parameters)
    lines = with_limits(lines, tables, forecast, parameters)
    return with_reasons(lines)


def most_urgent(plan: pl.DataFrame, n: int = 10) -> pl.DataFrame:
    """The `n` orders of a plan that can wait least.

    In the order of `exceptions_first`.

    Args:
        plan: Rows of `REPLENISHMENT_PLAN`.
        n: Lines wanted.

    Returns:
        At most `n` lines with something to order.
    """
    return exceptions_first(plan.filter(pl.col("order_quantity") > 0)).head(n)


def exceptions_first(plan: pl.DataFrame) -> pl.DataFrame:
    """A plan in the order in which a person should read it.

    Exceptions come first, gravest first; then what can wait least, then the most margin at risk.

    Args:
        plan: Rows of `REPLENISHMENT_PLAN`.

    Returns:
        All of them; ties by item and location.
    """
    return plan.sort(
        "exception_rank",
        "latest_order_date",
        "margin_at_risk",
        "item_id",
        "location_id",
        descending=[False, False, True, False, False],
        nulls_last=True,
    )
