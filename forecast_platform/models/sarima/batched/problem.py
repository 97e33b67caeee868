"""Many series and one order: what the likelihood needs, laid out side by side."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from forecast_platform.models.sarima.order import Order

Doubles = NDArray[np.float64]
Flags = NDArray[np.bool_]
Kind = TypeVar("Kind", np.float64, np.bool_)


@dataclass(frozen=True)
class Problem:
    """N series, all of them whole or all of them with gaps, from their first usable day on.

    Attributes:
        columns: (N, c, n) series and regressors: differenced, or with gaps reduced for the filter;
            zero where unknown.
        seen: (N, n) whether the day is known.
        known: (N,) number of known days that count.
        order: The model.
        whole: Whether there are no gaps.
        conditional: Whether the sum of squares conditional on the first p + s P days is wanted.
    """

    columns: Tensor
    seen: Tensor
    known: Tensor
    order: Order
    whole: bool
    conditional: bool = False

    @property
    def left_out(self) -> int:
        """First days that count for nothing."""
        order = self.order
        return order.p + order.period * order.seasonal_p if self.conditional and self.whole else 0


def shifted(values: NDArray[Kind], by: NDArray[np.intp]) -> NDArray[Kind]:
    """(N, ..., T) values moved so many days earlier, and zero or False at the end."""
    days = values.shape[-1]
    at = by[:, None] + np.arange(days)
    shape = (len(values), *[1] * (values.ndim - 2), days)
    moved = np.take_along_axis(values, np.minimum(at, days - 1).reshape(shape), axis=-1)
    return np.asarray(moved * (at < days).reshape(shape), dtype=values.dtype)


def stacked(values: Doubles, regressors: Doubles) -> tuple[Doubles, Flags]:
    """(N, c, T) series above its regressors, and (N, T) whether all of them are known."""
    shared = np.broadcast_to(regressors, (len(values), *regressors.shape[1:]))
    columns = np.concatenate([values[:, None], shared], axis=1)
    return columns, np.isfinite(columns).all(axis=1)


def problems(
    values: Doubles, regressors: Doubles, order: Order, device: str, *, conditional: bool = False
) -> list[tuple[NDArray[np.intp], Problem]]:
    """Rows and problem of the series that are whole, and of those with gaps.

    Days before the first and after the last known one are left out; a day without a value of some
    regressor counts as unknown.
    """
    columns, seen = stacked(values, regressors)
    first, last = seen.argmax(axis=1), seen.shape[1] - seen[:, ::-1].argmax(axis=1)
    whole = seen.sum(axis=1) == last - first
    out = []
    for gapless in (True, False):
        rows = np.flatnonzero((whole == gapless) & seen.any(axis=1))
        if not len(rows):
            continue
        part = shifted(columns[rows], first[rows])
        days = shifted(seen[rows], first[rows])
        if gapless:
            part, days = differenced(part, days, order)
        else:
            part, days, _, _ = reduced(part, days, order)
        part = np.where(days[:, None], part, 0.0)
        flags = torch.from_numpy(days).to(device)
        held = torch.from_numpy(part).to(device)
        problem = Problem(held, flags, flags.sum(1), order, gapless, conditional)
        known = (problem.known - problem.left_out).clamp(min=0)
        out.append((rows, replace(problem, known=known)))
    return out


def differenced(columns: Doubles, seen: Flags, order: Order) -> tuple[Doubles, Flags]:
    """Differences of series that begin on their first day, and the days that have one."""
    for lag in [1] * order.d + [order.period] * order.seasonal_d:
        columns = columns[..., lag:] - columns[..., :-lag]
    return columns, seen[:, order.n_differenced :]


def reduced(
    columns: Doubles, seen: Flags, order: Order
) -> tuple[Doubles, Flags, Doubles, NDArray[np.intp]]:
    """Take off the continuation of the first d + s D known days in a row, all differences zero.

    Returns:
        The columns from the first day after these, whether those days are known, the continuation
        (N, c, T), and the first day (N,), which is T where there is none.
    """
    needed, days = order.n_differenced, seen.shape[1]
    run = np.zeros((len(seen), days + 1), dtype=np.int64)
    np.cumsum(seen, axis=1, out=run[:, 1:])
    enough = run[:, needed:] - run[:, : days + 1 - needed] == needed
    enough[:, -1] = True
    start = needed + enough.argmax(axis=1)
    lags = np.array([1.0])
    for lag in [1] * order.d + [order.period] * order.seasonal_d:
        factor = np.zeros(lag + 1)
        factor[[0, -1]] = 1, -1
        lags = np.convolve(lags, factor)
    base = np.nan_to_num(columns)
    for t in range(days):
        late = t >= start
        ahead = sum(
            -weight * base[..., t - 1 - i] for i, weight in enumerate(lags[1:]) if weight and t > i
        )
        base[late, :, t] = np.broadcast_to(ahead, base.shape[:2])[late]
    flags = shifted(seen, start)
    return shifted(np.nan_to_num(columns) - base, start), flags, base, start
