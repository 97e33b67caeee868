"""What is simulated: the policy, the supplier's terms and the opening state of every SKU."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from forecast_platform.errors import ConfigurationError

FloatArray = NDArray[np.float64]

_LONGEST = 65_535


@dataclass(frozen=True)
class Policy:
    """Order up to a level when the inventory position is not above the reorder point.

    Every field is one number for all SKUs or an array of one per SKU (N,); the two levels may
    also be given per SKU and day, (N, T), as a plan that follows its forecasts has them.

    Attributes:
        reorder_point: s, units; an order is placed on a review day when the position is <= s.
        order_up_to: S, units; the order is S less the position, if that is positive.
        cap: Most units the policy orders at once.
        multiple: Units; orders are the smallest whole number of them that reaches S. 0: any.
        review_period: R, days between review days.
        first_review: First review day, from 0.
    """

    reorder_point: ArrayLike
    order_up_to: ArrayLike
    cap: ArrayLike = np.inf
    multiple: ArrayLike = 0.0
    review_period: ArrayLike = 1
    first_review: ArrayLike = 0


def base_stock(level: ArrayLike, review_period: ArrayLike = 1) -> Policy:
    """(R, S): order up to the level on every review day."""
    return Policy(level, level, review_period=review_period)


def capped_base_stock(level: ArrayLike, cap: ArrayLike, review_period: ArrayLike = 1) -> Policy:
    """Base-stock with at most `cap` units an order (Xin 2021, Operations Research 69(1))."""
    return Policy(level, level, cap=cap, review_period=review_period)


def reorder_up_to(
    reorder_point: ArrayLike, order_up_to: ArrayLike, review_period: ArrayLike = 1
) -> Policy:
    """(s, S), or (R, s, S): order up to S when the position is not above s."""
    return Policy(reorder_point, order_up_to, review_period=review_period)


def reorder_quantity(
    reorder_point: ArrayLike,
    quantity: ArrayLike,
    review_period: ArrayLike = 1,
    unit: float = 1.0,
) -> Policy:
    """(r, Q) and (s, nQ): order the fewest whole Q that raise the position above the point.

    Args:
        reorder_point: r or s, units.
        quantity: Q, units.
        review_period: Days between review days.
        unit: Smallest quantity that is sold; what "above" means at the least.
    """
    above = np.asarray(reorder_point, np.float64) + unit
    return Policy(reorder_point, above, multiple=quantity, review_period=review_period)


@dataclass(frozen=True)
class Supply:
    """The supplier's terms and the shelf life; one number, or one per SKU (N,).

    Attributes:
        lead_time: Whole days from order to receipt; also (N, T) by day of order, or (N, T, P) by
            day and path as `draw_lead_times` gives them. An order of day t arrives on day t + L
            before its demand.
        minimum: Least units of an order, if one is placed.
        pack: Units; orders are whole packs. 0: any quantity.
        maximum: Most units of an order; rounded down to whole packs.
        shelf_life: Days on which a unit can be sold, from the day of its receipt on; what is left
            at the end of the last spoils. 0: without end.
        lifo: Whether customers take the freshest first; else the oldest.
    """

    lead_time: ArrayLike = 0
    minimum: ArrayLike = 0.0
    pack: ArrayLike = 1.0
    maximum: ArrayLike = np.inf
    shelf_life: ArrayLike = 0
    lifo: ArrayLike = False


@dataclass(frozen=True)
class Opening:
    """State before the first day.

    Attributes:
        on_hand: (N,) units, below zero where owed; by default the first order-up-to level.
        receipts: (N, M) units on order that arrive on day 0 .. M - 1.
    """

    on_hand: ArrayLike | None = None
    receipts: ArrayLike = field(default_factory=lambda: np.zeros((1, 1)))


@dataclass(frozen=True)
class Prepared:
    """Checked terms in the layout of the compiled loop, in 64 bits; see `kernels.run`."""

    reorder_point: FloatArray
    up_to: FloatArray
    rules: FloatArray
    calendar: NDArray[np.int64]
    lead: NDArray[np.uint16]
    opening: FloatArray
    receipts: FloatArray


def prepare(
    policy: Policy, supply: Supply, opening: Opening, skus: int, days: int, paths: int
) -> Prepared:
    """Check and lay out the terms of a simulation.

    Raises:
        ConfigurationError: If a term has another shape, is NaN or negative, or contradicts
            another; the message names the term, what was expected and the first SKU that breaks
            it.
    """
    s, to = (
        _levels(value, name, skus, days)
        for value, name in (
            (policy.reorder_point, "reorder_point"),
            (policy.order_up_to, "order_up_to"),
        )
    )
    width = max(s.shape[1], to.shape[1])
    s, to = (np.ascontiguousarray(np.broadcast_to(level, (skus, width))) for level in (s, to))
    stock = to[:, 0] if opening.on_hand is None else opening.on_hand
    return Prepared(
        reorder_point=s,
        up_to=to,
        rules=_rules(policy, supply, skus),
        calendar=_calendar(policy, supply, skus),
        lead=_lead(supply.lead_time, skus, days, paths),
        opening=_numbers(stock, "on_hand", skus, lowest=-np.inf, finite=True),
        receipts=_receipts(opening.receipts, skus),
    )


def _rules(policy: Policy, supply: Supply, skus: int) -> FloatArray:
    cap = _numbers(policy.cap, "cap", skus, lowest=0.0)
    of_policy = _numbers(policy.multiple, "multiple", skus, lowest=0.0, finite=True)
    minimum = _numbers(supply.minimum, "minimum", skus, lowest=0.0, finite=True)
    pack = _numbers(supply.pack, "pack", skus, lowest=0.0, finite=True)
    maximum = _numbers(supply.maximum, "maximum", skus, lowest=0.0)
    multiple = np.where(of_policy > 0, of_policy, pack)
    with np.errstate(invalid="ignore", divide="ignore"):
        packs = np.where(pack > 0, multiple / pack, 1.0)
        whole = np.where(multiple > 0, np.floor(maximum / multiple + 1e-9) * multiple, maximum)
        least = np.where(multiple > 0, np.ceil(minimum / multiple - 1e-9) * multiple, minimum)
    _require(cap > 0, "a cap above 0", "cap", cap)
    _require(
        np.abs(packs - np.round(packs)) < 1e-9, "a multiple of whole packs", "multiple", of_policy
    )
    _require(whole > 0, "a maximum that holds at least one pack", "maximum", maximum)
    _require(
        least <= whole, "a minimum that fits whole packs below the maximum", "minimum", minimum
    )
    return np.stack([cap, minimum, multiple, whole], axis=1)


def _calendar(policy: Policy, supply: Supply, skus: int) -> NDArray[np.int64]:
    columns = [
        _numbers(policy.review_period, "review_period", skus, lowest=1.0, finite=True),
        _numbers(policy.first_review, "first_review", skus, lowest=0.0, finite=True),
        _numbers(supply.shelf_life, "shelf_life", skus, lowest=0.0, finite=True),
        _numbers(np.asarray(supply.lifo, np.float64), "lifo", skus, lowest=0.0, finite=True),
    ]
    for column, name in zip(columns, ("review_period", "first_review", "shelf_life"), strict=False):
        _require(column == np.floor(column), "whole days", name, column)
    return np.stack(columns, axis=1).astype(np.int64)


def _lead(lead_time: ArrayLike, skus: int, days: int, paths: int) -> NDArray[np.uint16]:
    given = np.asarray(lead_time)
    given = given.reshape(given.shape + (1,) * (3 - given.ndim)) if given.ndim <= 3 else given
    fits = given.ndim == 3 and all(
        got in (1, most) for got, most in zip(given.shape, (skus, days, paths), strict=True)
    )
    if not fits:
        raise ConfigurationError(
            f"lead_time: one number or an array that fits ({skus} SKUs, {days} days, {paths} "
            f"paths) was expected; the shape {np.shape(lead_time)} came."
        )
    good = np.isfinite(given) & (given >= 0) & (given == np.floor(given)) & (given <= _LONGEST)
    if not good.all():
        raise ConfigurationError(
            f"lead_time: whole days from 0 to {_LONGEST} were expected; "
            f"{given[~good][0]} came: round lead times up, and estimate those that lack."
        )
    whole = given.astype(np.uint16)
    return np.ascontiguousarray(np.broadcast_to(whole, (skus, *whole.shape[1:])))


def _receipts(receipts: ArrayLike, skus: int) -> FloatArray:
    given = np.asarray(receipts, np.float64)
    if given.ndim != 2 or given.shape[0] not in (1, skus) or given.shape[1] == 0:
        raise ConfigurationError(
            f"receipts: an array ({skus} SKUs, days) was expected; the shape {given.shape} came."
        )
    if not (np.isfinite(given) & (given >= 0)).all():
        raise ConfigurationError("receipts: finite units, not negative, were expected.")
    return np.ascontiguousarray(np.broadcast_to(given, (skus, given.shape[1])))


def _levels(value: ArrayLike, name: str, skus: int, days: int) -> FloatArray:
    given = np.asarray(value, np.float64)
    given = given.reshape(-1, 1) if given.ndim < 2 else given
    if given.ndim != 2 or given.shape[0] not in (1, skus) or given.shape[1] not in (1, days):
        raise ConfigurationError(
            f"{name}: one number, ({skus} SKUs,) or ({skus} SKUs, {days} days) was expected; the "
            f"shape {np.shape(value)} came."
        )
    wide = np.broadcast_to(given, (skus, given.shape[1]))
    _require(np.isfinite(wide).all(axis=1), "finite units", name, wide.min(axis=1))
    return wide


def _numbers(
    value: ArrayLike, name: str, skus: int, *, lowest: float, finite: bool = False
) -> FloatArray:
    given = np.asarray(value, np.float64)
    if given.shape not in ((), (1,), (skus,)):
        raise ConfigurationError(
            f"{name}: one number or ({skus} SKUs,) was expected; the shape {given.shape} came."
        )
    wide = np.array(np.broadcast_to(given, (skus,)))
    good = np.asarray((wide >= lowest) & (np.isfinite(wide) | (not finite)))
    _require(good, f"a {'finite ' * finite}number from {lowest:g}", name, wide)
    return wide


def _require(
    good: NDArray[np.bool_] | np.bool_, expected: str, name: str, came: FloatArray
) -> None:
    if not np.all(good):
        sku = int(np.argmin(good))
        raise ConfigurationError(
            f"{name}: {expected} was expected; {came[sku]:g} came for SKU {sku}, as for "
            f"{np.size(good) - np.count_nonzero(good)} in all: correct the terms or leave them out."
        )
