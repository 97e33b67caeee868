"""The allocation problem: what every line may order, and the limits that lines share.

A line is an item at a location. It orders nothing, or whole packs between its minimum and its
maximum. What it gains is the expected cost that the order saves over the protection period.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from forecast_platform.errors import ConfigurationError, ContractError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_LARGEST = 1e9
"""Units beyond which a quantity counts as an error of the data."""


class LineReason(StrEnum):
    """Why a line has its quantity, or none."""

    ORDERED = "ordered"
    NO_GAIN = "no_gain"
    CUT_BY_LIMITS = "cut_by_limits"
    LIMIT_IS_ZERO = "limit_is_zero"
    INVALID_POSITION = "invalid_position"
    INVALID_DEMAND = "invalid_demand"
    INVALID_COST = "invalid_cost"
    INVALID_TERMS = "invalid_terms"
    PACK_ABOVE_MAXIMUM = "pack_above_maximum"
    MINIMUM_ABOVE_MAXIMUM = "minimum_above_maximum"
    TOO_LARGE = "too_large"


@dataclass(frozen=True)
class Lines:
    """N lines; one number or (N,) except where noted.

    Attributes:
        position: (N,) inventory position before ordering, units; below zero where owed.
        demand: (N, B) equally likely demands over the protection period, units, rising.
        underage: Currency per unit of demand not covered: lost margin or penalty.
        overage: Currency per unit left at the end: holding, or loss on what spoils.
        order_cost: Currency per line ordered.
        pack: Units per pack, above 0.
        minimum: Least units of an order, if one is placed.
        maximum: Most units of an order. No line orders beyond its largest demand, but for what
            its minimum, its supplier's minimum and whole packs ask for.
        usage: (M, N) of each shared limit per unit; the first is purchase cost, currency.
        supplier: (N,) place of the line's supplier in `Limits.supplier_minimum`.
    """

    position: ArrayLike
    demand: ArrayLike
    underage: ArrayLike
    overage: ArrayLike
    usage: ArrayLike
    order_cost: ArrayLike = 0.0
    pack: ArrayLike = 1.0
    minimum: ArrayLike = 0.0
    maximum: ArrayLike = np.inf
    supplier: ArrayLike | None = None


@dataclass(frozen=True)
class Limits:
    """What lines share.

    Attributes:
        most: (M,) most of each usage: the budget in currency, then for instance volume. Infinite
            where there is none.
        supplier_minimum: (J,) least purchase value of a supplier's orders together, if any is
            placed, currency.
    """

    most: ArrayLike
    supplier_minimum: ArrayLike = ()


@dataclass(frozen=True)
class Problem:
    """Checked lines and limits; only lines that make sense are in the arrays.

    Attributes:
        kept: (n,) places of the lines kept among the N given.
        reasons: (N,) `LineReason` of those left out, "" of the others.
        position: (n,) units.
        demand: (n, B) units.
        sums: (n, B + 1) sums of the first 0 .. B demands.
        underage: (n,) currency per unit.
        overage: (n,) currency per unit.
        order_cost: (n,) currency.
        pack: (n,) units.
        fewest: (n,) packs of the smallest order.
        most_packs: (n,) packs of the largest order.
        usage: (M, n) per unit.
        limits: (M,).
        supplier: (n,) places in `supplier_minimum`.
        supplier_minimum: (J,) currency; one supplier without a minimum where none are given.
    """

    kept: IntArray
    reasons: NDArray[np.str_]
    position: FloatArray
    demand: FloatArray
    sums: FloatArray
    underage: FloatArray
    overage: FloatArray
    order_cost: FloatArray
    pack: FloatArray
    fewest: IntArray
    most_packs: IntArray
    usage: FloatArray
    limits: FloatArray
    supplier: IntArray
    supplier_minimum: FloatArray

    @property
    def lines(self) -> int:
        """Lines kept, n."""
        return int(self.kept.size)

    def used(self, packs: IntArray) -> FloatArray:
        """(M,) usage of a plan of packs (n,)."""
        return np.asarray(self.usage @ (packs * self.pack))

    def spent_by_supplier(self, packs: IntArray) -> FloatArray:
        """(J,) purchase value of a plan of packs (n,), currency."""
        spent = self.usage[0] * self.pack * packs
        sums = np.bincount(self.supplier, spent, minlength=self.supplier_minimum.size)
        return np.asarray(sums, np.float64)

    def is_feasible(self, packs: IntArray) -> bool:
        """Whether packs (n,) keep every limit, to 1e-9 of it."""
        spent = self.spent_by_supplier(packs)
        short = (spent > 0) & (spent < self.supplier_minimum * (1 - 1e-9))
        sizes = (packs == 0) | ((packs >= self.fewest) & (packs <= self.most_packs))
        within = self.used(packs) <= self.limits * (1 + 1e-9)
        return bool(within.all() and not short.any() and sizes.all())


def equal_points(levels: ArrayLike, quantiles: ArrayLike, points: int = 32) -> FloatArray:
    """Equally likely demands with the given quantiles.

    Args:
        levels: (Q,) rising probabilities.
        quantiles: (N, Q) units.
        points: B.

    Returns:
        (N, B) units: quantiles at (b + 1/2) / B, linear between the levels, constant beyond.
    """
    level, given = np.asarray(levels, np.float64), np.asarray(quantiles, np.float64)
    at = (np.arange(points) + 0.5) / points
    after = np.clip(np.searchsorted(level, at), 1, level.size - 1)
    share = np.clip((at - level[after - 1]) / (level[after] - level[after - 1]), 0.0, 1.0)
    return np.asarray(given[:, after - 1] * (1 - share) + given[:, after] * share)


def prepare(lines: Lines, limits: Limits) -> Problem:
    """Check lines and limits.

    Lines that make no sense are left out with their reason; a limit that makes none, or arrays
    that do not fit each other, are errors.

    Raises:
        ContractError: If there is no line, or an array has another shape.
        ConfigurationError: If a limit is negative or NaN.
    """
    demand = np.asarray(lines.demand, np.float64)
    if demand.ndim != 2 or demand.size == 0:
        raise ContractError(
            "Demand of the lines was expected as (lines, points) with at least one of each; the "
            f"shape {demand.shape} came: give every line its forecast."
        )
    count = demand.shape[0]
    most, minimum = _limits(limits)
    usage = np.asarray(lines.usage, np.float64)
    if usage.shape != (most.size, count):
        raise ContractError(
            f"Usage was expected as ({most.size} limits, {count} lines); the shape "
            f"{usage.shape} came."
        )
    names = ("position", "underage", "overage", "order_cost", "pack", "minimum", "maximum")
    columns = {name: _column(getattr(lines, name), name, count) for name in names}
    supplier = _suppliers(lines.supplier, count, minimum.size)
    wide = np.where(columns["pack"] > 0, columns["pack"], 1.0)
    with np.errstate(invalid="ignore"):
        fewest = np.maximum(1.0, np.ceil(columns["minimum"] / wide - 1e-9))
        useful = np.ceil((demand[:, -1] - columns["position"]) / wide - 1e-9)
        most_packs = np.floor(columns["maximum"] / wide + 1e-9)
        reasons = _reasons(columns, demand, usage, fewest, most_packs)
        reasons = np.where(
            (reasons == "") & (usage[most == 0] > 0).any(axis=0), LineReason.LIMIT_IS_ZERO, reasons
        )
        useful = np.maximum(useful, _packs_to_minimum(minimum[supplier], usage[0] * wide))
        most_packs = np.minimum(most_packs, np.maximum(fewest, useful))
    kept = np.flatnonzero(reasons == "")
    demand = np.ascontiguousarray(demand[kept])
    picked = {name: np.ascontiguousarray(column[kept]) for name, column in columns.items()}
    return Problem(
        kept=kept,
        reasons=reasons,
        position=picked["position"],
        demand=demand,
        sums=np.concatenate([np.zeros((kept.size, 1)), np.cumsum(demand, axis=1)], axis=1),
        underage=picked["underage"],
        overage=picked["overage"],
        order_cost=picked["order_cost"],
        pack=picked["pack"],
        fewest=fewest[kept].astype(np.int64),
        most_packs=most_packs[kept].astype(np.int64),
        usage=np.ascontiguousarray(usage[:, kept]),
        limits=most,
        supplier=supplier[kept],
        supplier_minimum=minimum,
    )


def _packs_to_minimum(minimum: FloatArray, cost: FloatArray) -> FloatArray:
    """(N,) packs of a line that reach its supplier's minimum by themselves, at a cost per pack."""
    return np.ceil(np.divide(minimum, cost, out=np.zeros_like(cost), where=cost > 0) - 1e-9)


