"""Coherent forecasts: those of sums equal the sums of those of the series.

Bottom-up, or minimum trace (Wickramasuriya, Athanasopoulos and Hyndman 2019, "Optimal forecast
reconciliation for hierarchical and grouped time series through trace minimization"). Written with
the constraints C'y = 0, C' = [-A, I], the reconciled forecast is y - W C (C'WC)^-1 C'y: one sparse
system in the number of sums, whatever the number of series. The shrunk covariance is a diagonal
plus the outer product of the residuals, so it is never formed either.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from forecast_platform.errors import ModelError
from forecast_platform.forecasting.levels import SERIES, Level
from forecast_platform.forecasting.pit import quantiles_at
from forecast_platform.models.base import known_quantiles

Floats = NDArray[np.floating[Any]]
Method = Literal["bottom_up", "structural", "variance", "shrunk"]


class Hierarchy:
    """N series and their sums: M rows, the series first, then the sums level by level.

    Args:
        levels: Levels as `levels_of` gives them, item-location first.

    Attributes:
        levels: The levels.
        n_series: N.
        summing: (M, N) sparse matrix of zeros and ones.
    """

    def __init__(self, levels: Sequence[Level]) -> None:
        from scipy.sparse import coo_array

        if not levels or levels[0].name != SERIES:
            raise ModelError(
                f"A hierarchy starts from the level {SERIES}, got "
                f"{[level.name for level in levels]}: pass the levels as levels_of gives them."
            )
        self.levels = tuple(levels)
        self.n_series = len(levels[0].group)
        starts = np.cumsum([0, *(level.n_sums for level in levels)])
        rows = [start + level.group for start, level in zip(starts, levels, strict=False)]
        entries = (np.concatenate(rows), np.tile(np.arange(self.n_series), len(levels)))
        shape = (int(starts[-1]), self.n_series)
        self.summing = coo_array((np.ones(len(entries[0])), entries), shape=shape).tocsr()
        self._starts = starts

    def rows(self, name: str) -> slice:
        """The rows of one level."""
        at = [level.name for level in self.levels].index(name)
        return slice(int(self._starts[at]), int(self._starts[at + 1]))

    def sums(self, series: Floats, rows: slice = slice(None)) -> Floats:
        """(M, ...) rows of (N, ...) series, or the rows wanted, in the precision of the series."""
        total = self.summing[rows].astype(series.dtype) @ series.reshape(self.n_series, -1)
        return np.asarray(total.reshape(-1, *series.shape[1:]))


class Reconciler:
    """Makes forecasts of all rows coherent.

    Args:
        hierarchy: The rows.
        method: `bottom_up` keeps the series and sums them; the others are minimum trace with error
            variances that are proportional to the number of series summed (`structural`), those
            of the residuals (`variance`), or with the residuals' covariance, its correlations
            shrunk towards none (`shrunk`; Schaefer and Strimmer 2005, target D).
        residuals: (M, T) errors of one-step forecasts of each row, NaN where unknown; needed by
            `variance` and `shrunk`.

    Raises:
        ModelError: If residuals are needed and missing or of other rows.
    """

    def __init__(
        self, hierarchy: Hierarchy, method: Method = "structural", residuals: Floats | None = None
    ) -> None:
        self.hierarchy = hierarchy
        self.method = method
        if method == "bottom_up":
            return
        if method == "structural":
            variance = np.asarray(hierarchy.summing.sum(axis=1))
            common = np.zeros((len(variance), 0))
        else:
            variance, common = self._spread(method, residuals)
        self._factorise(variance, common)

    def __call__(self, base: Floats, *, nonnegative: bool = True) -> Floats:
        """(M, ...) coherent rows of (M, ...) base forecasts, in 64 bit.

        Args:
            base: Forecasts of all rows, for bottom-up of the N series alone if need be; days,
                paths or both along the other axes.
            nonnegative: Set series below zero to zero before they are summed (Di Fonzo and
                Girolimetto 2023, "set negative to zero").
        """
        return self.hierarchy.sums(self.series(base, nonnegative=nonnegative))

    def series(self, base: Floats, *, nonnegative: bool = True) -> Floats:
        """(N, ...) series whose sums are the coherent rows; arguments as for a call."""
        n = self.hierarchy.n_series
        series = base[:n]
        if self.method != "bottom_up":
            flat = np.asarray(base, dtype=np.float64).reshape(len(base), -1)
            gap = flat[n:] - self._upper @ flat[:n]
            step = self._solved(gap)
            moved = flat[:n] + self._own[:n, None] * (self._upper.T @ step)
            moved = moved - self._common[:n] @ (self._across.T @ step)
            series = moved.reshape(-1, *base.shape[1:])
        return np.maximum(series, 0) if nonnegative else series

    def _spread(
        self, method: Method, residuals: Floats | None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """W as a diagonal (M,) plus the outer product of (M, T)."""
        rows = self.hierarchy.summing.shape[0]
        if residuals is None or len(residuals) != rows:
            got = "none" if residuals is None else f"{len(residuals)} rows"
            raise ModelError(
                f"The method {method} needs residuals of all {rows} rows of the hierarchy, got "
                f"{got}: pass the one-step errors of every level, or use structural."
            )
        errors = np.asarray(residuals, dtype=np.float64)
        days = errors.shape[1]
        if method == "variance":
            variance = np.nansum(np.square(errors), axis=1) / days
            return _floored(variance), np.zeros((rows, 0))
        errors = np.nan_to_num(errors - np.nanmean(errors, axis=1, keepdims=True))
        variance = _floored(np.square(errors).sum(axis=1) / (days - 1))
        shrinkage = correlation_shrinkage(errors)
        return shrinkage * variance, errors * np.sqrt((1 - shrinkage) / (days - 1))

    def _factorise(self, own: Floats, common: Floats) -> None:
        from scipy.sparse import diags_array
        from scipy.sparse.linalg import splu

        n = self.hierarchy.n_series
        self._own, self._common = own, common
        self._upper = self.hierarchy.summing[n:]
        system = self._upper @ diags_array(own[:n]) @ self._upper.T + diags_array(own[n:])
        self._system = splu(system.tocsc())
        self._across = common[n:] - self._upper @ common[:n]  # C' F, (K, T)
        self._solved_across = self._system.solve(self._across) if common.shape[1] else self._across

    def _solved(self, gap: Floats) -> Floats:
        """(C'WC)^-1 gap, by the formula of Woodbury for the common part."""
        first = np.asarray(self._system.solve(gap))
        if not self._across.shape[1]:
            return first
        inner = np.eye(self._across.shape[1]) + self._across.T @ self._solved_across
        return np.asarray(
            first - self._solved_across @ np.linalg.solve(inner, self._across.T @ first)
        )


def correlation_shrinkage(errors: Floats) -> float:
    """How far correlations are shrunk to none, 0 to 1 (Schaefer and Strimmer 2005, section 2.4).

    The sum of the variances of all pairs' correlations over that of their squares. Both sums over
    pairs follow from the (T, T) products of days, so that no matrix of pairs is formed.

    Args:
        errors: (M, T) errors with mean zero.
    """
    days = errors.shape[1]
    spread = np.sqrt(np.mean(np.square(errors), axis=1))
    z = errors[spread > 0] / spread[spread > 0, None]
    squares = float(np.square(z.T @ z / days).sum()) - float(len(z))
    products = float(np.square(np.square(z).sum(axis=0)).sum() - np.power(z, 4).sum())
    if squares <= 0:
        return 1.0
    variance = (products - days * squares) / (days * (days - 1))
    return float(np.clip(variance / squares, 1e-6, 1))


def coherent_quantiles(
    reconciler: Reconciler,
    quantiles: Floats,
    levels: Sequence[float],
    errors: Floats,
    *,
    seed: int = 7,
    rows: slice = slice(None),
) -> NDArray[np.float32]:
    """(R, H, Q) quantiles of coherent sample paths.

    Quantiles do not add up, paths do. Every past day makes one path: each row takes the level that
    its error of that day had among its errors (the Schaake shuffle, Clark et al. 2004), so rows
    that erred together are drawn together; the levels are pushed through each row's quantiles, and
    the rows reconciled.

    Args:
        reconciler: Makes the paths coherent.
        quantiles: (M, H, Q) base forecasts of all rows, or (N, H, Q) of the series for bottom-up.
        levels: The Q levels.
        errors: (M, T) or (N, T) errors of the same rows on T past days, NaN where unknown.
        seed: Seed that parts equal errors, so that series without sales do not seem to err alike.
        rows: The R rows wanted; all M by default.
    """
    ranks = _random_ranks(errors, seed)
    at = (np.arange(errors.shape[1]) + 0.5) / errors.shape[1]
    coherent = []
    for day in range(quantiles.shape[1]):
        drawn = np.take_along_axis(quantiles_at(quantiles[:, day], levels, at), ranks, axis=1)
        sums = reconciler.hierarchy.sums(reconciler.series(drawn), rows)
        coherent.append(known_quantiles(sums, levels))
    return np.stack(coherent, axis=1).astype(np.float32)


def _random_ranks(errors: Floats, seed: int) -> NDArray[np.intp]:
    """(M, T) rank of each error among its row's, equal ones and unknown ones, as 0, by chance."""
    known = np.nan_to_num(errors).astype(np.float64)
    apart = 1e-6 * np.random.default_rng(seed).random(errors.shape)
    order = (known + apart).argsort(axis=1)
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(errors.shape[1])[None], axis=1)
    return ranks


def _floored(variance: Floats) -> NDArray[np.float64]:
    """Variances above zero: a row without errors still yields to its sum."""
    return np.asarray(np.maximum(variance, 1e-8 * max(float(variance.max(initial=0)), 1e-8)))
