"""The rows of `policy_choice`: SKUs of a cutoff, their terms, what was found and why."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from forecast_platform.contracts.choice import POLICIES, POLICY_CHOICE
from forecast_platform.replenishment.choice.choose import Choice, choose, total
from forecast_platform.replenishment.choice.evaluate import Case, Figures, evaluate
from forecast_platform.replenishment.economics import unit_margins
from forecast_platform.replenishment.history import history, trailing
from forecast_platform.replenishment.parameters import PlanParameters
from forecast_platform.replenishment.steps import with_economics
from forecast_platform.replenishment.terms import terms
from forecast_platform.text import filled

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

DEMAND_DAYS = 182
"""Days up to the cutoff from which demand is drawn: half a year of whole weeks."""
LEAST_DAYS = 56
"""Days of known demand that a SKU needs for a choice of its own."""

_KEYS = ["item_id", "location_id"]
_ON_OFFER_DAYS = 7
_NAMES = np.array(POLICIES)
_PLACES = {name: at for at, name in enumerate(POLICIES)}
_FIGURES = (
    "cost", "cost_error", "holding_cost", "ordering_cost", "shortage_cost", "fill_rate",
    "cycle_service_level", "service_error", "reorder_point", "order_up_to_level",
)  # fmt: skip


def policy_choice(
    cutoff: dt.date,
    clean_demand: pl.DataFrame,
    products: pl.DataFrame,
    suppliers: pl.DataFrame,
    lead_times: pl.DataFrame,
    earlier: pl.DataFrame,
    parameters: PlanParameters,
    seed: int,
    ray_address: str | None = None,
) -> pl.DataFrame:
    """Choose the policy of every SKU on offer in the week up to a cutoff.

    Rows dated after the cutoff are not read; the order of rows is not significant.

    Args:
        cutoff: A Sunday: paths of demand are whole weeks after it.
        clean_demand: Clean demand of the `DEMAND_DAYS` up to the cutoff.
        products: Validated products.
        suppliers: Validated supplier terms; empty where a shop lands none.
        lead_times: Lead times known at the cutoff; empty where no deliveries are.
        earlier: Rows of `POLICY_CHOICE`; the newest before the cutoff say what orders now.
        parameters: Targets, cost rates and terms where none are known.
        seed: Seed of demand and lead times.
        ray_address: Ray cluster that simulates instead of this machine, as for `spread`.

    Returns:
        Rows of `POLICY_CHOICE`, sorted by its key. SKUs with too little history take the choice of
        their ABC class, and the default without one, or without a cost.

    Raises:
        ContractError: If a table holds a key twice.
    """
    first = cutoff - dt.timedelta(days=DEMAND_DAYS - 1)
    rows = clean_demand.filter(pl.col("date").is_between(first, cutoff))
    lines = sku_lines(cutoff, rows, products, suppliers, lead_times, parameters)
    demand = daily_demand(rows, lines, first)
    lines = lines.with_columns(
        pl.Series("known_days", np.isfinite(demand).sum(axis=1), pl.Int64),
        least_days=pl.max_horizontal(pl.lit(LEAST_DAYS), "protection_days"),
    )
    own = lines.select(
        pl.col("unit_cost").is_not_null() & (pl.col("known_days") >= pl.col("least_days"))
    ).to_series()
    before = _before(earlier, cutoff)
    skus = lines.filter(own)
    if skus.is_empty():
        return _table(cutoff, _without_figures(lines, {}))
    case = _case(skus, demand[own.to_numpy()], cutoff, parameters)
    figures = evaluate(case, seed, ray_address)
    choice = choose(figures, skus["service_level"].to_numpy(), _incumbents(skus, before))
    winners = _class_winners(skus, figures, before)
    return _table(
        cutoff,
        _with_figures(skus, figures, choice),
        _without_figures(lines.filter(~own), winners),
    )


def sku_lines(
    cutoff: dt.date,
    clean_demand: pl.DataFrame,
    products: pl.DataFrame,
    suppliers: pl.DataFrame,
    lead_times: pl.DataFrame,
    parameters: PlanParameters,
) -> pl.DataFrame:
    """SKUs on offer with their terms, cost, price, class and service level, sorted by key."""
    since = cutoff - dt.timedelta(days=_ON_OFFER_DAYS - 1)
    series = clean_demand.filter(pl.col("date") >= since).select(_KEYS).unique()
    known = lead_times.filter(pl.col("date") == cutoff)
    cost = products.select("item_id", pl.col("unit_cost").cast(pl.Float64).alias("landed_cost"))
    lines = (
        terms(series, products, suppliers, parameters, known)
        .join(cost, on="item_id", how="left")
        .with_columns(date=pl.lit(cutoff))
        .sort(_KEYS)
    )
    return with_economics(lines, trailing(history(clean_demand, lines)), parameters)


def daily_demand(rows: pl.DataFrame, lines: pl.DataFrame, first: dt.date) -> FloatArray:
    """(N, DEMAND_DAYS) units per day of the lines; NaN where unknown."""
    keys = lines.select(_KEYS).with_row_index("line")
    found = rows.select(*_KEYS, "date", "demand_units").join(keys, on=_KEYS)
    day = (found["date"] - first).dt.total_days().to_numpy()
    demand = np.full((lines.height, DEMAND_DAYS), np.nan)
    demand[found["line"].to_numpy(), day] = found["demand_units"].cast(pl.Float64).to_numpy()
    return demand


def _case(
    skus: pl.DataFrame, demand: FloatArray, cutoff: dt.date, parameters: PlanParameters
) -> Case:
    def numbers(name: str) -> FloatArray:
        return skus[name].cast(pl.Float64).to_numpy()

    cost, review = numbers("unit_cost"), skus["review_days"].to_numpy()
    return Case(
        ids=(skus["item_id"] + "/" + skus["location_id"]).to_list(),
        demand=demand,
        lead_time=skus["lead_time_days"].to_numpy(),
        # As plans have it: reviews are fixed in the calendar, every 7 days means Mondays.
        first_review=-cutoff.toordinal() % review,
        terms={
            "protection": numbers("protection_days"),
            "review": numbers("review_days"),
            "lead_time_std": numbers("lead_time_std_days"),
            "service_level": numbers("service_level"),
            "order_cost": numbers("order_cost"),
            "holding": parameters.holding_rate * cost,
            "margin": unit_margins(numbers("price"), cost, parameters.cost_share),
            "minimum": numbers("min_order_quantity"),
            "pack": numbers("pack_size"),
            "max_cover": np.full(skus.height, parameters.max_cover_days),
        },
    )


def _before(earlier: pl.DataFrame, cutoff: dt.date) -> pl.DataFrame:
    """What orders now: the policies chosen at the newest cutoff before this one."""
    rows = earlier.filter(pl.col("cutoff") < cutoff, pl.col("is_chosen"))
    return rows.filter(pl.col("cutoff") == pl.col("cutoff").max())


def _incumbents(skus: pl.DataFrame, before: pl.DataFrame) -> IntArray:
    """(N,) place of the policy that a SKU's own demand chose before; -1 where there is none."""
    own = before.filter(pl.col("basis") == "own_demand").select(*_KEYS, "policy")
    return _places(skus.join(own, on=_KEYS, how="left", maintain_order="left")["policy"])


