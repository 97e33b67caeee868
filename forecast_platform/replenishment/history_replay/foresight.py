"""A bound: what replenishment would cost at least if all demand were known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from forecast_platform.replenishment.history_replay.case import Case, select

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def foresight_bound(case: Case) -> FloatArray:
    """Cost per day below which no policy can come, (N,) currency.

    Lot sizing with known demand (Wagner and Whitin 1958, Management Science 5(1)) in which a unit
    is lost where it is dearer to carry: a unit sold k days after the receipt that it came with
    costs min(h k, p). Receipts are on review days plus lead time. What was ordered before the first
    counted day is free, and so are minima, packs and the stock on the first counted day: each can
    only lower the cost, so that the bound holds for every policy, whatever it knows.
    """
    cost = np.empty(case.review.size)
    terms = np.stack([case.lead_time, case.review, case.first_review], axis=1)
    for lead, review, first in np.unique(terms, axis=0):
        same = np.flatnonzero((terms == (lead, review, first)).all(axis=1))
        cost[same] = _least(select(case, same), int(lead), int(review), int(first))
    return np.asarray(cost / (case.demand.shape[1] - case.warm_up))


def _least(case: Case, lead: int, review: int, first: int) -> FloatArray:
    """(n,) least cost of the counted days for SKUs of the same calendar."""
    days = case.demand.shape[1]
    receipts = np.arange(first + lead, days, review)
    receipts = receipts[receipts > case.warm_up]
    start = np.concatenate([[case.warm_up], receipts])
    end = np.concatenate([receipts, [days]])
    fixed = np.where(start[:, None] >= case.warm_up + lead, case.order_cost, 0.0)
    fixed[0] = 0.0
    best = np.full((start.size + 1, case.review.size), np.inf)
    best[0] = 0.0
    for i, day in enumerate(start):
        until = _carried(case, int(day))[:, end[i:] - day - 1].T
        best[i + 1 :] = np.minimum(best[i + 1 :], best[i] + fixed[i] + until)
    return np.asarray(best[-1])


def _carried(case: Case, day: int) -> FloatArray:
    """(n, days left) running cost of serving all demand from a receipt on `day`."""
    ahead = np.arange(case.demand.shape[1] - day)
    each = np.minimum(case.holding[:, None] * ahead, case.margin[:, None])
    return np.asarray(np.cumsum(case.demand[:, day:] * each, axis=1))
