from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from hierarchicalforecast.methods import MinTrace
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast_platform.contracts import QUANTILES
from forecast_platform.errors import ModelError
from forecast_platform.forecasting.hierarchy import (
    Hierarchy,
    Reconciler,
    coherent_quantiles,
    correlation_shrinkage,
)
from forecast_platform.forecasting.levels import levels_of
from forecast_platform.panel import Panel

ITEMS, PLACES, DAYS = 6, 3, 120
METHODS = {"structural": "wls_struct", "variance": "wls_var", "shrunk": "mint_shrink"}


@pytest.fixture(scope="module")
def hierarchy() -> Hierarchy:
    items = np.repeat([f"i{at}" for at in range(ITEMS)], PLACES).astype(object)
    places = np.tile([f"p{at}" for at in range(PLACES)], ITEMS).astype(object)
    demand = np.zeros((ITEMS * PLACES, 1), dtype=np.float32)
    category = np.where(np.isin(items, ["i0", "i1"]), "food", "other").astype(object)
    panel = Panel(
        items, places, dt.date(2024, 1, 1), demand, demand == 0, static={"category": category}
    )
    return Hierarchy(levels_of(panel))


@pytest.fixture(scope="module")
def residuals(hierarchy: Hierarchy) -> np.ndarray:
    """Errors of all rows: a common day, a common place and noise of each row of its own."""
    rng = np.random.default_rng(3)
    common = rng.normal(size=DAYS) + np.tile(rng.normal(size=(PLACES, DAYS)), (ITEMS, 1))
    series = common + rng.normal(size=(ITEMS * PLACES, DAYS)) * np.linspace(1, 4, 18)[:, None]
    sums = hierarchy.sums(series)
    return sums + rng.normal(size=sums.shape) * 0.3 * sums.std(axis=1, keepdims=True)


def base(hierarchy: Hierarchy, seed: int = 0, days: int = 4) -> np.ndarray:
    rng = np.random.default_rng(seed)
    sums = hierarchy.sums(rng.gamma(2, 10, (hierarchy.n_series, days)))
    return sums * rng.uniform(0.9, 1.1, sums.shape)


def test_rows_are_series_then_sums_of_every_level(hierarchy: Hierarchy) -> None:
    series = np.arange(18.0)
    sums = hierarchy.sums(series)
    assert sums[hierarchy.rows("item-location")].tolist() == series.tolist()
    assert sums[hierarchy.rows("item")].tolist() == series.reshape(6, 3).sum(axis=1).tolist()
    assert sums[hierarchy.rows("location")].tolist() == series.reshape(6, 3).sum(axis=0).tolist()
    assert sums[hierarchy.rows("category")].tolist() == [series[:6].sum(), series[6:].sum()]
    assert sums[hierarchy.rows("total")].tolist() == [series.sum()]


@pytest.mark.parametrize("method", ["bottom_up", *METHODS])
def test_reconciled_forecasts_add_up_and_are_never_negative(
    hierarchy: Hierarchy, residuals: np.ndarray, method: str
) -> None:
    forecast = base(hierarchy)
    forecast[:5] -= 60
    reconciled = Reconciler(hierarchy, method, residuals)(forecast)
    sums = hierarchy.sums(reconciled[: hierarchy.n_series])
    assert np.abs(sums - reconciled).max() < 1e-6
    assert reconciled.min() >= 0


@pytest.mark.parametrize("method", METHODS)
def test_minimum_trace_equals_the_reference_library(
    hierarchy: Hierarchy, residuals: np.ndarray, method: str
) -> None:
    """Against hierarchicalforecast, which orders rows from the total down to the series."""
    forecast = base(hierarchy)
    n = hierarchy.n_series
    order = np.r_[n : len(forecast), :n]
    reference = MinTrace(METHODS[method]).fit_predict(
        S=hierarchy.summing.toarray()[order],
        y_hat=forecast[order],
        y_insample=residuals[order],
        y_hat_insample=np.zeros_like(residuals),
    )["mean"]
    ours = Reconciler(hierarchy, method, residuals)(forecast, nonnegative=False)
    assert ours[order] == pytest.approx(reference, rel=1e-6)


def test_bottom_up_sums_the_series(hierarchy: Hierarchy) -> None:
    forecast = base(hierarchy)
    expected = hierarchy.summing.toarray() @ forecast[: hierarchy.n_series]
    assert Reconciler(hierarchy, "bottom_up")(forecast) == pytest.approx(expected)


