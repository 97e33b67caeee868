from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from forecast_platform.errors import ContractError
from forecast_platform.replenishment.simulation.demand import (
    as_demand,
    draw_geometric,
    draw_lead_times,
    draw_negative_binomial,
    draw_poisson,
    draw_quantile_forecast,
    without_crossing,
)


@pytest.mark.parametrize(
    ("drawn", "law"),
    [
        (draw_poisson([5.0], 500, 100, seed=1), stats.poisson(5)),
        (draw_poisson([400.0], 500, 100, seed=1), stats.poisson(400)),
        (draw_geometric([5.0], 500, 100, seed=1), stats.geom(1 / 6, loc=-1)),
        (draw_negative_binomial([5.0], 2.5, 500, 100, seed=1), stats.nbinom(2.5, 1 / 3)),
    ],
)
def test_draws_follow_their_distribution(drawn: np.ndarray, law: stats.rv_discrete) -> None:
    edges = np.unique(law.ppf(np.linspace(0.05, 0.95, 10)))
    cells = np.diff(np.concatenate([[0.0], law.cdf(edges), [1.0]]))
    seen = np.bincount(np.searchsorted(edges, drawn.ravel()), minlength=cells.size)
    assert stats.chisquare(seen, cells * drawn.size).pvalue > 0.001


def test_numbers_depend_on_seed_and_id_alone() -> None:
    wide = draw_poisson([5.0, 2.0], 80, 30, seed=1, ids=["a", "b"])
    alone = draw_poisson([2.0], 50, 20, seed=1, ids=["b"])
    assert np.array_equal(wide[1:, :50, :20], alone)
    assert not np.array_equal(draw_poisson([2.0], 50, 20, seed=2, ids=["b"]), alone)


def test_higher_means_never_draw_lower_demand() -> None:
    low, high = (draw_poisson([mean], 100, 50, seed=4) for mean in (5.0, 6.0))
    assert (high >= low).all()


def test_means_may_follow_the_season() -> None:
    mean = np.tile([0.0, 3.0, 30.0], (1, 40))
    drawn = draw_poisson(mean, 120, 400, seed=9)
    assert np.allclose(drawn.mean(axis=2)[0].reshape(40, 3).mean(axis=0), [0, 3, 30], rtol=0.02)


def test_quantile_forecasts_are_met() -> None:
    levels, curve = [0.05, 0.5, 0.9, 0.99], [0.0, 10.0, 30.0, 60.0]
    drawn = draw_quantile_forecast(levels, [[curve] * 200], 500, seed=1, whole=False)
    assert np.quantile(drawn, levels[1:3]) == pytest.approx(curve[1:3], rel=0.02)


def test_lead_times_follow_their_probabilities() -> None:
    drawn = draw_lead_times([[0.0, 0.5, 0.3, 0.2]], 500, 200, seed=1)
    assert np.bincount(drawn.ravel()) / drawn.size == pytest.approx([0, 0.5, 0.3, 0.2], abs=0.01)


def test_orders_that_may_not_cross_arrive_in_order() -> None:
    drawn = draw_lead_times([[0.2] * 5], 300, 20, seed=1)
    kept = without_crossing(drawn)
    assert (kept >= drawn).all()
    assert (np.diff(kept + np.arange(300)[:, None], axis=1) >= 0).all()


def test_history_takes_the_smallest_type() -> None:
    assert as_demand([[1, 255]]).dtype == np.uint8
    assert as_demand([[1, 256]]).dtype == np.uint16
    assert as_demand([[1, 0.5]]).dtype == np.float64


@pytest.mark.parametrize(
    "draw",
    [
        lambda: draw_poisson([-1.0], 5, 5, seed=1),
        lambda: draw_poisson([np.nan], 5, 5, seed=1),
        lambda: draw_poisson([1.0, 2.0], 5, 5, seed=1, ids=["a", "a"]),
        lambda: draw_negative_binomial([1.0], 0.0, 5, 5, seed=1),
        lambda: draw_quantile_forecast([0.1, 0.9], [[[3.0, 2.0]]], 5, seed=1),
        lambda: draw_lead_times([[0.5, 0.4]], 5, 5, seed=1),
    ],
)
def test_what_cannot_be_drawn_is_refused(draw: object) -> None:
    with pytest.raises(ContractError, match="expected"):
        draw()  # type: ignore[operator]
