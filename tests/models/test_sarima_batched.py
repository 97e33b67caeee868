"""The engine on tensors against the compiled kernels."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from numpy.polynomial import polynomial
from sarima_cases import ORDERS, WEEKLY, demand

from forecast_platform.models.sarima.batched.polynomials import (
    divided,
    multiplied,
    state_covariance,
)
from forecast_platform.models.sarima.model import Order, estimate, predict
from forecast_platform.models.sarima.order import Method

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(
    not torch.cuda.is_available(), reason="no CUDA device"
))]  # fmt: skip


def irregular(days: int = 150) -> np.ndarray:
    """Whole, begun late, ended early, with gaps, and with too little to say."""
    values = demand(7, days, seed=1)
    values[1, :20] = np.nan
    values[2, -9:] = np.nan
    values[3, 60:70] = np.nan
    values[4, [3, 100]] = np.nan
    values[5] = np.nan
    values[6, 4:] = np.nan
    return values


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("order", [*ORDERS, Order(0, 0, 0)], ids=str)
def test_estimates_and_forecasts_are_those_of_the_kernels(order: Order, device: str) -> None:
    values = irregular()
    ours, tensors = estimate(values, order), estimate(values, order, device=device)
    assert tensors.known.tolist() == ours.known.tolist()
    assert tensors.log_likelihood == pytest.approx(ours.log_likelihood, abs=0.01, nan_ok=True)
    assert tensors.coefficients == pytest.approx(ours.coefficients, abs=0.02)
    assert tensors.sigma2 == pytest.approx(ours.sigma2, rel=0.01, nan_ok=True)
    fixed = order, ours.coefficients, ours.slopes, 28
    for mine, other in zip(
        predict(values, *fixed), predict(values, *fixed, device=device), strict=True
    ):
        assert other == pytest.approx(mine, abs=1e-6, nan_ok=True)
    assert np.isfinite(predict(values, *fixed, device=device)[0][:5, -28:]).all()


@pytest.mark.parametrize("method", ["ml", "css"])
def test_slopes_of_regressors_are_those_of_the_kernels(method: Method) -> None:
    values = irregular()
    known = np.random.default_rng(4).standard_normal((len(values), 2, 150))
    values += 3 * known[:, 0]
    ours = estimate(values, WEEKLY, known, method=method)
    tensors = estimate(values, WEEKLY, known, method=method, device="cpu")
    assert tensors.slopes == pytest.approx(ours.slopes, abs=0.01)
    assert tensors.log_likelihood == pytest.approx(ours.log_likelihood, abs=0.02, nan_ok=True)


@pytest.mark.parametrize("order", ORDERS, ids=str)
def test_the_conditional_sum_of_squares_is_that_of_the_kernels(order: Order) -> None:
    values = irregular()
    ours = estimate(values, order, method="css")
    tensors = estimate(values, order, method="css", device="cpu")
    assert tensors.log_likelihood == pytest.approx(ours.log_likelihood, abs=0.01, nan_ok=True)
    assert tensors.known.tolist() == ours.known.tolist()


def test_with_gaps_the_likelihood_is_exact_whatever_is_asked_for() -> None:
    values = irregular()[3:5]
    exact, conditional = estimate(values, WEEKLY), estimate(values, WEEKLY, method="css")
    assert conditional.log_likelihood.tolist() == exact.log_likelihood.tolist()


def test_the_conditional_estimate_of_a_long_series_is_near_the_exact_one() -> None:
    shocks = np.random.default_rng(2).standard_normal((3, 2000))
    values = shocks.copy()
    for day in range(1, 2000):
        values[:, day] += 0.7 * values[:, day - 1]
    exact = estimate(values, Order(1, 0, 0))
    conditional = estimate(values, Order(1, 0, 0), method="css")
    assert conditional.coefficients == pytest.approx(exact.coefficients, abs=2e-3)
    assert (conditional.known == exact.known - 1).all()


@pytest.mark.parametrize("lag", [1, 7])
def test_to_divide_by_a_polynomial_undoes_the_multiplication(lag: int) -> None:
    rng = np.random.default_rng(3)
    series = torch.from_numpy(rng.standard_normal((4, 2, 300)))
    roots = rng.uniform(-0.97, 0.97, (4, 3))
    weights = np.array([polynomial.polyfromroots(1 / row) for row in roots])
    weights = torch.from_numpy(weights[:, 1:] / weights[:, :1])
    back = divided(multiplied(series, weights, lag), weights, lag)
    assert back.numpy() == pytest.approx(series.numpy(), abs=1e-8)


def test_the_covariance_of_the_state_is_stationary_also_near_a_unit_root() -> None:
    a = torch.tensor([[0.5, 0.3], [0.99999, 0.0]], dtype=torch.float64)
    b = torch.tensor([[0.4, 0.1], [-0.9, 0.0]], dtype=torch.float64)
    covariance = state_covariance(a, b)
    step = torch.diag_embed(torch.ones(2, 1, dtype=torch.float64), offset=1)
    step[:, :, 0] += a
    shock = (a + b)[:, :, None]
    after = step @ covariance @ step.transpose(1, 2) + shock @ shock.transpose(1, 2)
    assert after.numpy() == pytest.approx(covariance.numpy(), rel=1e-9)


def test_the_engine_needs_torch_and_numpy_alone() -> None:
    code = (
        "import sys, forecast_platform.models.sarima.batched.model;"
        "print([m for m in ('numba', 'scipy', 'polars', 'statsmodels') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
