"""What is replayed, and the replay of one policy: every SKU, day by day, on demand as it came.

Events of a day are those of `simulation.simulate`: on a review day the order is placed at the start
of the day on the inventory position, what is due is received, demand comes, what is unmet is lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecast_platform.errors import ConfigurationError
from forecast_platform.replenishment.simulation import layout
from forecast_platform.replenishment.simulation.policy import Opening, Policy, Supply
from forecast_platform.replenishment.simulation.results import DAYS_PER_YEAR, Costs, Estimate
from forecast_platform.replenishment.simulation.simulate import simulate, trace

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

PARTS = ("holding", "ordering", "stockout")


@dataclass(frozen=True)
class Case:
    """N SKUs, T days of demand that came, terms and costs.

    Attributes:
        demand: (N, T) units per day, not negative; 0 on days whose demand is not known.
        past: (N, H) units per day of the H days before; 0 on days whose demand is not known.
        warm_up: First days, which are replayed but not counted.
        lead_time: (N,) whole days from order to receipt.
        review: (N,) days between review days.
        first_review: (N,) first review day, from 0.
        minimum: (N,) least units of an order.
        pack: (N,) units per pack.
        order_cost: (N,) K, currency per order.
        margin: (N,) margin lost with a unit that could not be sold, currency.
        holding: (N,) currency per unit on hand at the end of a day.
    """

    demand: FloatArray
    past: FloatArray
    warm_up: int
    lead_time: IntArray
    review: IntArray
    first_review: IntArray
    minimum: FloatArray
    pack: FloatArray
    order_cost: FloatArray
    margin: FloatArray
    holding: FloatArray

    def __post_init__(self) -> None:
        longest = int((self.lead_time + self.review).max(initial=1))
        if self.demand.shape[1] <= self.warm_up or self.past.shape[1] < longest:
            raise ConfigurationError(
                f"A replay needs days after the {self.warm_up} of its warm-up and at least "
                f"{longest} days of past demand; {self.demand.shape[1]} and {self.past.shape[1]} "
                "came: land more history, or replay fewer days."
            )

    @property
    def protection(self) -> IntArray:
        """(N,) lead time plus review period, days."""
        return self.lead_time + self.review

    @property
    def review_days(self) -> IntArray:
        """(O,) days, from 0, on which any SKU is reviewed."""
        day = np.arange(self.demand.shape[1])[:, None]
        terms = np.unique(np.stack([self.review, self.first_review]), axis=1)
        due = (day >= terms[1]) & ((day - terms[1]) % terms[0] == 0)
        return np.flatnonzero(due.any(axis=1))

    def at_ratio(self, critical_ratio: float) -> Case:
        """The case with holding costs that make the ratio p / (p + h R) of margin p what is given.

        Args:
            critical_ratio: Between 0 and 1.
        """
        if not 0 < critical_ratio < 1:
            raise ConfigurationError(
                f"A critical ratio between 0 and 1 was expected, {critical_ratio} came."
            )
        per_review = self.margin * (1 - critical_ratio) / critical_ratio
        return replace(self, holding=per_review / self.review)


@dataclass(frozen=True)
class Levels:
    """Levels of a policy on every review day, units; carried to the days between reviews.

    Attributes:
        reorder_point: (O, N) s, on the O days of `Case.review_days`.
        order_up_to: (O, N) S.
        multiple: (N,) units; orders are whole multiples that lift the position to S. 0: of packs.
    """

    reorder_point: FloatArray
    order_up_to: FloatArray
    multiple: FloatArray | float = 0.0

    def policy(self, case: Case) -> Policy:
        """As the simulator takes it."""
        days = np.arange(case.demand.shape[1])
        row = np.maximum(np.searchsorted(case.review_days, days, side="right") - 1, 0)
        return Policy(
            self.reorder_point[row].T, self.order_up_to[row].T, multiple=self.multiple,
            review_period=case.review, first_review=case.first_review,
        )  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What a policy did over the counted days, per SKU.

    Attributes:
        costs: `PARTS`, each (N,) currency per day.
        demand: (N,) units demanded.
        filled: (N,) units met from stock.
        cycles: (N,) cycles between receipts.
        short_cycles: (N,) those with unmet demand.
        stock: (N,) average units on hand at the end of a day.
        days: Days counted.
    """

    costs: Mapping[str, FloatArray]
    demand: FloatArray
    filled: FloatArray
    cycles: FloatArray
    short_cycles: FloatArray
    stock: FloatArray
    days: int

    @property
    def total(self) -> FloatArray:
        """(N,) currency per day."""
        return np.asarray(np.sum([self.costs[part] for part in PARTS], axis=0))

    def cost(self, part: str | None = None) -> Estimate:
        """Currency per day of all SKUs, of one part or in all; error over SKUs."""
        values = self.total if part is None else self.costs[part]
        mean = Estimate.of(values)
        return Estimate(mean.mean * values.size, mean.standard_error * values.size)

    def fill_rate(self) -> Estimate:
        """Type 2 service, by units; error over SKUs."""
        return Estimate.ratio(self.filled, self.demand)

    def cycle_service_level(self) -> Estimate:
        """Type 1 service; error over SKUs."""
        return Estimate.ratio(self.cycles - self.short_cycles, self.cycles)

    def turns(self) -> Estimate:
        """Units sold per year over average stock; error over SKUs."""
        return Estimate.ratio(self.filled * DAYS_PER_YEAR / self.days, self.stock)

    def mixed(self, other: Outcome, share: float) -> Outcome:
        """The outcome between this one (share 0) and another (share 1)."""

        def between(one: FloatArray, two: FloatArray) -> FloatArray:
            return np.asarray((1 - share) * one + share * two)

        return Outcome(
            {part: between(self.costs[part], other.costs[part]) for part in self.costs},
            self.demand,
            between(self.filled, other.filled),
            between(self.cycles, other.cycles),
            between(self.short_cycles, other.short_cycles),
            between(self.stock, other.stock),
            self.days,
        )


