"""The orders of one day that are worth most within the limits its lines share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from forecast_platform.replenishment.optimise.best import best_plan
from forecast_platform.replenishment.optimise.lagrangian import Allocation
from forecast_platform.replenishment.optimise.problem import Limits, Lines
from forecast_platform.replenishment.order_value import order_lines
from forecast_platform.replenishment.parameters import PlanParameters

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class SharedLimits:
    """What the lines of one day share.

    Attributes:
        usage: (M, N) of each limit per unit: purchase cost, then volume.
        most: (M,) of each; infinite where the day has no such limit.
        supplier: (N,) places of the lines' suppliers.
        minimum: (J,) least order value of each supplier, currency; 0 where it has none.
    """

    usage: FloatArray
    most: FloatArray
    supplier: NDArray[np.int64]
    minimum: FloatArray

    @property
    def limits(self) -> Limits:
        """As the optimiser takes them."""
        return Limits(self.most, self.minimum)

    @property
    def has_budget(self) -> bool:
        """Whether the day has a budget."""
        return bool(np.isfinite(self.most[0]))


def shared_limits(lines: pl.DataFrame, parameters: PlanParameters) -> SharedLimits:
    """Limits of the lines of one day.

    An unknown cost or volume counts as nothing.

    Args:
        lines: N lines of one day.
        parameters: Budget and volumes.
    """
    cost = np.nan_to_num(_numbers(lines, "unit_cost"))
    volume = np.nan_to_num(_numbers(lines, "volume"))
    usage, most = [cost], [parameters.order_budget]
    if parameters.order_volume is not None:
        usage, most = [*usage, volume], [*most, parameters.order_volume]
    if parameters.location_order_volume is not None:
        for location in lines["location_id"].unique().sort():
            usage.append(np.where((lines["location_id"] == location).to_numpy(), volume, 0.0))
            most.append(parameters.location_order_volume)
    names = lines["supplier_id"].fill_null("")
    suppliers = names.unique().sort()
    place = dict(zip(suppliers, range(suppliers.len()), strict=True))
    supplier = names.replace_strict(place, return_dtype=pl.Int64).to_numpy()
    minimum = np.zeros(suppliers.len())
    minimum[supplier] = np.nan_to_num(_numbers(lines, "supplier_minimum"))
    return SharedLimits(
        np.stack(usage),
        np.array([np.inf if limit is None else limit for limit in most]),
        supplier,
        minimum,
    )


def allocated(lines: pl.DataFrame, parameters: PlanParameters) -> pl.DataFrame:
    """Allocate the limits of one day to its lines.

    A line without a known cost is not ordered under a budget, which it could break, and keeps its
    quantity otherwise.

    Args:
        lines: N lines of one day with the policy's decision.
        parameters: Budget, volumes and cost rates.

    Returns:
        N rows: `allocated_quantity`, what the policy wanted, figures and flags of `with_limits`.
    """
    shared = shared_limits(lines, parameters)
    wanted = _numbers(lines, "order_quantity")
    takes_part = taking_part(lines, wanted, shared)
    quantity = np.where(shared.has_budget & (shared.usage[0] == 0) & (wanted > 0), 0.0, wanted)
    gap, prices = 0.0, np.zeros(shared.most.size)
    if takes_part.any():
        plan = best_plan(lines_of(lines, takes_part, wanted, shared, parameters), shared.limits)
        quantity[takes_part] = plan.quantity
        gap, prices = _finite_gap(plan), plan.prices
    volumes = parameters.order_volume is not None or parameters.location_order_volume is not None
    unknown = lines["volume"].is_null().to_numpy()
    volume = np.where(unknown | (not volumes), np.nan, quantity * _numbers(lines, "volume"))
    return pl.DataFrame(
        {
            "allocated_quantity": quantity,
            "unlimited_quantity": wanted,
            "order_volume": volume,
            "plan_gap": np.full(wanted.size, gap),
            "budget_price": np.full(wanted.size, prices[0] if shared.has_budget else np.nan),
            **_flags(quantity, wanted, prices, shared),
            "volume_unknown": unknown & volumes & (wanted > 0),
        }
    ).with_columns(pl.col("unlimited_quantity", "order_volume", "budget_price").fill_nan(None))


def taking_part(lines: pl.DataFrame, wanted: FloatArray, shared: SharedLimits) -> BoolArray:
    """(N,) lines that limits are allocated to: due, or early for a supplier's minimum."""
    due_or_early = (wanted > 0) | _could_be_early(lines, wanted, shared)
    return np.asarray(due_or_early & (shared.usage[0] > 0))


