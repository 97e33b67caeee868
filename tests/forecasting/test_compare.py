from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest
from scipy import stats

from forecast_platform.errors import ModelError
from forecast_platform.forecasting.compare import (
    compare,
    diebold_mariano,
    standings,
    stationary_resample,
)


def test_without_overlap_the_test_is_the_paired_t_test_at_its_corrected_scale() -> None:
    """With h = 1 the statistic of Harvey et al. is Student's, with variance over n - 1."""
    gaps = np.random.default_rng(1).normal(-0.3, 1, 12)
    expected = stats.ttest_1samp(gaps, 0, alternative="less").pvalue
    assert diebold_mariano(gaps) == pytest.approx(expected)


def test_overlapping_origins_count_by_their_autocovariance() -> None:
    """By hand, equations 5 and 9 of Harvey, Leybourne and Newbold (1997), h = 2."""
    gaps = np.array([-1.0, -2, -1.5, 0.5, -1, -0.5, -2, -1])
    n, centred = 8, gaps - gaps.mean()
    variance = (centred @ centred + 2 * centred[1:] @ centred[:-1]) / n / n
    statistic = gaps.mean() / np.sqrt(variance) * np.sqrt((n + 1 - 4 + 2 / n) / n)
    assert diebold_mariano(gaps, 2) == pytest.approx(stats.t.cdf(statistic, n - 1))


def test_equal_models_differ_at_the_level_of_the_test() -> None:
    rng = np.random.default_rng(2)
    rejected = [diebold_mariano(rng.normal(size=8)) < 0.1 for _ in range(2000)]
    assert np.mean(rejected) == pytest.approx(0.1, abs=0.02)


@pytest.mark.parametrize(("gaps", "p"), [([-1.0], 0.5), ([0, 0], 0.5), ([-1, -1], 0), ([1, 1], 1)])
def test_a_single_origin_proves_nothing_and_equal_gaps_all(gaps: list[float], p: float) -> None:
    assert diebold_mariano(np.array(gaps)) == p


def test_confidence_grows_with_the_difference_and_turns_with_its_sign() -> None:
    rng = np.random.default_rng(4)
    base = rng.gamma(5, 1, (8, 50))
    noise = rng.normal(0, 0.5, base.shape)
    small, large = (compare(base + noise - gain, base) for gain in (0.02, 0.2))
    assert small.confidence < large.confidence
    assert large.resampled > 0.95
    assert large.high < 0
    assert large.difference == pytest.approx((noise - 0.2).mean())
    assert large.relative == pytest.approx(large.difference / base.mean())
    turned = compare(base, base + noise - 0.2)
    assert turned.confidence == pytest.approx(1 - large.confidence)
    assert turned.resampled == pytest.approx(1 - large.resampled, abs=0.02)


def test_series_of_one_block_are_drawn_together() -> None:
    """Fifty copies of one series hold no more than one."""
    gap = np.tile(np.random.default_rng(5).normal(0, 1, (10, 4)), (1, 25))
    alone = compare(gap, np.zeros_like(gap))
    blocked = compare(gap, np.zeros_like(gap), blocks=np.tile(np.arange(4), 25))
    assert blocked.high - blocked.low > alone.high - alone.low
    assert blocked.difference == pytest.approx(alone.difference)


def test_series_without_a_loss_count_nowhere() -> None:
    first, second = np.array([[1.0, np.nan], [3, 1]]), np.array([[2.0, 5], [2, 2]])
    assert compare(first, second).difference == pytest.approx((-1 + 1 - 1) / 3)


def test_resampled_blocks_have_the_mean_length_asked_for() -> None:
    index = stationary_resample(50, 5, 400, np.random.default_rng(6))
    follows = ((index[:, 1:] - index[:, :-1]) % 50 == 1).mean()
    assert follows == pytest.approx(1 - 1 / 5 + 1 / 5 / 50, abs=0.02)
    assert np.bincount(index.ravel()).std() / 400 < 0.15


def test_unlike_losses_are_refused() -> None:
    with pytest.raises(ModelError, match="the same origins"):
        compare(np.zeros(3), np.zeros(4))


def test_standings_tell_how_sure_the_best_is() -> None:
    rng = np.random.default_rng(7)
    day = dt.date(2024, 1, 1)
    common = rng.gamma(5, 1, 8)
    losses = {"far": common * 1.5, "best": common, "near": common + np.tile([0.3, -0.2], 4)}
    frame = pl.DataFrame(
        [(model, day + dt.timedelta(days=at), "pinball", float(value))
         for model, values in losses.items() for at, value in enumerate(values)],
        schema=["model", "origin", "metric", "value"], orient="row",
    )  # fmt: skip
    found = standings(frame.sample(fraction=1, shuffle=True, seed=1))
    assert found["model"].to_list() == ["best", "near", "far"]
    assert found["confidence"][0] is None
    assert found["relative"][2] == pytest.approx(0.5)
    assert found["confidence"][1] < 0.9 < 0.99 < found["confidence"][2]