def _class_winners(skus: pl.DataFrame, figures: Figures, before: pl.DataFrame) -> dict[str, str]:
    """The policy of each ABC class, for those of its SKUs that have too little history."""
    classes = skus.select("abc_class", "service_level").unique().sort("abc_class")
    places = skus["abc_class"].replace_strict(
        {name: at for at, name in enumerate(classes["abc_class"])}, return_dtype=pl.Int64
    )
    of_class = before.filter(pl.col("basis") == "class").group_by("abc_class").agg(
        pl.col("policy").min()
    )  # fmt: skip
    incumbents = classes.join(of_class, on="abc_class", how="left", maintain_order="left")
    found = choose(
        total(figures, places.to_numpy(), classes.height),
        classes["service_level"].to_numpy(),
        _places(incumbents["policy"]),
    )
    return dict(zip(classes["abc_class"], _NAMES[found.chosen].tolist(), strict=True))


def _places(policies: pl.Series) -> IntArray:
    return policies.replace_strict(_PLACES, default=-1, return_dtype=pl.Int64).to_numpy()


def _with_figures(skus: pl.DataFrame, figures: Figures, choice: Choice) -> pl.DataFrame:
    """A row per SKU and policy, with why it is chosen or not."""
    cost, reach = figures.cost, choice.meets.sum(axis=0)
    columns: Mapping[str, NDArray[np.generic]] = {
        "rank": choice.rank, "cost": cost.mean, "cost_error": cost.standard_error,
        "holding_cost": figures.parts["holding"], "ordering_cost": figures.parts["ordering"],
        "shortage_cost": figures.parts["shortage"], "fill_rate": figures.fill_rate,
        "cycle_service_level": figures.service, "service_error": figures.service_error,
        "meets_target": choice.meets, "reorder_point": figures.reorder_point,
        "order_up_to_level": figures.order_up_to,
    }  # fmt: skip
    shared = skus.with_columns(
        pl.Series("kept", choice.kept),
        pl.Series("reach", reach),
        pl.Series("chosen_cost", cost.mean[choice.chosen, np.arange(skus.height)]),
        idle=pl.Series(np.isnan(figures.fill_rate).all(axis=0)),
    )
    rows = [
        shared.with_columns(
            pl.lit(name).alias("policy"),
            *(pl.Series(column, values[at]) for column, values in columns.items()),
        )
        for at, name in enumerate(POLICIES)
    ]
    return pl.concat(rows).with_columns(
        pl.col("fill_rate").fill_nan(None), basis=pl.lit("own_demand"), reason=_reason()
    )  # fmt: skip


