from __future__ import annotations

import numpy as np
import pytest

from forecast_platform.models.intermittent import (
    CROSTON,
    MAX_SPAN,
    SBA,
    TSB,
    fit_rates,
    fit_spans,
    rates,
    span_levels,
)

DAYS = 600


def textbook(values: np.ndarray, alpha: float, beta: float) -> dict[int, float]:
    """The recursions as the papers print them, from arbitrary starting values.

    Croston (1972); Syntetos and Boylan (2005); Teunter, Syntetos and Babai (2011).
    """
    z, p, q, chance = 1.0, 1.0, 1, 0.5
    for y in values:
        chance += beta * ((y > 0) - chance)
        if y > 0:
            z += alpha * (y - z)
            p += beta * (q - p)
            q = 1
        else:
            q += 1
    return {CROSTON: z / p, SBA: (1 - beta / 2) * z / p, TSB: chance * z}


def bernoulli(rows: int, chance: float = 0.25, days: int = DAYS) -> np.ndarray:
    rng = np.random.default_rng(1)
    return np.where(rng.random((rows, days)) < chance, rng.poisson(3, (rows, days)) + 1.0, 0.0)


def spans(longest: int, alpha: float = 0.2, rows: int = 1) -> np.ndarray:
    return np.tile([float(longest), *[alpha] * MAX_SPAN], (rows, 1))


@pytest.mark.parametrize("method", [CROSTON, SBA, TSB])
def test_rates_are_those_of_the_papers_once_the_start_is_forgotten(method: int) -> None:
    values = bernoulli(3)
    expected = [textbook(series, 0.2, 0.15)[method] for series in values]
    parameters = np.tile([0.2, 0.15], (3, 1))
    assert rates(values, parameters, method) == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize(("method", "excess"), [(CROSTON, 0.3 / 1.7 * 0.75), (SBA, -0.02)])
def test_croston_is_biased_as_syntetos_and_boylan_say_and_theirs_nearly_not(
    method: int, excess: float
) -> None:
    """Croston's bias: alpha / (2 - alpha) (1 - 1 / p) of the mean, for p = 4 and alpha = .3.

    Syntetos and Boylan (2001), "On the bias of intermittent demand estimates", to second order.
    """
    values = bernoulli(20_000, days=120)
    found = rates(values, np.full((20_000, 2), 0.3), method).mean()
    assert found / (0.25 * 4) - 1 == pytest.approx(excess, abs=0.04)


def test_a_dying_item_falls_with_tsb_and_stays_with_croston() -> None:
    values = np.concatenate([bernoulli(1)[0], np.zeros(30)])[None]
    parameters = np.array([[0.1, 0.1]])
    last_sale = int(np.flatnonzero(values[0])[-1])
    alive = values[:, : last_sale + 1]
    days = values.shape[1] - last_sale - 1
    fallen = rates(values, parameters, TSB)
    assert fallen == pytest.approx(rates(alive, parameters, TSB) * 0.9**days)
    assert rates(values, parameters, CROSTON) == rates(alive, parameters, CROSTON)


def test_regular_demand_is_met_exactly() -> None:
    values = np.zeros((1, 120))
    values[:, 3::4] = 6
    parameters = np.array([[0.1, 0.1]])
    assert rates(values, parameters, CROSTON) == pytest.approx([1.5])
    assert rates(values, parameters, SBA) == pytest.approx([1.5 * 0.95])
    assert span_levels(values, spans(4), every_span=False) == pytest.approx([1.5])
    assert fit_spans(values, every_span=False)[0, 0] == 4


def test_adida_smooths_sums_of_spans_that_end_today() -> None:
    values = np.array([[9.0, 1, 2, 3, 4, 5, 6]])
    # Spans of three: (1, 2, 3) and (4, 5, 6); the running mean of 2 and 5.
    assert span_levels(values, spans(3), every_span=False) == pytest.approx([3.5])
    unknown = np.array([[9.0, 1, 2, 3, np.nan, 5, 6]])
    assert span_levels(unknown, spans(3), every_span=False) == pytest.approx([(2 + 5.5) / 2])


def test_imapa_is_the_mean_of_the_spans() -> None:
    values = bernoulli(5)
    single = [span_levels(values, spans(span, rows=5), every_span=False) for span in (1, 2, 3)]
    every = span_levels(values, spans(3, rows=5), every_span=True)
    assert every == pytest.approx(np.mean(single, axis=0))


def test_a_level_that_moves_is_followed_faster_than_one_that_stays() -> None:
    steady = bernoulli(1, 0.5)[0]
    moving = steady * np.where(np.arange(DAYS) // 100 % 2, 8, 1)
    for method in (CROSTON, TSB):
        slow, fast = fit_rates(np.stack([steady, moving]), method)
        assert slow[0] < fast[0]


def test_where_nothing_is_known_nothing_is_said() -> None:
    unknown = np.full((1, 50), np.nan)
    assert np.isnan(rates(unknown, np.array([[0.1, 0.1]]), TSB)).all()
    assert np.isnan(span_levels(unknown, spans(3), every_span=True)).all()
