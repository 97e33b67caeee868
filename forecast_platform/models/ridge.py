"""Ridge regression on the rows of all series: Hoerl and Kennard (1970), in closed form."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from forecast_platform.models.base import Floats, Progress
from forecast_platform.models.drivers import LEVEL, Parts, grouped
from forecast_platform.models.regression import RatioRegression, ahead_of, training_rows
from forecast_platform.models.tree_features import Index, Inputs, Rows

if TYPE_CHECKING:
    from forecast_platform.panel import Panel

PENALTY = 1e-3

FARTHEST = 5.0
"""An input counts for at most so many standard deviations from its mean."""


class Ridge(RatioRegression):
    """Linear in the inputs, with one level per weekday and per known attribute value.

    Args:
        workers: Processes that may be used.
        penalty: Of the sum of weights, on coefficients of inputs with variance 1.
    """

    name = "ridge"
    most_rows = 300_000

    def __init__(self, workers: int = 1, penalty: float = PENALTY) -> None:
        super().__init__(workers)
        self.penalty = penalty
        self._centre = self._width = self._coefficients = np.zeros(0)

    def _learn(
        self, panel: Panel, seed: int, share: float, progress: Progress | None = None
    ) -> None:
        inputs = Inputs(panel, self._schema)
        rows, demand = training_rows(inputs, seed, int(share * self.most_rows))
        weight = self._weights(rows)
        raw = self._expanded(inputs, rows)
        self._centre = np.nan_to_num(_mean_of_known(raw))
        self._width = np.sqrt(np.nan_to_num(_mean_of_known(np.square(raw - self._centre))))
        inner = self._standardised(raw)
        gram = inner.T @ (weight[:, None] * inner)
        penalty = self.penalty * weight.sum() * np.eye(len(gram))
        penalty[-1, -1] = 1e-9 * weight.sum()  # the constant is free
        self._coefficients = np.linalg.solve(
            gram + penalty, inner.T @ (weight * demand / rows.level)
        )

    def _means(self, panel: Panel, column: int, series: Index, horizon: int) -> Floats:
        inputs = Inputs(panel, self._schema)
        rows = ahead_of(inputs, column, series, horizon)
        inner = self._standardised(self._expanded(inputs, rows))
        # Not a matrix product, whose sums may depend on the number of rows.
        ratio = np.einsum("bf,f->b", inner, self._coefficients, optimize=False)
        mean = rows.level * np.maximum(ratio, 0)
        return np.asarray(mean.reshape(len(series), horizon))

    def _drivers(self, panel: Panel, origin: dt.date, horizon: int) -> Parts:
        """Coefficient times standardised input, in units of the series' level; the constant is it.

        Exact before the ratio is held at zero or above.
        """
        inputs, series = Inputs(panel, self._schema), np.arange(panel.n_series)
        if self._unlearnable:
            return {LEVEL: np.full(len(series), np.nan)}
        rows = ahead_of(inputs, panel.column_of(origin), series, horizon)
        inner = self._standardised(self._expanded(inputs, rows))
        shares = rows.level[:, None] * inner * self._coefficients
        names = [*self._expanded_names(inputs), LEVEL]
        return grouped(names, shares.reshape(len(series), horizon, -1).mean(axis=1))

    def _expanded(self, inputs: Inputs, rows: Rows) -> NDArray[np.float64]:
        """(B, E) inputs, with weekday and attributes as flags."""
        codes = self._codes(inputs)
        flags = [rows.values[:, [at]] == np.arange(size) for at, size in codes.items()]
        plain = np.delete(rows.values, list(codes), axis=1)
        return np.hstack([plain, *flags]).astype(np.float64)

    def _expanded_names(self, inputs: Inputs) -> list[str]:
        """The E names that `_expanded` has columns of; flags carry that of their input."""
        codes = self._codes(inputs)
        plain = [name for at, name in enumerate(inputs.names) if at not in codes]
        return plain + [inputs.names[at] for at, size in codes.items() for _ in range(size)]

    def _codes(self, inputs: Inputs) -> dict[int, int]:
        """Columns that hold codes, and how many of their values get a flag."""
        sizes = [min(len(known), 200) for known in self._schema.vocabulary.values()]
        weekday = inputs.names.index("weekday")
        return {weekday: 7, **dict(zip(inputs.categorical, sizes, strict=True))}

    def _standardised(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        """(B, E + 1) inputs of mean 0 and variance 1, 0 where unknown; and a constant."""
        inner = (raw - self._centre) / np.where(self._width > 1e-9, self._width, np.inf)
        inner = np.clip(np.nan_to_num(inner), -FARTHEST, FARTHEST)
        return np.hstack([inner, np.ones((len(inner), 1))])

    def _save_model(self, folder: Path) -> None:
        np.savez(
            folder / "ridge.npz",
            centre=self._centre, width=self._width, coefficients=self._coefficients,
        )  # fmt: skip

    def _load_model(self, folder: Path) -> None:
        with np.load(folder / "ridge.npz") as arrays:
            self._centre, self._width = arrays["centre"], arrays["width"]
            self._coefficients = arrays["coefficients"]


def _mean_of_known(values: NDArray[np.float64]) -> NDArray[np.float64]:
    known = ~np.isnan(values)
    return np.asarray(np.where(known, values, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1))