def replay(case: Case, levels: Levels) -> Outcome:
    """Replay one policy over the demand that came; unmet demand is lost.

    Every policy opens with the same stock, the past's mean over the protection period.
    """
    found = simulate(case.demand, levels.policy(case), _supply(case), _opening(case),
                     warm_up=case.warm_up)  # fmt: skip
    rates = Costs(holding=case.holding, order=case.order_cost, stockout=case.margin)
    parts = found.cost_paths(rates)
    rows = found.totals[:, :, 0].astype(np.float64)
    return Outcome(
        costs={part: parts[part][:, 0] for part in PARTS},
        demand=rows[:, layout.DEMAND],
        filled=rows[:, layout.FILLED],
        cycles=rows[:, layout.CYCLES],
        short_cycles=rows[:, layout.SHORT_CYCLES],
        stock=rows[:, layout.HOLDING] / found.days,
        days=found.days,
    )


def stock_of(case: Case, levels: Levels, sku: int) -> tuple[FloatArray, FloatArray]:
    """(T,) units on hand at the end of each day, and (T,) units received, of one SKU."""
    one = select(case, np.array([sku]))
    of_one = Levels(
        levels.reorder_point[:, [sku]], levels.order_up_to[:, [sku]],
        np.broadcast_to(levels.multiple, case.review.shape)[[sku]],
    )  # fmt: skip
    row = np.searchsorted(case.review_days, one.review_days)
    of_one = replace(
        of_one, reorder_point=of_one.reorder_point[row], order_up_to=of_one.order_up_to[row]
    )
    seen = trace(one.demand, of_one.policy(one), _supply(one), _opening(one))
    return seen.closing[0, :, 0], seen.received[0, :, 0]


def select(case: Case, skus: NDArray[np.intp]) -> Case:
    """The case of some SKUs."""
    per_sku: dict[str, Any] = {
        name: value[skus] for name, value in vars(case).items() if isinstance(value, np.ndarray)
    }
    return replace(case, **per_sku)


def _supply(case: Case) -> Supply:
    return Supply(case.lead_time, minimum=case.minimum, pack=case.pack)


def _opening(case: Case) -> Opening:
    return Opening(np.ceil(case.past.mean(axis=1) * case.protection))