def _reasons(
    columns: dict[str, FloatArray],
    demand: FloatArray,
    usage: FloatArray,
    fewest: FloatArray,
    most_packs: FloatArray,
) -> NDArray[np.str_]:
    """Why each line cannot be planned; the first that holds."""
    position, pack, maximum = columns["position"], columns["pack"], columns["maximum"]
    low = np.minimum.reduce([columns[n] for n in ("underage", "overage", "order_cost")])
    high = np.maximum.reduce([columns[n] for n in ("underage", "overage", "order_cost")])
    rising = np.all(np.diff(demand, axis=1) >= 0, axis=1)
    known = np.isfinite(demand).all(axis=1) & (demand >= 0).all(axis=1) & rising
    fine_costs = (low >= 0) & np.isfinite(high) & (columns["underage"] + columns["overage"] > 0)
    fine_usage = (np.isfinite(usage) & (usage >= 0)).all(axis=0)
    fine_terms = (pack > 0) & np.isfinite(pack) & (columns["minimum"] >= 0) & (maximum >= 0)
    too_large = np.maximum.reduce([np.abs(position), demand[:, -1], fewest * pack]) > _LARGEST
    checks = {
        LineReason.INVALID_POSITION: ~np.isfinite(position),
        LineReason.INVALID_DEMAND: ~known,
        LineReason.INVALID_COST: ~(fine_costs & fine_usage),
        LineReason.INVALID_TERMS: ~(fine_terms & np.isfinite(columns["minimum"])),
        LineReason.PACK_ABOVE_MAXIMUM: most_packs < 1,
        LineReason.MINIMUM_ABOVE_MAXIMUM: fewest > most_packs,
        LineReason.TOO_LARGE: too_large,
    }
    return np.select(list(checks.values()), [np.asarray(code.value) for code in checks], "")


