"""Our estimates against statsmodels' on real and simulated series."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
import pytest
from sarima_cases import WEEKLY, reference, simulated, theirs

from forecast_platform.models.sarima.model import Estimates, Order, estimate, predict

ORDERS = (
    WEEKLY, Order(2, 1, 1), Order(0, 1, 1, 0, 1, 1), Order(1, 0, 1), Order(1, 1, 0, 1, 0, 1),
)  # fmt: skip
DAYS, AHEAD = 400, 28


class Compared(NamedTuple):
    """Figures of many series.

    Attributes:
        gained: Our log likelihood less the reference's from its own start.
        missed: What the reference still gains when it starts from our estimates.
        apart: Largest distance of forecasts from its own start, in standard deviations.
        apart_from_ours: The same from our estimates.
    """

    gained: np.ndarray
    missed: np.ndarray
    apart: np.ndarray
    apart_from_ours: np.ndarray


def compared(values: np.ndarray, order: Order, ours: Estimates) -> np.ndarray:
    """(n, 4) figures of `Compared`; the reference may iterate until it converges."""
    ahead = predict(values, order, ours.coefficients, ours.slopes, AHEAD)[0][:, values.shape[1] :]
    lines = []
    for row, line in enumerate(values):
        scale = line.std()
        model = reference(line / scale, order, simple_differencing=True)
        whole = reference(line / scale, order)
        start = theirs(
            order, ours.coefficients[row], ours.slopes[row] / scale, ours.sigma2[row] / scale**2
        )
        gains, apart = [], []
        for begin in (None, start):
            fit = model.fit(begin, disp=0, maxiter=500, cov_type="none")
            likelihood = fit.llf - model.nobs * np.log(scale)
            gains.append(ours.log_likelihood[row] - likelihood)
            forecast = whole.smooth(fit.params).forecast(AHEAD)
            apart.append(np.abs(forecast - ahead[row] / scale).max())
        lines.append([gains[0], -gains[1], *apart])
    return np.array(lines)


@pytest.mark.nightly
def test_likelihood_and_forecasts_against_the_reference_on_300_series(real_data: Path) -> None:
    frame = pl.read_csv(real_data / "m5_tx3_foods3" / "sales_train_evaluation.csv")
    real = frame.select(pl.col("^d_.*$")).to_numpy()[:, -DAYS:].astype(float)
    real = real[(real > 0).sum(axis=1) > 100][:150]
    rng = np.random.default_rng(17)
    parts = []
    for at, order in enumerate(ORDERS):
        truth = rng.uniform(-0.7, 0.7, order.n_coefficients).tolist()
        values = np.concatenate([real[at::5], simulated(order, truth, DAYS, 30, seed=at)])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parts.append(compared(values, order, estimate(values, order)))
    found = Compared(*np.concatenate(parts).T)
    assert len(found.gained) == 300
    assert np.mean(found.gained > -0.5) >= 0.99
    assert np.mean(found.missed < 0.5) >= 0.99
    # Elsewhere the two climbed different maxima, ours the higher one.
    same = np.abs(found.gained) < 0.1
    assert same.mean() > 0.75
    assert np.mean(found.apart[same] < 0.02) >= 0.95
    assert np.mean(found.apart_from_ours < 0.02) >= 0.95
