"""Shared half of the families that estimate series by series.

A series that cannot be estimated, or is unknown, is answered by the seasonal naive and says why.
"""

from __future__ import annotations

import datetime as dt
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from forecast_platform.contracts import QUANTILES
from forecast_platform.models.base import (
    NOT_TRAINED,
    Floats,
    Progress,
    Reasons,
    WindowForecaster,
    windows,
)
from forecast_platform.models.drivers import Parts, around_level
from forecast_platform.models.seasonal_naive import SeasonalNaive

if TYPE_CHECKING:
    import polars as pl

    from forecast_platform.panel import Panel

MIN_KNOWN_DAYS = 30
PARAMETERS = "parameters.parquet"
PATH_DAYS = 28
"""Days over which the sums of sample paths vary as the model says."""

_CORRELATIONS = np.linspace(0, 0.95, 191)


class LocalForecaster(WindowForecaster):
    """One row of parameters per series, kept as a table."""

    def __init__(self) -> None:
        super().__init__()
        self._fallback = SeasonalNaive()
        self._reason: Reasons = np.empty(0, dtype=object)

    @abstractmethod
    def _estimate(self, panel: Panel, seed: int, progress: Progress | None) -> Reasons:
        """Estimate all series; (N,) why one was not, None where it was."""

    @abstractmethod
    def _answer(
        self, panel: Panel, rows: NDArray[np.intp], origins: Sequence[dt.date], horizon: int
    ) -> tuple[Floats, Floats]:
        """Mean (O, n, H) and quantiles (O, n, H, Q), units; NaN where nothing is known.

        Args:
            panel: n series, all of them estimated.
            rows: (n,) their rows in the training panel.
            origins: O last days of data.
            horizon: H days ahead.
        """

    @abstractmethod
    def _columns(self) -> dict[str, Any]:
        """Columns of the parameter table."""

    @abstractmethod
    def _restore(self, table: pl.DataFrame) -> None:
        """Take the parameters from their table."""

    def _fit(self, panel: Panel, seed: int, progress: Progress | None) -> None:
        self._fallback.fit(panel, seed=seed)
        self._reason = self._estimate(panel, seed, progress)

    def _predict(
        self, panel: Panel, origins: Sequence[dt.date], horizon: int
    ) -> tuple[Floats, Floats, Reasons]:
        rows = self.rows_of(panel)
        reasons = np.empty((len(origins), panel.n_series), dtype=object)
        reasons[:] = np.where(rows < 0, NOT_TRAINED, self._reason[np.maximum(rows, 0)])
        own = np.flatnonzero([reason is None for reason in reasons[0]])
        mean = np.zeros((len(origins), panel.n_series, horizon))
        quantiles = np.zeros((*mean.shape, len(QUANTILES)))
        mean[:, own], quantiles[:, own] = self._answer(
            panel.select(own), rows[own], origins, horizon
        )
        other = np.setdiff1d(np.arange(panel.n_series), own)
        mean[:, other], quantiles[:, other], _ = self._fallback._predict(
            panel.select(other), origins, horizon
        )
        blank = np.isnan(mean[..., 0])
        mean[blank], quantiles[blank] = 0, 0
        reasons[blank] = f"no known demand in the last {self.context_days} days"
        return mean, quantiles, reasons

    def _drivers(self, panel: Panel, origin: dt.date, horizon: int) -> Parts:
        mean, _, reasons = self._predict(panel, [origin], horizon)
        mean[0, reasons[0] != None] = np.nan  # noqa: E711 - an array of reasons
        return around_level(windows(panel, [origin], self.context_days)[0], mean[0])

    def _save(self, folder: Path) -> None:
        import polars as pl

        items, locations = zip(*self._keys, strict=True)
        pl.DataFrame(
            {
                "item_id": items,
                "location_id": locations,
                **self._columns(),
                "reason": pl.Series(self._reason.tolist(), dtype=pl.String),
            }
        ).write_parquet(folder / PARAMETERS)
        self._fallback.save(folder / "fallback")

    def _load(self, folder: Path) -> None:
        import polars as pl

        table = pl.read_parquet(folder / PARAMETERS)
        self._reason = np.array(table["reason"].to_list(), dtype=object)
        self._restore(table)
        self._fallback.load(folder / "fallback")


def degenerate(demand: NDArray[np.float64], days: int) -> Reasons:
    """(N,) why a series (N, T) of the last `days` days cannot be estimated, None where it can."""
    known = (~np.isnan(demand)).sum(axis=1)
    low = np.where(np.isnan(demand), np.inf, demand).min(axis=1)
    high = np.where(np.isnan(demand), -np.inf, demand).max(axis=1)
    reason = np.full(len(demand), None, dtype=object)
    reason[low == high] = "constant demand"
    reason[(low == high) & (high == 0)] = f"no demand in the last {days} days"
    for row in np.flatnonzero(known < MIN_KNOWN_DAYS):
        reason[row] = f"{known[row]} known days, at least {MIN_KNOWN_DAYS} are needed"
    return reason


def path_correlation(psi: NDArray[np.float64]) -> float:
    """Correlation of neighbouring days with which sums of H days vary as the model says.

    Errors of neighbouring days are weakly correlated under an ARIMA model, and so are those of days
    far apart. A first-order process that copied the former would lose the latter, and with them
    most of the spread of a sum, so the sum is what it is made to meet, in the median over series.

    Args:
        psi: (N, H) what a shock adds to the level 0 .. H - 1 days later.
    """
    days = psi.shape[1]
    spread = np.sqrt(np.square(psi).cumsum(axis=1))
    variance = np.zeros(len(psi))  # of the sum of the H errors, each in its standard deviation
    for shock in range(days):
        variance += np.square((psi[:, : days - shock] / spread[:, shock:]).sum(axis=1))
    apart = np.arange(1, days)
    powers = _CORRELATIONS[:, None] ** apart
    return float(np.interp(np.median(variance), days + 2 * powers @ (days - apart), _CORRELATIONS))
