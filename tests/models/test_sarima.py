from __future__ import annotations

import numpy as np
import pytest
from sarima_cases import ORDERS, WEEKLY, demand, reference, simulated, theirs

from forecast_platform.models.sarima.model import Order, estimate, predict
from forecast_platform.models.sarima.select import choose, differencing, kpss, seasonal_strength


@pytest.mark.parametrize("order", ORDERS, ids=str)
def test_the_likelihood_is_exact(order: Order) -> None:
    values = demand(2, 150, seed=1)
    ours = estimate(values, order, modes=0)
    for row in range(2):
        params = theirs(order, ours.coefficients[row], ours.slopes[row], ours.sigma2[row])
        model = reference(values[row], order, simple_differencing=True)
        assert model.loglike(params) == pytest.approx(ours.log_likelihood[row], abs=1e-5)


def test_the_likelihood_of_a_series_shorter_than_the_state_is_exact() -> None:
    values, order = demand(2, 14, seed=1), Order(1, 0, 1, 0, 0, 3)
    for device in (None, "cpu"):
        ours = estimate(values, order, modes=0, device=device)
        for row in range(2):
            params = theirs(order, ours.coefficients[row], ours.slopes[row], ours.sigma2[row])
            likelihood = reference(values[row], order).loglike(params)
            assert likelihood == pytest.approx(ours.log_likelihood[row], abs=1e-4)


@pytest.mark.parametrize("order", [WEEKLY, Order(0, 1, 2, 0, 1, 1)], ids=str)
def test_the_likelihood_of_a_series_with_gaps_is_exact(order: Order) -> None:
    values = demand(2, 200, seed=2)
    values[:, 60:75] = np.nan
    values[:, 120] = np.nan
    ours = estimate(values, order, modes=0)
    for row in range(2):
        model = reference(values[row], order)
        model.ssm.loglikelihood_burn = order.d + 7 * order.seasonal_d
        params = np.array([*ours.coefficients[row], ours.sigma2[row]])
        assert model.loglike(params) == pytest.approx(ours.log_likelihood[row], abs=1e-3)


@pytest.mark.parametrize("gaps", [False, True], ids=["whole", "gaps"])
def test_slopes_of_regressors_are_the_best_there_are(gaps: bool) -> None:
    values = demand(2, 200, seed=3)
    known = np.random.default_rng(4).standard_normal((1, 2, 200))
    values += np.array([[2.0], [-3.0]]) * known[0, 0]
    if gaps:
        values[:, 90:95] = np.nan
    ours = estimate(values, WEEKLY, known)
    assert ours.slopes[:, 0] == pytest.approx([2, -3], abs=0.5)
    for row in range(2):
        model = reference(values[row], WEEKLY, known[0].T)
        if gaps:
            model.ssm.loglikelihood_burn = 1
        else:
            model = reference(values[row], WEEKLY, known[0].T, simple_differencing=True)
        best = np.array([*ours.slopes[row], *ours.coefficients[row], ours.sigma2[row]])
        at_best = model.loglike(best)
        assert at_best == pytest.approx(ours.log_likelihood[row], abs=1e-3)
        for change in (-0.05, 0.05):
            other = best.copy()
            other[0] += change
            assert model.loglike(other) < at_best


def test_forecasts_are_those_of_the_reference() -> None:
    values = demand(3, 250, seed=5)
    values[1, 100:110] = np.nan
    values[2, -3:] = np.nan
    for order in (WEEKLY, Order(0, 1, 1, 0, 1, 1), Order(1, 0, 1)):
        ours = estimate(values, order, modes=0)
        means, variances = predict(values, order, ours.coefficients, ours.slopes, 28)
        for row in range(3):
            params = theirs(order, ours.coefficients[row], ours.slopes[row], ours.sigma2[row])
            wanted = reference(values[row], order).smooth(params).get_forecast(28)
            spread = np.sqrt(variances[row, 250:] * ours.sigma2[row])
            assert means[row, 250:] == pytest.approx(wanted.predicted_mean, abs=1e-4)
            assert spread == pytest.approx(wanted.se_mean, rel=1e-4)


def test_an_update_by_filter_is_a_new_estimate_with_the_same_parameters() -> None:
    """Filtering a longer series predicts each day as filtering up to the day before does."""
    values = demand(4, 300, seed=6)
    values[2, 50:60] = np.nan
    old = estimate(values[:, :250], WEEKLY)
    updated, _ = predict(values, WEEKLY, old.coefficients, old.slopes, 28)
    for day in (250, 275, 299):
        afresh, _ = predict(values[:, :day], WEEKLY, old.coefficients, old.slopes, 1)
        assert updated[:, day] == pytest.approx(afresh[:, day], abs=1e-9)
    start = reference(values[0], WEEKLY).filter([*old.coefficients[0], old.sigma2[0]])
    assert updated[0, 300:] == pytest.approx(start.forecast(28), abs=1e-4)


