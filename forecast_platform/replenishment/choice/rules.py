"""The candidate policies: the levels each sets from demand over lead time plus review period.

The plan and the simulation that chooses among candidates both take their levels from here, so a
plan orders as was simulated. Reviews come every R days; s is the reorder point, S the order-up-to
level, Q the economic order quantity:

    (R,s,S)            s protects at the service level, S = s + Q
    (R,S)              S protects at the service level; every review orders up to it
    (R,s,nQ)           as (R,s,S), but in whole lots of Q, as many as fit below s + Q
    economic (R,s,S)   as (R,s,S), but s at the critical ratio of margin p and holding h
    base-stock         S at the critical ratio
    capped base-stock  base-stock, an order at most a little above a review period's demand
    lot-for-lot        S is expected demand: every review orders what is needed, no safety stock

Sources: Silver, Pyke and Thomas (2017), chapter 6; Hadley and Whitin (1963) for nQ; Xin (2021),
Operations Research 69(1), for the cap.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from forecast_platform.contracts import QUANTILES
from forecast_platform.contracts.choice import DEFAULT_POLICY, POLICIES
from forecast_platform.replenishment import policy
from forecast_platform.replenishment.economics import economic_order_quantity

FloatArray = NDArray[np.float64]

_DAYS_PER_YEAR = 365.0
_CAP_SPREADS = 0.5
"""Standard deviations by which a cap exceeds a review period's demand: about where the best caps
of Zipkin's (2008) cases lie, 5 to 6 for Poisson demand of 5."""


class Rule(NamedTuple):
    """How a policy sets its levels.

    Attributes:
        protects: What safety stock protects at: "service level", "critical ratio" or "nothing".
        lots: Whether orders are economic order quantities; `whole_lots`: multiples of them.
        whole_lots: See `lots`.
        capped: Whether an order has a most.
    """

    protects: str
    lots: bool = False
    whole_lots: bool = False
    capped: bool = False


RULES = {
    DEFAULT_POLICY: Rule("service level", lots=True),
    "(R,S)": Rule("service level"),
    "(R,s,nQ)": Rule("service level", lots=True, whole_lots=True),
    "economic (R,s,S)": Rule("critical ratio", lots=True),
    "base-stock": Rule("critical ratio"),
    "capped base-stock": Rule("critical ratio", capped=True),
    "lot-for-lot": Rule("nothing"),
}
assert tuple(RULES) == POLICIES


@dataclass(frozen=True)
class Basis:
    """What levels rest on: one value per SKU or plan line, units, days and currency.

    Attributes:
        mean: (N,) expected demand over the protection period (lead time plus review).
        std: (N,) its standard deviation.
        quantiles: (N, Q) its quantiles at `QUANTILES`.
        protection: (N,) protection period.
        review: (N,) review period.
        lead_time_std: (N,) standard deviation of the lead time.
        service_level: (N,) cycle service level aimed at.
        order_cost: (N,) K, currency per order.
        holding: (N,) currency per unit and year; NaN where unknown.
        margin: (N,) lost with a unit not sold; NaN where unknown.
        minimum: (N,) smallest order.
        pack: (N,) units per pack.
        max_cover: (N,) longest cover that an economic order quantity may buy.
    """

    mean: FloatArray
    std: FloatArray
    quantiles: FloatArray
    protection: FloatArray
    review: FloatArray
    lead_time_std: FloatArray
    service_level: FloatArray
    order_cost: FloatArray
    holding: FloatArray
    margin: FloatArray
    minimum: FloatArray
    pack: FloatArray
    max_cover: FloatArray

    def at(self, rows: NDArray[np.bool_] | slice) -> Self:
        """Some of the rows."""
        return replace(self, **{f.name: getattr(self, f.name)[rows] for f in fields(self)})


