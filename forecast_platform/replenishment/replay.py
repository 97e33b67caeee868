"""Simulated stock for shops that land none: the policy replayed over past demand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecast_platform.replenishment.history import LOOK_BACK_DAYS, History
from forecast_platform.replenishment.policy import order_of_review

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class ReplayPolicy:
    """The policy that is replayed, one value per line, units and days.

    Attributes:
        opening: (N,) stock before the first day, units.
        mean: (N,) demand of days on which it is not known, units per day.
        reorder_point: (N,) s, units.
        order_up_to: (N,) S, units.
        minimum: (N,) smallest order, units.
        pack: (N,) units per pack.
        lot: (N,) units per lot; NaN where orders are not whole lots.
        cap: (N,) most units of an order; NaN where there is no most.
        lead_time: (N,) whole days.
        review: (N,) days between reviews.
    """

    opening: FloatArray
    mean: FloatArray
    reorder_point: FloatArray
    order_up_to: FloatArray
    minimum: FloatArray
    pack: FloatArray
    lot: FloatArray
    cap: FloatArray
    lead_time: IntArray
    review: IntArray


@dataclass(frozen=True)
class Replayed:
    """Where the replay ends, at the close of each line's day, before that day's order.

    Attributes:
        on_hand: (N,) units.
        on_order: (N,) units sent and not yet received.
        receipts: (N, M) units that arrive 1 .. M days later.
    """

    on_hand: FloatArray
    on_order: FloatArray
    receipts: FloatArray


def replay(look_back: History, policy: ReplayPolicy) -> Replayed:
    """Replay the policy over the look-back, without randomness.

    A day: orders due arrive, demand is served while stock lasts (the rest is lost), and before a
    review day an order is decided, sent on the review day and received a lead time later, at
    opening. Review days are fixed in the calendar (every 7 days: Mondays), not by the look-back.

    Args:
        look_back: N lines.
        policy: N policies.

    Returns:
        The stock of N lines.
    """
    count = look_back.series.shape[0]
    slots = int(policy.lead_time.max(initial=0)) + 2
    due = np.zeros((slots, count))
    on_hand, on_order = policy.opening, np.zeros(count)
    tomorrow = look_back.start + look_back.first_day.toordinal() + 1
    until_review = (1 - tomorrow) % policy.review
    for step, demand in enumerate(look_back.days()):
        arriving = due[step % slots].copy()
        due[step % slots] = 0.0
        known = np.where(np.isfinite(demand), demand, policy.mean)
        on_hand = np.maximum(on_hand + arriving - known, 0.0)
        on_order = np.maximum(on_order - arriving, 0.0)
        if step == LOOK_BACK_DAYS - 1:
            break
        at = np.flatnonzero(until_review == 0)
        _, sent = order_of_review(
            on_hand[at] + on_order[at], policy.reorder_point[at], policy.order_up_to[at],
            policy.minimum[at], policy.pack[at], policy.lot[at], policy.cap[at],
        )  # fmt: skip
        due[(step + 1 + policy.lead_time[at]) % slots, at] += sent
        on_order[at] += sent
        until_review -= 1
        until_review[at] = policy.review[at] - 1
    ahead = (LOOK_BACK_DAYS - 1 + np.arange(1, slots)) % slots
    return Replayed(on_hand, on_order, due[ahead].T.copy())