@settings(max_examples=20)
@given(st.integers(0, 10_000), st.sampled_from(["bottom_up", *METHODS]))
def test_coherent_forecasts_stay_as_they_are(
    hierarchy: Hierarchy, residuals: np.ndarray, seed: int, method: str
) -> None:
    series = np.random.default_rng(seed).gamma(1, 5, (hierarchy.n_series, 2))
    coherent = hierarchy.sums(series)
    assert Reconciler(hierarchy, method, residuals)(coherent) == pytest.approx(coherent)


def test_reconciling_lessens_the_error_of_noisy_series(
    hierarchy: Hierarchy, residuals: np.ndarray
) -> None:
    rng = np.random.default_rng(1)
    truth = hierarchy.sums(rng.gamma(5, 20, (hierarchy.n_series, 200)))
    errors = residuals[:, rng.integers(DAYS, size=200)]
    reconciled = Reconciler(hierarchy, "shrunk", residuals)(truth + errors)
    total = hierarchy.rows("total")
    bottom_up = Reconciler(hierarchy, "bottom_up")(truth + errors)
    assert np.square(reconciled - truth)[total].mean() < np.square(bottom_up - truth)[total].mean()


def test_shrinkage_by_pairs() -> None:
    rng = np.random.default_rng(2)
    errors = rng.normal(size=(5, 30)) + rng.normal(size=30)
    errors -= errors.mean(axis=1, keepdims=True)
    z = errors / errors.std(axis=1, keepdims=True)
    above = below = 0.0
    for i in range(5):
        for j in range(5):
            if i != j:
                w = z[i] * z[j]
                above += np.square(w - w.mean()).sum() / (30 * 29)
                below += w.mean() ** 2
    assert correlation_shrinkage(errors) == pytest.approx(above / below)


def test_quantiles_of_coherent_paths_know_how_rows_err_together(hierarchy: Hierarchy) -> None:
    """The total of independent series is narrower than that of series which move as one."""
    rng = np.random.default_rng(4)
    n = hierarchy.n_series
    apart = hierarchy.sums(rng.normal(size=(n, 400)))
    alike = hierarchy.sums(np.tile(rng.normal(size=400), (n, 1)))
    z = np.array([-1.645, -1.282, -0.674, 0, 0.674, 1.282, 1.645, 1.96, 2.326])
    total = hierarchy.rows("total")
    spread = {}
    for name, residuals in {"apart": apart, "alike": alike}.items():
        deviation = residuals.std(axis=1)[:, None, None]
        middle = hierarchy.sums(np.full(n, 50.0))[:, None, None]
        quantiles = np.repeat(middle + z * deviation, 3, axis=1)
        found = coherent_quantiles(
            Reconciler(hierarchy, "variance", residuals), quantiles, QUANTILES, residuals
        )
        assert (np.diff(found, axis=-1) >= 0).all()
        spread[name] = (found[total, :, 7] - found[total, :, 3]).mean()
    assert spread["alike"] == pytest.approx(1.96 * n, rel=0.15)
    assert spread["apart"] == pytest.approx(1.96 * np.sqrt(n), rel=0.15)


def test_equal_errors_do_not_make_series_err_alike(hierarchy: Hierarchy) -> None:
    """Series that never sold erred alike every day; that says nothing of days to come."""
    n = hierarchy.n_series
    quantiles = np.tile(np.linspace(1, 9, len(QUANTILES)), (n, 1, 1))
    total = coherent_quantiles(
        Reconciler(hierarchy, "bottom_up"), quantiles, QUANTILES, np.zeros((n, 400)),
        rows=hierarchy.rows("total"),
    )  # fmt: skip
    assert total.shape == (1, 1, len(QUANTILES))
    width = total[0, 0, 5] - total[0, 0, 1]
    assert 0.8 < width / ((quantiles[0, 0, 5] - quantiles[0, 0, 1]) * np.sqrt(n)) < 1.2


def test_missing_residuals_are_asked_for(hierarchy: Hierarchy) -> None:
    with pytest.raises(ModelError, match="needs residuals of all"):
        Reconciler(hierarchy, "shrunk")
    with pytest.raises(ModelError, match="starts from the level item-location"):
        Hierarchy(hierarchy.levels[1:])
