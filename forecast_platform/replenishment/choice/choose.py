"""Which policy orders: the cheapest that serves as aimed, without changing for chance.

Of the candidates that reach the service target within their standard error the cheapest is best;
where none does, the one nearest to it. What orders now stays unless the best is better by more than
chance and by a saving worth the change, so that policies do not flip from week to week.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecast_platform.replenishment.choice.evaluate import Figures
from forecast_platform.replenishment.simulation.results import Estimate

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

_SURE = 1.645
"""Standard errors of a one-sided difference that is certain to 95 %."""
LEAST_SAVING = 0.02
"""Share of the cost that another policy has to save."""


@dataclass(frozen=True)
class Choice:
    """The choice among K policies for N SKUs.

    Attributes:
        chosen: (N,) which policy.
        kept: (N,) it is not the best, but ordered before and nothing is better with confidence.
        meets: (K, N) the policy reaches the target within its standard error.
        rank: (K, N) 1 for the chosen, 2 for the next best, ...
    """

    chosen: IntArray
    kept: BoolArray
    meets: BoolArray
    rank: IntArray


def choose(figures: Figures, target: FloatArray, incumbent: IntArray) -> Choice:
    """Choose a policy for every SKU.

    Args:
        figures: Of K policies and N SKUs.
        target: (N,) cycle service level aimed at.
        incumbent: (N,) policy that orders now; -1 where none does.

    Returns:
        The choice; of equals the first policy is better.
    """
    cost = figures.cost.mean
    meets = figures.service + figures.service_error >= target
    # Nearest to the target first where none meets it; costs break ties.
    order = np.lexsort((cost, np.where(meets, 0.0, -figures.service), ~meets), axis=0)
    best, sku = order[0], np.arange(cost.shape[1])
    now = np.where(incumbent < 0, best, incumbent)
    kept = (now != best) & ~_clearly_better(figures, target, meets, best, now)
    chosen = np.where(kept, now, best)
    place = np.argsort(order, axis=0) + 2
    place[chosen, sku] = 1
    return Choice(chosen, kept, meets, np.argsort(np.argsort(place, axis=0), axis=0) + 1)


def total(figures: Figures, groups: IntArray, count: int) -> Figures:
    """The figures of groups of SKUs taken together: costs add up, service is the mean.

    Args:
        figures: Of N SKUs.
        groups: (N,) group of each, from 0.
        count: Number of groups, each with a SKU.
    """
    member = (groups == np.arange(count)[:, None]).astype(np.float64)
    mean = member / member.sum(axis=1, keepdims=True)

    def of(weights: FloatArray, values: FloatArray) -> FloatArray:
        return np.asarray(values @ weights.T)

    return Figures(
        np.einsum("knp,gn->kgp", figures.cost_paths, member),
        {name: of(member, values) for name, values in figures.parts.items()},
        of(mean, np.nan_to_num(figures.fill_rate)),
        of(mean, figures.service),
        np.sqrt(of(mean**2, figures.service_error**2)),
        of(mean, figures.reorder_point),
        of(mean, figures.order_up_to),
    )


def _clearly_better(
    figures: Figures, target: FloatArray, meets: BoolArray, best: IntArray, now: IntArray
) -> BoolArray:
    """(N,) whether the best policy is better than the present one by more than chance."""
    sku = np.arange(best.size)
    paths = figures.cost_paths
    saving = Estimate.of(paths[now, sku] - paths[best, sku])
    saves = saving.mean > np.maximum(
        _SURE * saving.standard_error, LEAST_SAVING * paths[now, sku].mean(axis=1)
    )
    served, error = figures.service[now, sku], figures.service_error[now, sku]
    serves = figures.service[best, sku] - served > _SURE * np.hypot(
        error, figures.service_error[best, sku]
    )
    # What orders now falls short only if that is certain, or it would change with every doubt.
    short = served + _SURE * error < target
    return np.where(meets[best, sku], saves | short, serves)
