"""What each candidate policy is expected to cost each SKU, by simulation on common demand.

Every candidate meets the same paths of demand and the same lead times; unmet demand is lost. A path
is two years long, after a quarter in which the opening stock is forgotten.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from forecast_platform.contracts import QUANTILES
from forecast_platform.contracts.choice import POLICIES
from forecast_platform.executing import spread
from forecast_platform.replenishment.choice.paths import draw_weeks, whole_weeks
from forecast_platform.replenishment.choice.rules import Basis, Levels, levels_of
from forecast_platform.replenishment.compiled import at_most
from forecast_platform.replenishment.policy import whole_packs
from forecast_platform.replenishment.simulation.demand import draw_lead_times
from forecast_platform.replenishment.simulation.policy import Opening, Policy, Supply
from forecast_platform.replenishment.simulation.results import DAYS_PER_YEAR, Costs, Estimate
from forecast_platform.replenishment.simulation.simulate import simulate

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_WARM_UP_WEEKS, _COUNTED_WEEKS = 13, 104
_PATHS = 64
_PATHS_FOR_LEVELS = 16
_REVIEWS_FOR_LEVELS = 128
_SKUS_AT_ONCE = 1_000
_LONGEST_LEAD = 255
_TINY = 1e-6
"""Share of a lot by which (R,s,nQ) has to end above s: strictly, whatever the unit."""


@dataclass(frozen=True)
class Case:
    """N SKUs, their recent demand and terms; units, days and currency.

    Attributes:
        ids: (N,) different ids.
        demand: (N, 7 W) units per day up to the cutoff, a Sunday; NaN where unknown. Every SKU
            knows some.
        lead_time: (N,) whole days from order to receipt.
        first_review: (N,) first review day after the cutoff, from 0.
        terms: Of `Basis` all that is not demand.
    """

    ids: Sequence[str]
    demand: FloatArray
    lead_time: IntArray
    first_review: IntArray
    terms: dict[str, FloatArray]

    def take(self, rows: slice) -> Case:
        """Some of the SKUs."""
        terms = {name: values[rows] for name, values in self.terms.items()}
        return Case(
            self.ids[rows], self.demand[rows], self.lead_time[rows], self.first_review[rows], terms
        )


@dataclass(frozen=True)
class Figures:
    """What K policies are expected to do for N SKUs, currency per day.

    Attributes:
        cost_paths: (K, N, P) cost of each path; of one P for all policies.
        parts: (K, N) by name: holding, ordering, shortage.
        fill_rate: (K, N); NaN without demand.
        service: (K, N) cycle service level.
        service_error: (K, N) its standard error.
        reorder_point: (K, N) s, units.
        order_up_to: (K, N) S, units.
    """

    cost_paths: FloatArray
    parts: dict[str, FloatArray]
    fill_rate: FloatArray
    service: FloatArray
    service_error: FloatArray
    reorder_point: FloatArray
    order_up_to: FloatArray

    @classmethod
    def joined(cls, parts: Sequence[Figures]) -> Figures:
        """The figures of SKUs in a row."""
        names = [f.name for f in fields(cls) if f.name != "parts"]
        arrays = {n: np.concatenate([getattr(part, n) for part in parts], axis=1) for n in names}
        costs = {n: np.concatenate([p.parts[n] for p in parts], axis=1) for n in parts[0].parts}
        return cls(**arrays, parts=costs)

    @property
    def cost(self) -> Estimate:
        """(K, N)."""
        return Estimate.of(self.cost_paths)


def evaluate(case: Case, seed: int, ray_address: str | None = None) -> Figures:
    """Simulate all of `POLICIES`.

    Args:
        case: N SKUs.
        seed: Seed of demand and lead times.
        ray_address: Ray cluster that simulates instead of this machine, as for `spread`.
    """
    starts = range(0, len(case.ids), _SKUS_AT_ONCE)
    blocks = (case.take(slice(start, start + _SKUS_AT_ONCE)) for start in starts)
    work = _evaluated_on_one_core if ray_address else _evaluated
    return Figures.joined(list(spread(work, blocks, seed, ray_address=ray_address)))


def _evaluated_on_one_core(case: Case, seed: int) -> Figures:
    with at_most(1):
        return _evaluated(case, seed)


def _evaluated(case: Case, seed: int) -> Figures:
    ids, lead = case.ids, case.lead_time
    shape = (len(POLICIES), len(ids))
    figures = Figures(
        np.empty((*shape, _PATHS)),
        {part: np.empty(shape) for part in ("holding", "ordering", "shortage")},
        *(np.empty(shape) for _ in range(5)),
    )
    demand, first_week = whole_weeks(case.demand)
    weeks = _WARM_UP_WEEKS + _COUNTED_WEEKS
    paths = draw_weeks(demand, first_week, weeks, _PATHS, seed, ids)
    basis = _basis(paths, case.first_review, case.terms)
    chances = _lead_time_chances(lead, basis.lead_time_std)
    supply = Supply(
        # Of one path: a SKU's lead times are common to all of its paths, which is quicker.
        lead_time=draw_lead_times(chances, paths.shape[1], 1, seed, ids),
        minimum=basis.minimum,
        pack=basis.pack,
    )
    holding = basis.holding / DAYS_PER_YEAR
    rates = Costs(holding=holding, order=basis.order_cost, stockout=basis.margin)
    whole = paths.dtype != np.float64
    for at, name in enumerate(POLICIES):
        levels = levels_of(np.full(len(ids), name), basis)
        found = simulate(
            paths, as_simulated(levels, basis, case.first_review, whole), supply,
            Opening(whole_packs(levels.order_up_to, np.zeros_like(basis.pack), basis.pack)),
            warm_up=7 * _WARM_UP_WEEKS,
        )  # fmt: skip
        parts = found.cost_paths(rates)
        parts = {"holding": parts["holding"], "ordering": parts["ordering"],
                 "shortage": parts["stockout"]}  # fmt: skip
        figures.cost_paths[at] = sum(parts.values())
        for part, values in parts.items():
            figures.parts[part][at] = values.mean(axis=1)
        service = found.cycle_service_level()
        figures.service[at], figures.service_error[at] = (
            service.mean, service.standard_error,
        )  # fmt: skip
        figures.fill_rate[at] = found.fill_rate().mean
        figures.reorder_point[at] = levels.reorder_point
        figures.order_up_to[at] = levels.order_up_to
    return figures


def as_simulated(levels: Levels, basis: Basis, first_review: IntArray, whole: bool) -> Policy:
    """Levels as the simulator takes them.

    In whole units, positions are whole, and s rounded down and S up order the same: exact, and
    quicker to simulate. (R,s,nQ) orders the fewest lots that end above s, which is as many as fit
    below s + Q.
    """
    in_lots = ~np.isnan(levels.lot)
    up_to = np.where(in_lots, levels.reorder_point + _TINY * levels.lot, levels.order_up_to)
    point = levels.reorder_point
    units = np.concatenate([basis.pack, basis.minimum])
    if whole and bool((units == np.floor(units)).all()):
        point, up_to = np.floor(point), np.ceil(up_to)
    return Policy(
        point,
        up_to,
        cap=np.where(np.isnan(levels.cap), np.inf, levels.cap),
        multiple=np.where(in_lots, levels.lot, 0.0),
        review_period=basis.review,
        first_review=first_review,
    )


def _basis(paths: NDArray[Any], first_review: IntArray, terms: dict[str, FloatArray]) -> Basis:
    """Demand over the protection period from the paths, as of their review days."""
    count, days, _ = paths.shape
    upto = np.zeros((count, days + 1, _PATHS_FOR_LEVELS))
    np.cumsum(paths[:, :, :_PATHS_FOR_LEVELS], axis=1, out=upto[:, 1:])
    mean, std = np.empty(count), np.empty(count)
    quantiles = np.empty((count, len(QUANTILES)))
    for rows, start, end in _windows(terms, first_review, days):
        sums = (upto[rows][:, end] - upto[rows][:, start]).reshape(rows.size, -1)
        mean[rows], std[rows] = sums.mean(axis=1), sums.std(axis=1)
        quantiles[rows] = np.quantile(sums, QUANTILES, axis=1).T
    return Basis(mean, std, quantiles, **terms)


def _windows(
    terms: dict[str, FloatArray], first_review: IntArray, days: int
) -> Iterator[tuple[IntArray, IntArray, IntArray]]:
    """SKUs of equal terms, with first days of protection periods and the days after them."""
    calendar = np.stack([terms["protection"], terms["review"], first_review], axis=1)
    for protection, review, first in np.unique(calendar, axis=0).astype(np.int64):
        same = np.flatnonzero((calendar == (protection, review, first)).all(axis=1))
        starts = np.arange(first, days - protection + 1, review)
        # Evenly over the path, so that every weekday on which there is a review counts.
        some = np.linspace(0, starts.size - 1, min(starts.size, _REVIEWS_FOR_LEVELS))
        starts = starts[some.astype(np.int64)]
        yield same, starts, starts + protection


def _lead_time_chances(lead_time: IntArray, std: FloatArray) -> FloatArray:
    """(N, K) chances of 0 .. K - 1 days: normal about the lead time, to the nearest day."""
    longest = int(min(np.ceil((lead_time + 4 * std).max(initial=0)) + 1, _LONGEST_LEAD))
    day = np.arange(longest + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        score = (day + 0.5 - lead_time[:, None]) / std[:, None]
    upto = np.where(std[:, None] > 0, ndtr(score), day >= np.minimum(lead_time, longest)[:, None])
    upto[:, -1] = 1.0
    return np.diff(upto, axis=1, prepend=0.0)