def _limits(limits: Limits) -> tuple[FloatArray, FloatArray]:
    most = np.asarray(limits.most, np.float64)
    minimum = np.asarray(limits.supplier_minimum, np.float64)
    if most.ndim != 1 or most.size == 0 or not (most >= 0).all():
        raise ConfigurationError(
            f"Limits were expected as one number from 0 each, the budget first; {limits.most!r} "
            "came: give infinity where there is no limit."
        )
    if minimum.ndim != 1 or not (np.isfinite(minimum) & (minimum >= 0)).all():
        raise ConfigurationError(
            "Suppliers' minimum order values were expected as finite numbers from 0; "
            f"{limits.supplier_minimum!r} came: give 0 where a supplier has none."
        )
    return most, minimum if minimum.size else np.zeros(1)


def _column(value: ArrayLike, name: str, count: int) -> FloatArray:
    given = np.asarray(value, np.float64)
    if given.shape not in ((), (count,)):
        raise ContractError(
            f"{name}: one number or ({count} lines,) was expected; the shape {given.shape} came."
        )
    return np.array(np.broadcast_to(given, (count,)))


def _suppliers(supplier: ArrayLike | None, count: int, suppliers: int) -> IntArray:
    given = np.zeros(count, np.int64) if supplier is None else np.asarray(supplier)
    fits = given.shape == (count,) and given.dtype.kind in "iu"
    if not fits or given.min() < 0 or given.max() >= suppliers:
        raise ContractError(
            f"supplier: whole numbers from 0 to {suppliers - 1}, one for each of {count} lines, "
            "were expected: number the suppliers as in supplier_minimum."
        )
    return given.astype(np.int64)