@dataclass(frozen=True)
class Levels:
    """Levels of N SKUs, units.

    Attributes:
        safety_stock: (N,).
        reorder_point: (N,) s: an order is placed at a review with the position at or below it.
        order_up_to: (N,) S.
        eoq: (N,) economic order quantity; NaN without a cost.
        cycle_stock: (N,) S less s.
        lot: (N,) Q of whole lots; NaN where orders are not multiples of one.
        cap: (N,) most units of an order; NaN where there is no most.
        critical_ratio: (N,) where safety stock protects at it; NaN elsewhere.
    """

    safety_stock: FloatArray
    reorder_point: FloatArray
    order_up_to: FloatArray
    eoq: FloatArray
    cycle_stock: FloatArray
    lot: FloatArray
    cap: FloatArray
    critical_ratio: FloatArray


def levels_of(policies: NDArray[Any], basis: Basis) -> Levels:
    """The levels of every SKU under a policy of its own.

    Args:
        policies: (N,) names out of `POLICIES`.
        basis: N SKUs.
    """
    found = {f.name: np.full(basis.mean.shape, np.nan) for f in fields(Levels)}
    for name, rule in RULES.items():
        rows = np.asarray(policies == name)
        if rows.any():
            levels = _levels(rule, basis.at(rows))
            for field, values in found.items():
                values[rows] = getattr(levels, field)
    return Levels(**found)


def _levels(rule: Rule, basis: Basis) -> Levels:
    eoq, cycle = _economic_lots(basis)
    lot = policy.whole_packs(cycle, basis.minimum, basis.pack)
    if not rule.lots:
        cycle = np.zeros_like(cycle)
    if rule.whole_lots:
        cycle = lot
    of_ratio = rule.protects == "critical ratio"
    ratio = _critical_ratio(basis, cycle)
    safety = 0.0 * basis.mean
    if rule.protects != "nothing":
        known = of_ratio & ~np.isnan(ratio)
        safety = _safety_stock(basis, np.where(known, ratio, basis.service_level))
    none = np.full_like(basis.mean, np.nan)
    point = basis.mean + safety
    return Levels(
        safety_stock=safety,
        reorder_point=point,
        order_up_to=point + cycle,
        eoq=eoq,
        cycle_stock=cycle,
        # Without demand there is no lot, and S is s.
        lot=np.where(lot > 0, lot, np.nan) if rule.whole_lots else none,
        cap=_cap(basis) if rule.capped else none,
        critical_ratio=ratio if of_ratio else none,
    )


def _safety_stock(basis: Basis, level: FloatArray) -> FloatArray:
    quantile = policy.quantile_at(level, QUANTILES, basis.quantiles, basis.std)
    spread = basis.mean / basis.protection * basis.lead_time_std
    return policy.safety_stock(level, quantile, basis.mean, spread)


def _critical_ratio(basis: Basis, cycle: FloatArray) -> FloatArray:
    """Ratio p / (p + h n R) for orders that last n reviews, which carry safety stock for as long.

    With lost sales the chance of a stock-out in a cycle is h Q / (h Q + p D), Q = n R D: Hadley and
    Whitin (1963), chapter 4. At least .5: safety stock is never negative. NaN without a cost.
    """
    of_review = basis.mean * basis.review / basis.protection
    reviews = np.divide(cycle, of_review, out=np.ones_like(cycle), where=of_review > 0)
    held = basis.holding / _DAYS_PER_YEAR * basis.review * np.maximum(reviews, 1.0)
    return np.clip(basis.margin / (basis.margin + held), 0.5, 0.9999)


def _economic_lots(basis: Basis) -> tuple[FloatArray, FloatArray]:
    """Economic order quantity (NaN without a cost) and what of it the longest cover allows."""
    daily = basis.mean / basis.protection
    eoq = economic_order_quantity(basis.order_cost, daily * _DAYS_PER_YEAR, basis.holding)
    most = basis.max_cover * daily
    return eoq, np.where(np.isnan(eoq), 0.0, np.minimum(eoq, most))


def _cap(basis: Basis) -> FloatArray:
    """Most units of an order, whole packs: a review period's demand and half its spread."""
    share = basis.review / basis.protection
    wanted = basis.mean * share + _CAP_SPREADS * basis.std * np.sqrt(share)
    packs = np.floor(wanted / basis.pack) * basis.pack
    least = policy.whole_packs(basis.pack, basis.minimum, basis.pack)
    return np.asarray(np.maximum(packs, least))
