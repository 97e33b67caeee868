"""Changes of level: how often one is found by chance, and how soon a true one."""

from __future__ import annotations

import numpy as np
import pytest

from forecast_platform.drift.changes import WEEK, WEEKS, level_windows

LONGEST = WEEK * WEEKS
WEEKDAYS = np.array([0.0, 0.0, 0.02, 0.02, -0.02, -0.06, 0.04])
SERIES = 60


def errors(days: int, follows: float = 0.0, seed: int = 7) -> np.ndarray:
    """(SERIES, days) errors about 0.5 with a weekly cycle; each day follows the one before."""
    noise = np.random.default_rng(seed).normal(0, 0.04, (SERIES, days))
    for n in range(1, days):
        noise[:, n] = follows * noise[:, n - 1] + np.sqrt(1 - follows**2) * noise[:, n]
    return 0.5 + noise + WEEKDAYS[np.arange(days) % WEEK]


def days_until_found(factor: float, follows: float = 0.0) -> np.ndarray:
    """(SERIES,) days from a change to the close at which it is known; 999 if never in 120."""
    values = errors(LONGEST + 120, follows)
    values[:, LONGEST:] *= factor
    found = [np.flatnonzero(level_windows(row).before[1:] > 0) for row in values]
    return np.array([1 + days[0] if len(days) else 999 for days in found])


@pytest.mark.parametrize("follows", [0.0, 0.3, 0.6])
def test_series_of_one_level_are_rarely_cut_in_two_years(follows: float) -> None:
    cut = [np.isfinite(level_windows(row).before).mean()
           for row in errors(LONGEST + 730, follows)]  # fmt: skip
    assert np.mean(cut) < 0.002


@pytest.mark.parametrize(
    ("factor", "follows", "median"), [(1.5, 0, 4), (1.2, 0, 9), (1.2, 0.6, 21), (0.7, 0, 6)]
)
def test_changes_are_found_within_days(factor: float, follows: float, median: int) -> None:
    found = days_until_found(factor, follows)
    assert np.median(found) <= median
    assert (found < 999).all()


def test_the_newest_level_and_the_one_before_are_told() -> None:
    values = errors(LONGEST + 28)[0]
    values[LONGEST:] *= 1.5
    newest = level_windows(values)
    assert newest.weeks[-1] == 4
    assert newest.mean[-1] == pytest.approx(0.75, abs=0.03)
    assert newest.before[-1] == pytest.approx(0.5, abs=0.02)
    assert 0 < newest.spread[-1] < 0.05


def test_one_odd_day_is_no_change() -> None:
    values = errors(LONGEST + 14)[1]
    values[-8] = 1.0
    assert np.isnan(level_windows(values).before).all()


def test_a_constant_that_moves_is_a_change_and_one_that_stays_is_none() -> None:
    values = np.full(LONGEST, 0.4)
    assert level_windows(values).weeks.tolist() == [WEEKS]
    values[-14:] = 0.6
    found = level_windows(values)
    assert (found.weeks.tolist(), found.before.tolist()) == ([2], [pytest.approx(0.4)])


def test_days_before_the_first_known_week_do_not_count() -> None:
    values = errors(LONGEST)[2]
    values[: -3 * WEEK] = np.nan
    assert level_windows(values).weeks.tolist() == [3]
    values[:] = np.nan
    found = level_windows(values)
    assert found.weeks.tolist() == [0]
    assert np.isnan(found.mean).all()


def test_a_day_depends_on_the_days_of_its_window_alone() -> None:
    values = errors(LONGEST + 60, 0.3)[3]
    values[LONGEST:] *= 1.3
    together = level_windows(values)
    for n in (0, 17, 60):
        alone = level_windows(values[n : n + LONGEST])
        for name in ("weeks", "mean", "before", "spread"):
            np.testing.assert_array_equal(getattr(alone, name)[0], getattr(together, name)[n])