def _could_be_early(lines: pl.DataFrame, wanted: FloatArray, shared: SharedLimits) -> BoolArray:
    """(N,) lines not due, to which a supplier with a minimum and due lines could be topped up."""
    has_due = np.bincount(shared.supplier, wanted > 0, minlength=shared.minimum.size) > 0
    room = _numbers(lines, "order_up_to_level") > _numbers(lines, "planned_position")
    return np.asarray((wanted == 0) & room & (has_due & (shared.minimum > 0))[shared.supplier])


def lines_of(
    lines: pl.DataFrame,
    takes_part: BoolArray,
    wanted: FloatArray,
    shared: SharedLimits,
    parameters: PlanParameters,
) -> Lines:
    """The lines that take part, as the optimiser has them.

    Only a supplier's minimum raises a line above what is wanted, up to the longest cover.
    """
    part = lines.filter(pl.Series(takes_part))
    pack = _numbers(part, "pack_size")
    demand, days = _numbers(part, "protection_demand"), _numbers(part, "protection_days")
    longest = demand * (1 + parameters.max_cover_days / days)
    raised = np.floor((longest - _numbers(part, "planned_position")) / pack) * pack
    has_minimum = shared.minimum[shared.supplier[takes_part]] > 0
    most = np.maximum(wanted[takes_part], np.where(has_minimum, raised, 0.0))
    return order_lines(
        part,
        wanted[takes_part],
        most,
        shared.usage[:, takes_part],
        shared.supplier[takes_part],
        parameters,
    )


def _finite_gap(plan: Allocation) -> float:
    """Gap of a plan; 1 where it saves nothing although something might be saved."""
    return min(plan.gap, 1.0)


def _flags(
    quantity: FloatArray, wanted: FloatArray, prices: FloatArray, shared: SharedLimits
) -> dict[str, BoolArray]:
    """What changed each line: the limit that weighs most on it, or its supplier's minimum."""

    def spent(units: FloatArray) -> FloatArray:
        value = np.nan_to_num(units) * shared.usage[0]
        by_supplier = np.bincount(shared.supplier, value, minlength=shared.minimum.size)
        return np.asarray(by_supplier, np.float64)

    missed = (spent(quantity) == 0) & (spent(wanted) < shared.minimum)
    cut = quantity < wanted
    postponed = cut & missed[shared.supplier]
    used = shared.usage @ np.nan_to_num(quantity)
    tightness = np.divide(used, shared.most, out=np.full_like(used, 2.0), where=shared.most > 0)
    weight = prices[:, None] * shared.usage
    free = weight.max(axis=0) == 0
    first = np.where(free, tightness.argmax(), weight.argmax(axis=0))
    # Only a budget cuts a line of unknown cost.
    first = np.where(shared.usage[0] == 0, 0, first)
    return {
        "cut_to_budget": cut & ~postponed & (first == 0),
        "cut_to_volume": cut & ~postponed & (first > 0),
        "raised_to_supplier": quantity > wanted,
        "postponed_to_supplier": postponed,
    }


def _numbers(lines: pl.DataFrame, name: str) -> FloatArray:
    return lines[name].cast(pl.Float64).to_numpy()