def _reason() -> pl.Expr:
    aimed = filled("a cycle service level of {} %", (pl.col("service_level") * 100).round(1))
    chosen = (
        pl.when("idle")
        .then(pl.lit("no demand in the look-back: all cost the same"))
        .when("kept")
        .then(pl.lit("ordered before; no other is better with confidence"))
        .when(pl.col("reach") > 0)
        .then(filled("cheapest of {} that reach {}", "reach", aimed))
        .otherwise(filled("none reaches {}: nearest to it", aimed))
    )
    dearer = ((pl.col("cost") / pl.col("chosen_cost") - 1) * 100).round(1)
    other = (
        pl.when("idle")
        .then(pl.lit("no demand in the look-back: all cost the same"))
        .when(~pl.col("meets_target"))
        .then(filled("reaches {} %, misses {}",
                        (pl.col("cycle_service_level") * 100).round(1), aimed))
        .when(dearer == 0)
        .then(pl.lit("costs the same"))
        .when(dearer > 0)
        .then(filled("costs {} % more", dearer))
        .otherwise(filled("costs {} % less, too little or too uncertain to change for", -dearer))
    )  # fmt: skip
    return pl.when(pl.col("rank") == 1).then(chosen).otherwise(other)


def _without_figures(lines: pl.DataFrame, winners: Mapping[str, str]) -> pl.DataFrame:
    """A row per SKU and policy, by the choice of the class or the default."""
    of_class = pl.col("abc_class").replace_strict(winners, default=None, return_dtype=pl.String)
    by_class = pl.col("unit_cost").is_not_null() & of_class.is_not_null()
    chosen = pl.when(by_class).then(of_class).otherwise(pl.lit(POLICIES[0]))
    place, of_chosen = (
        named.replace_strict(_PLACES, return_dtype=pl.Int64) for named in (pl.col("policy"), chosen)
    )
    days = filled("{} days of known demand, {} needed", "known_days", "least_days")
    reason = (
        pl.when(by_class)
        .then(filled("choice of class {}: {}", "abc_class", days))
        .when(pl.col("unit_cost").is_null())
        .then(pl.lit("the default: neither cost nor price is known"))
        .otherwise(filled("the default: {}, and the class has no choice", days))
    )
    return lines.join(pl.DataFrame({"policy": POLICIES}), how="cross").with_columns(
        rank=pl.when(place == of_chosen).then(1).when(place < of_chosen).then(place + 2)
        .otherwise(place + 1).cast(pl.Int64),
        basis=pl.when(by_class).then(pl.lit("class")).otherwise(pl.lit("default")),
        reason=reason,
        meets_target=pl.lit(None, dtype=pl.Boolean),
        **{name: pl.lit(None, dtype=pl.Float64) for name in _FIGURES},
    )  # fmt: skip


def _table(cutoff: dt.date, *parts: pl.DataFrame) -> pl.DataFrame:
    """All columns of the contract, sorted by its key."""
    dated = [
        part.with_columns(
            cutoff=pl.lit(cutoff), is_chosen=pl.col("rank") == 1, service_target="service_level"
        ).select(POLICY_CHOICE.column_names)
        for part in parts
    ]
    return pl.concat(dated).sort(POLICY_CHOICE.key)
