"""Pipeline states of a lost-sales system, numbered so that a demand table is a plain dot product.

States with the same orders under way lie side by side, by rising stock on hand. Demand only lowers
the stock on hand, so all states that can follow one are neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecast_platform.errors import ConfigurationError
from forecast_platform.replenishment.exact.policies import Policy

IntArray = NDArray[np.int64]
_MOST = 60_000_000
"""States or pipelines that a case may have before it is refused."""


@dataclass(frozen=True)
class States:
    """M states of a system with lead time L.

    Attributes:
        lead_time: L, periods.
        radix: One more than the largest order.
        first: (G,) number of the state with nothing on hand, per pipeline; -1 where none.
        top: (G,) most units on hand, per pipeline; -1 where none.
        stock: (M,) units on hand.
        pipeline: (M,) number of the pipeline: orders due in 1 .. L - 1 periods, as digits.
    """

    lead_time: int
    radix: int
    first: IntArray
    top: IntArray
    stock: IntArray
    pipeline: IntArray

    @property
    def high(self) -> int:
        """Value of the leading digit of a pipeline, the order due next; 0 where L is 1."""
        return int(self.radix ** (self.lead_time - 2)) if self.lead_time > 1 else 0

    def vectors(self) -> IntArray:
        """(M, L) states as policies read them."""
        due = digits(self.pipeline, self.radix, self.lead_time - 1)
        return np.column_stack([self.stock, due])

    def landing(self, orders: IntArray) -> IntArray:
        """(M,) number of the state that follows (M,) `orders` if all stock on hand is sold."""
        following, due = following_pipeline(self.pipeline, orders, self.radix, self.lead_time)
        return np.asarray(self.first[following] + due)

    def numbers(self, vectors: IntArray) -> IntArray:
        """Numbers of (K, L) states; -1 where a state is not among these."""
        due = vectors[:, 1:]
        outside = ((due < 0) | (due >= self.radix)).any(axis=1) | (vectors[:, 0] < 0)
        weights = self.radix ** np.arange(self.lead_time - 2, -1, -1, dtype=np.int64)
        pipeline = np.where(outside, 0, due @ weights)
        outside |= vectors[:, 0] > self.top[pipeline]
        return np.where(outside, -1, self.first[pipeline] + vectors[:, 0])


def digits(pipeline: IntArray, radix: int, count: int) -> IntArray:
    """(M, count) orders due in 1 .. count periods."""
    weights = radix ** np.arange(count - 1, -1, -1, dtype=np.int64)
    return np.asarray(pipeline[:, None] // weights % radix)


def following_pipeline(
    pipeline: IntArray, orders: IntArray, radix: int, lead_time: int
) -> tuple[IntArray, IntArray]:
    """(M,) pipeline a period later and (M,) units then received."""
    if lead_time == 1:
        return np.zeros_like(pipeline), orders
    high = radix ** (lead_time - 2)
    return pipeline % high * radix + orders, pipeline // high


def states_within(limits: Sequence[int]) -> States:
    """All states of which the units due from l periods on do not exceed a limit, for each l.

    Args:
        limits: (L + 1,) falling; the last l + 1 orders, the one being made included, may come to
            `limits[L - l]` units, and all of them and the stock on hand to `limits[0]`.
    """
    lead_time, radix = len(limits) - 1, limits[-1] + 1
    pipelines = np.arange(_bounded(radix ** (lead_time - 1)), dtype=np.int64)
    due = digits(pipelines, radix, lead_time - 1)
    tails = np.cumsum(due[:, ::-1], axis=1)[:, ::-1]
    allowed = (tails <= np.array(limits[2:], dtype=np.int64)).all(axis=1)
    return _laid_out(lead_time, radix, np.where(allowed, limits[0] - due.sum(axis=1), -1))


def states_reached(policy: Policy, lead_time: int) -> States:
    """States that `policy` can reach from nothing on hand and nothing due.

    Raises:
        ConfigurationError: If an order is negative or exceeds that of the empty state.
    """
    largest = int(policy(np.zeros((1, lead_time), dtype=np.int64))[0])
    radix = largest + 1
    top = np.full(_bounded(radix ** (lead_time - 1)), -1, dtype=np.int64)
    seen = top.copy()
    top[0] = 0
    while (grown := np.flatnonzero(top > seen)).size:
        pipeline, stock = _expanded(grown, seen[grown] + 1, top[grown])
        seen[grown] = top[grown]
        due = digits(pipeline, radix, lead_time - 1)
        orders = policy(np.column_stack([stock, due]))
        if orders.min() < 0 or orders.max() > largest:
            raise ConfigurationError(
                "A policy must order nothing negative and never more than with no stock at all "
                f"({largest}); it ordered between {orders.min()} and {orders.max()}."
            )
        following, received = following_pipeline(pipeline, orders, radix, lead_time)
        np.maximum.at(top, following, stock + received)
        _bounded(int(top.sum()))
    return _laid_out(lead_time, radix, top)


def _expanded(pipeline: IntArray, lowest: IntArray, highest: IntArray) -> tuple[IntArray, IntArray]:
    """Each pipeline repeated with every stock from lowest to highest."""
    counts = highest - lowest + 1
    ends = np.cumsum(counts)
    stock = np.arange(ends[-1]) - np.repeat(ends - counts - lowest, counts)
    return np.repeat(pipeline, counts), stock


def _laid_out(lead_time: int, radix: int, top: IntArray) -> States:
    _bounded(int((top + 1).sum()))
    used = np.flatnonzero(top >= 0)
    pipeline, stock = _expanded(used, np.zeros_like(used), top[used])
    first = np.full_like(top, -1)
    first[used] = np.concatenate([[0], np.cumsum(top[used] + 1)[:-1]])
    return States(lead_time, radix, first, top, stock, pipeline)


def _bounded(count: int) -> int:
    if count > _MOST:
        raise ConfigurationError(
            f"This case has {count:,} pipeline states, more than {_MOST:,}: shorten the lead time, "
            "count in larger units, or simulate instead."
        )
    return count


def largest_orders(states: IntArray, limits: tuple[int, ...]) -> IntArray:
    """(N,) largest order of (N, L) states within `limits`, at least 0."""
    due = np.cumsum(states[:, ::-1], axis=1)[:, ::-1]
    room = (np.array(limits[:-1]) - due).min(axis=1)
    return np.asarray(np.clip(room, 0, limits[-1]))
