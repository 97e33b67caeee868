"""PSI and KS over bins, against their definitions and scipy's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ks_2samp

from forecast_platform.drift.profile import (
    Bins,
    daily_counts,
    ks,
    make_bins,
    psi,
    usual,
    window_counts,
)

DRAW = np.random.default_rng(11)
SAMPLES = {
    "counts": (DRAW.poisson(1.5, 4000), DRAW.poisson(2.1, 900)),
    "amounts": (DRAW.gamma(2, 3, 4000), DRAW.gamma(2, 3.6, 900)),
    "flags": (DRAW.binomial(1, 0.1, 4000), DRAW.binomial(1, 0.3, 900)),
    "one value": (np.zeros(400), np.zeros(90)),
}


def counts(bins: Bins, values: np.ndarray) -> np.ndarray:
    return np.bincount(bins.of(values), minlength=len(bins.lower))


@pytest.mark.parametrize("name", SAMPLES)
def test_ks_is_that_of_scipy_up_to_the_width_of_a_bin(name: str) -> None:
    reference, recent = (values.astype(float) for values in SAMPLES[name])
    bins = make_bins(reference)
    found = float(ks(counts(bins, recent)[None], counts(bins, reference))[0])
    expected = ks_2samp(recent, reference).statistic
    width = 1 / 64 if len(np.unique(reference)) > 64 else 1e-12
    assert expected - width <= found <= expected + 1e-12


@pytest.mark.parametrize("name", SAMPLES)
def test_psi_is_its_definition_over_about_ten_bins_of_equal_share(name: str) -> None:
    reference, recent = (values.astype(float) for values in SAMPLES[name])
    bins = make_bins(reference)
    edges = [*bins.lower[np.unique(bins.coarse, return_index=True)[1]], np.inf]
    edges[0] = -np.inf
    p, q = (np.maximum(np.histogram(v, edges)[0] / len(v), 1e-4) for v in (recent, reference))
    found = float(psi(counts(bins, recent)[None], counts(bins, reference), bins.coarse)[0])
    assert found == pytest.approx(float(((p - q) * np.log(p / q)).sum()))
    assert bins.coarse.max() <= 10


def test_values_that_become_unknown_are_drift_and_unseen_values_have_a_bin() -> None:
    reference = SAMPLES["amounts"][0]
    bins = make_bins(reference)
    held = counts(bins, reference)
    gone = counts(bins, np.where(np.arange(900) % 5 == 0, np.nan, reference[:900]))
    assert float(ks(gone[None], held)[0]) == pytest.approx(0.2, abs=0.02)
    assert float(psi(gone[None], held, bins.coarse)[0]) > 1
    assert bins.of(np.array([0.0, 1e9, np.nan])).tolist() == [1, len(bins.lower) - 1, 0]
    assert bins.of(np.array([reference.max()])).tolist() == [len(bins.lower) - 2]


def test_a_distribution_does_not_drift_from_itself() -> None:
    bins = make_bins(SAMPLES["counts"][0].astype(float))
    held = counts(bins, SAMPLES["counts"][0].astype(float))
    assert float(psi(3 * held[None], held, bins.coarse)[0]) == 0
    assert float(ks(3 * held[None], held)[0]) == 0


def test_a_constant_that_moves_is_seen_in_either_direction() -> None:
    bins = make_bins(np.full(90, 3.0))
    held = counts(bins, np.full(90, 3.0))
    for value in (2.0, 4.0, 0.0, np.nan):
        assert float(ks(counts(bins, np.full(40, value))[None], held)[0]) == 1
    flag = make_bins(np.ones(90))
    assert float(ks(counts(flag, np.zeros(40))[None], counts(flag, np.ones(90)))[0]) == 1


def test_windows_sum_the_days_up_to_theirs() -> None:
    day = np.repeat(np.arange(40), 3)
    values = DRAW.poisson(2, 120).astype(float)
    bins = make_bins(values)
    windows = window_counts(daily_counts(bins.of(values), day, 40, len(bins.lower)), 28)
    assert windows.shape[0] == 13
    for n in range(13):
        inside = (day >= n) & (day < n + 28)
        assert windows[n].tolist() == counts(bins, values[inside]).tolist()


def test_usual_is_the_largest_distance_of_four_weeks_of_a_window_from_its_rest() -> None:
    day = np.repeat(np.arange(84), 50)
    values = DRAW.poisson(np.where(day < 28, 3, 2)).astype(float)
    bins = make_bins(values)
    daily = daily_counts(bins.of(values), day, 84, len(bins.lower))
    inside = day < 28
    expected = ks_2samp(values[inside], values[~inside]).statistic
    assert usual(daily, bins.coarse)[1] == pytest.approx(expected)
    assert usual(daily[:20], bins.coarse) == (0.0, 0.0)
