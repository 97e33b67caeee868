"""Scaling with statistics from training days only."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pytest

from forecast_platform.features import Scaler
from forecast_platform.panel import Panel

FIRST = dt.date(2024, 1, 1)


@pytest.fixture
def panel() -> Panel:
    rng = np.random.default_rng(3)
    demand = rng.poisson([[2], [40], [0]], (3, 60)).astype(np.float32)
    demand[0, :5] = np.nan
    return Panel(
        items=np.array(["a", "b", "c"], dtype=object),
        locations=np.array(["x", "x", "x"], dtype=object),
        first_day=FIRST,
        demand=demand,
        available=~np.isnan(demand),
        past={"price": rng.normal(5, 2, (3, 60)).astype(np.float32)},
        future={"day_of_week": (np.arange(88) % 7).astype(np.float32)},
    )


def test_training_demand_is_standardised_on_the_log_scale(panel: Panel) -> None:
    scaled = Scaler.fit(panel).transform(panel)

    for series in (0, 1):
        assert np.nanmean(scaled.demand[series]) == pytest.approx(0, abs=1e-5)
        assert np.nanstd(scaled.demand[series]) == pytest.approx(1, abs=1e-5)
    assert scaled.past["price"].mean() == pytest.approx(0, abs=1e-5)
    np.testing.assert_array_equal(np.isnan(scaled.demand), np.isnan(panel.demand))


def test_constant_demand_is_only_centred(panel: Panel) -> None:
    assert set(Scaler.fit(panel).transform(panel).demand[2].tolist()) == {0}


def test_days_after_the_cutoff_do_not_count(panel: Panel) -> None:
    cutoff = FIRST + dt.timedelta(days=39)
    changed = replace(
        panel,
        demand=np.hstack([panel.demand[:, :40], panel.demand[:, 40:] + 100]),
        past={"price": np.hstack([panel.past["price"][:, :40], panel.past["price"][:, 40:] * 9])},
        future={"day_of_week": np.hstack([panel.future["day_of_week"][:40], np.full(48, 99.0)])},
    )

    known, perturbed = Scaler.fit(panel, cutoff), Scaler.fit(changed, cutoff)

    np.testing.assert_array_equal(known.mean, perturbed.mean)
    np.testing.assert_array_equal(known.std, perturbed.std)
    assert known.covariates == perturbed.covariates
    assert not np.array_equal(known.mean, Scaler.fit(panel).mean)


def test_the_inverse_brings_units_back(panel: Panel) -> None:
    scaler = Scaler.fit(panel)

    units = scaler.inverse(scaler.transform(panel).demand, panel)

    np.testing.assert_allclose(units, panel.demand, rtol=1e-4, atol=1e-4)


def test_the_inverse_is_never_negative_and_keeps_sample_paths_apart(panel: Panel) -> None:
    paths = np.full((3, 20, 28), -50, dtype=np.float32)

    units = Scaler.fit(panel).inverse(paths, panel)

    assert units.shape == paths.shape
    assert units.min() == 0


def test_a_series_is_found_by_its_name_and_a_new_one_is_scaled_like_the_median(
    panel: Panel,
) -> None:
    scaler = Scaler.fit(panel)
    reordered = panel.select(np.array([1, 0]))
    stranger = replace(panel.select(np.array([1])), items=np.array(["new"], dtype=object))

    np.testing.assert_array_equal(
        scaler.transform(reordered).demand[0], scaler.transform(panel).demand[1]
    )
    expected = (np.log1p(stranger.demand) - np.median(scaler.mean[:3])) / np.median(scaler.std[:3])
    np.testing.assert_allclose(scaler.transform(stranger).demand, expected, rtol=1e-5)


def test_unknown_covariates_become_the_mean(panel: Panel) -> None:
    scaler = Scaler.fit(panel)
    gap = replace(panel, past={"price": np.full_like(panel.past["price"], np.nan)})

    assert set(scaler.transform(gap).past["price"].ravel().tolist()) == {0}


def test_a_panel_without_known_demand_can_be_scaled(panel: Panel) -> None:
    empty = replace(panel, demand=np.full_like(panel.demand, np.nan))

    scaler = Scaler.fit(empty)

    assert np.isfinite(scaler.mean).all()
    assert (scaler.std == 1).all()
