from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from forecast_platform.contracts import QUANTILES
from forecast_platform.models.base import are_counts
from forecast_platform.models.spread import Spread, fit_spread, quantiles_around

LEVELS = ((np.arange(400) + 0.5) / 400).tolist()


def negative_binomial(mean: np.ndarray, variance: np.ndarray) -> stats.rv_discrete:
    return stats.nbinom(mean**2 / (variance - mean), mean / variance)


def test_counts_lie_within_half_a_unit_of_scipys_quantiles() -> None:
    rng = np.random.default_rng(0)
    mean = rng.gamma(0.5, 3, (300, 28)) + 0.01
    for variance, exact in (
        (mean * rng.uniform(1.01, 9, (300, 1)), negative_binomial),
        (mean * 0.5, lambda mean, _variance: stats.poisson(mean)),
    ):
        counts = exact(mean[..., None], variance[..., None]).ppf(QUANTILES)
        ours = quantiles_around(mean, variance, QUANTILES)
        assert ours.dtype == np.float32
        assert (ours[counts == 0] == 0).all()
        assert ((ours[counts == 1] > 0) & (ours[counts == 1] <= 1.5)).all()
        more = counts > 1
        assert np.abs(ours[more] - counts[more]).max() <= 0.5 + 1e-4


@pytest.mark.parametrize(("mean", "variance"), [(3.0, 8.0), (40.0, 300.0), (2.0, 2.0)])
def test_at_the_steps_of_the_distribution_a_count_ends_half_a_unit_above(
    mean: float, variance: float
) -> None:
    exact = (
        stats.poisson(mean)
        if variance == mean
        else negative_binomial(np.array(mean), np.array(variance))
    )
    steps = np.arange(1, 9)
    ours = quantiles_around(np.array([mean]), np.array([variance]), exact.cdf(steps).tolist())
    assert ours[0] == pytest.approx(steps + 0.5, abs=1e-4)


@pytest.mark.parametrize("counts", [True, False])
@pytest.mark.parametrize(
    ("mean", "variance"), [(0.1, 0.1), (0.3, 0.6), (2, 5), (700, 9e4), (5e4, 2e9), (1e6, 1e6)]
)
def test_the_quantiles_have_the_mean_and_nearly_the_variance_asked_for(
    mean: float, variance: float, counts: bool
) -> None:
    drawn = quantiles_around(np.array([mean]), np.array([variance]), LEVELS, counts=counts)[0]
    assert drawn.mean(dtype=np.float64) == pytest.approx(mean, rel=0.02)
    # Spreading a count over one unit adds 1/12 to the variance.
    assert drawn.var(dtype=np.float64) == pytest.approx(variance, rel=0.06, abs=0.09)


def test_amounts_follow_the_tweedie_distribution() -> None:
    """Against its density by Dunn and Smyth (2005), with power 1.5."""
    mean, variance = 0.7, 0.9
    number, amount = 2 * mean**2 / variance, variance / (2 * mean)
    terms = np.arange(1, 60)

    def density(y: float) -> float:
        return float(
            (stats.poisson.pmf(terms, number) * stats.gamma.pdf(y, terms, scale=amount)).sum()
        )

    ours = quantiles_around(np.array([mean]), np.array([variance]), QUANTILES, counts=False)[0]
    for level, quantile in zip(QUANTILES, ours.tolist(), strict=True):
        nothing = np.exp(-number)
        upto = nothing + integrate.quad(density, 0, quantile)[0]
        assert upto == pytest.approx(max(level, nothing), abs=1e-3)


@given(
    mean=st.floats(0, 1e5),
    dispersion=st.floats(1, 50),
    counts=st.booleans(),
)
def test_quantiles_are_finite_never_negative_and_rise(
    mean: float, dispersion: float, counts: bool
) -> None:
    means = np.array([mean, mean * 1.001])
    ours = quantiles_around(means, means * dispersion, QUANTILES, counts=counts)
    assert np.isfinite(ours).all()
    assert ours.min() >= 0
    assert np.diff(ours, axis=-1).min() >= 0
    # Continuous in the mean: one that hardly moves does not move them by a unit.
    assert np.abs(np.diff(ours, axis=0)).max() <= 0.2 + 0.01 * mean


def test_each_series_is_answered_by_its_own_kind() -> None:
    mean, variance = np.full((2, 3, 4), 1.3), np.full((3, 1), 2.0)
    counts = np.array([True, False, True])
    mixed = quantiles_around(mean, variance, QUANTILES, counts=counts)
    for row, whole in enumerate(counts.tolist()):
        alone = quantiles_around(mean[:, row], variance[row], QUANTILES, counts=whole)
        assert mixed[:, row].tobytes() == alone.tobytes()


def test_nothing_expected_is_nothing_and_unknown_is_unknown() -> None:
    mean = np.array([0.0, -1.0, np.nan])
    for counts in (True, False):
        ours = quantiles_around(mean, np.ones(3), QUANTILES, counts=counts)
        assert not ours[:2].any()
        assert np.isnan(ours[2]).all()


def test_whole_numbers_with_a_rare_winsorised_day_are_counts() -> None:
    values = np.tile([1.0, 2, 0, np.nan, 4, 3, 1], (3, 20))
    values[1, 5] = 2.5
    values[2] *= 0.33
    assert are_counts(values).tolist() == [True, True, False]


def simulated(days: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Negative binomial demand of variance 1.8 mean ** 1.3 around a weekly mean."""
    rng = np.random.default_rng(5)
    level = np.geomspace(0.3, 50, 400)[:, None]
    mean = level * np.resize([0.8, 0.8, 0.9, 1, 1.1, 1.5, 0.9], days)
    variance = 1.8 * mean**1.3
    size = mean**2 / (variance - mean)
    return mean, variance, rng.negative_binomial(size, mean / variance).astype(float)


def test_the_variance_law_is_recovered_and_short_series_take_the_pooled_one() -> None:
    mean, variance, actual = simulated(200)
    actual[::2, 5:] = np.nan
    spread = fit_spread(mean, actual)
    assert spread.exponent == pytest.approx(1.3, abs=0.1)
    own = spread.variance(mean[:, :7], np.arange(400))
    ratio = own / variance[:, :7]
    assert np.median(ratio) == pytest.approx(1, abs=0.1)
    assert ratio[::2].std() < 0.25
    assert ratio[1::2].std() < 0.25
    from_pooled = np.abs(spread.dispersion - spread.pooled)
    assert np.median(from_pooled[::2]) < np.median(from_pooled[1::2])


def test_a_mad_day_counts_for_at_most_ten_standard_deviations() -> None:
    mean, _variance, actual = simulated(200)
    sane = fit_spread(mean, actual).dispersion
    actual[7, 50] = 1e6
    mad = fit_spread(mean, actual).dispersion
    assert sane[7] < mad[7] < sane[7] * 2
    assert np.delete(mad, 7) == pytest.approx(np.delete(sane, 7), rel=0.02)


def test_without_any_known_error_demand_is_poisson() -> None:
    spread = fit_spread(np.zeros((2, 50)), np.full((2, 50), np.nan))
    mean = np.full((1, 2, 3), 4.0)
    assert (spread.variance(mean, np.array([0, -1])) == mean).all()
    assert (Spread(np.zeros(0)).variance(mean, np.array([-1, -1])) == mean).all()