def test_a_series_is_estimated_alike_in_any_batch() -> None:
    values = demand(12, 200, seed=7)
    values[3, 20:30] = np.nan
    together = estimate(values, WEEKLY)
    assert together.coefficients.tobytes() == estimate(values, WEEKLY).coefficients.tobytes()
    for row in (0, 3, 11):
        alone = estimate(values[[row]], WEEKLY)
        assert alone.coefficients.tobytes() == together.coefficients[[row]].tobytes()
        assert alone.log_likelihood[0] == together.log_likelihood[row]


def test_the_unit_of_demand_does_not_matter() -> None:
    values = demand(3, 200, seed=8)
    small, large = estimate(values, WEEKLY), estimate(1000 * values, WEEKLY)
    rescaled = large.log_likelihood + large.known * np.log(1000)
    assert rescaled == pytest.approx(small.log_likelihood, abs=0.01)
    assert large.sigma2 == pytest.approx(1e6 * small.sigma2, rel=0.01)


def test_parameters_of_simulated_series_are_recovered() -> None:
    """The mean over 60 series lies within 3 standard errors of the truth."""
    for order, truth in ((Order(1, 0, 1, 1, 0, 0), [0.6, -0.3, 0.5]), (Order(0, 1, 1), [-0.6])):
        found = estimate(simulated(order, truth, 600, 60, seed=9), order).coefficients
        error = found.std(axis=0, ddof=1) / np.sqrt(len(found))
        bias = 2 / 600  # of order 1 / T, for all estimators of this kind
        assert (np.abs(found.mean(axis=0) - truth) < 3 * error + bias).all()


def test_what_cannot_be_estimated_is_nan_and_leaves_the_others_alone() -> None:
    values = demand(4, 120, seed=10)
    values[0] = np.nan
    values[1, 5:] = np.nan
    values[2] = 3
    ours = estimate(values, WEEKLY)
    assert np.isnan(ours.sigma2[:2]).all()
    assert not ours.sigma2[2] > 0
    assert ours.coefficients[3].tolist() == estimate(values[3:], WEEKLY).coefficients[0].tolist()


def test_the_search_for_modes_finds_what_one_start_misses() -> None:
    """White noise has many spurious modes where roots nearly cancel."""
    noise = np.random.default_rng(11).standard_normal((30, 400))
    order = Order(0, 0, 0, 1, 0, 1)
    one, several = estimate(noise, order, modes=0), estimate(noise, order)
    gain = several.log_likelihood - one.log_likelihood
    assert gain.min() > -0.01
    assert gain.max() > 0.5


def test_differencing_follows_the_process() -> None:
    rng = np.random.default_rng(12)
    noise = rng.standard_normal((4, 400))
    week = np.tile([3.0, 0, 0, 0, 0, -3, 0], 58)[:400]
    values = np.stack([noise[0], noise[1].cumsum(), noise[2] + week, noise[3].cumsum() + week])
    values[0, 100:110] = np.nan
    assert differencing(values, 7)[:, 0].tolist() == [0, 1, 0, 1]
    assert differencing(values, 7)[:3, 1].tolist() == [0, 0, 1]
    assert seasonal_strength(values, 7)[2] == pytest.approx(1 - 1 / (1 + week.var()), abs=0.05)


def test_the_kpss_statistic_is_that_of_the_reference() -> None:
    from statsmodels.tsa.stattools import kpss as reference_kpss

    values = np.random.default_rng(13).standard_normal((1, 300)).cumsum(axis=1)
    with pytest.warns(match="outside of the range"):
        wanted = reference_kpss(values[0], nlags=int(3 * np.sqrt(300) / 13), result_object=False)[0]
    assert kpss(values)[0] == pytest.approx(wanted)


def test_the_search_finds_the_order_of_simulated_series() -> None:
    truth = Order(1, 0, 0, 1, 0, 0)
    found = choose(simulated(truth, [0.6, 0.5], 700, 6, seed=14))
    plain = estimate(np.random.default_rng(15).standard_normal((3, 200)), Order(0, 0, 0))
    assert sum(o.p >= 1 and o.seasonal_p + o.seasonal_q >= 1 for o in found) >= 5
    assert np.isfinite(plain.aicc).all()
