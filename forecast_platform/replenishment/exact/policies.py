"""Named replenishment policies as functions of the pipeline state.

A state is a row (on hand, due next period, ..., due in L - 1 periods), units, after this period's
receipt and before its order. Each policy maps (M, L) states to (M,) orders.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
Policy = Callable[[IntArray], IntArray]


@dataclass(frozen=True)
class BaseStock:
    """Order up to the position `level`, units."""

    level: int

    def __call__(self, states: IntArray) -> IntArray:
        """Orders, (M,) units."""
        return np.asarray(np.maximum(self.level - states.sum(axis=1), 0))


@dataclass(frozen=True)
class CappedBaseStock:
    """Order up to `level`, at most `cap` at a time (Xin 2021, Operations Research 69(1))."""

    level: int
    cap: int

    def __call__(self, states: IntArray) -> IntArray:
        """Orders, (M,) units."""
        return np.asarray(np.clip(self.level - states.sum(axis=1), 0, self.cap))


@dataclass(frozen=True)
class ReorderOrderUpTo:
    """(s,S): at or below position s = `reorder`, order up to S = `upto`."""

    reorder: int
    upto: int

    def __call__(self, states: IntArray) -> IntArray:
        """Orders, (M,) units."""
        position = states.sum(axis=1)
        return np.where(position <= self.reorder, np.maximum(self.upto - position, 0), 0)


@dataclass(frozen=True)
class ReorderBatches:
    """(s,nQ): at or below position s, order the fewest batches of Q that lift it above s."""

    reorder: int
    batch: int

    def __call__(self, states: IntArray) -> IntArray:
        """Orders, (M,) units."""
        short = self.reorder - states.sum(axis=1)
        return np.where(short >= 0, short // self.batch + 1, 0) * self.batch
