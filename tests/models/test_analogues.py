from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from model_shop import CUTOFF, FIRST_DAY

from benchmarks.m5_panel import read
from forecast_platform.contracts import QUANTILES
from forecast_platform.models import Forecaster, create, load
from forecast_platform.models.analogues import PRIOR_DAYS, Analogues
from forecast_platform.panel import Panel

LOCAL = ("seasonal_naive", "weekday_mean", "ets", "tsb", "arima", "arima_statsmodels")


def shelf(launches: int) -> Panel:
    """Twelve series of two categories at 2 and 8 a day; the last of each began late, at half."""
    demand = np.repeat(np.array([2.0, 8.0], dtype=np.float32), 6)[:, None] + np.zeros(
        (12, 120), dtype=np.float32
    )
    late = np.array([row % 6 >= 6 - launches for row in range(12)])
    demand[late, 60:] /= 2
    demand[late, :60] = np.nan
    return Panel(
        np.array([f"item{row:02}" for row in range(12)], dtype=object),
        np.full(12, "shop", dtype=object),
        FIRST_DAY,
        demand,
        ~np.isnan(demand),
        static={"category": np.repeat(np.array(["slow", "fast"], dtype=object), 6)},
    )


@pytest.mark.parametrize(("launches", "expected"), [(0, 8.0), (1, 8 - 4 / 6), (5, 4.0)])
def test_launches_tell_where_there_are_enough_else_the_last_weeks_of_all(
    launches: int, expected: float
) -> None:
    panel = shelf(launches)
    values, shared = Analogues.of(panel).answers(panel)
    assert values[6, 0] == pytest.approx(expected)
    assert shared[6] == "category fast at shop"


def test_the_closest_group_that_is_known_answers() -> None:
    known = Analogues.of(shelf(0))
    panel = shelf(0).select(np.array([0, 6]))
    elsewhere = replace(panel, locations=np.full(2, "new shop", dtype=object))
    values, shared = known.answers(elsewhere)
    assert shared.tolist() == ["category slow", "category fast"]
    assert values[:, 0].tolist() == [2, 8]
    values, shared = known.answers(replace(panel, static={}))
    assert shared.tolist() == ["all items"] * 2
    assert values[:, 0].tolist() == [5, 5]
    assert values[0, 1:] == pytest.approx(5 + 3 * np.sign(np.array(QUANTILES) - 0.5))


def newcomer(shop: Panel, days: int) -> Panel:
    """The shop up to the cutoff, item4 renamed and known for so many days alone."""
    known = shop.until(CUTOFF)
    demand, available, items = known.demand.copy(), known.available.copy(), known.items.copy()
    demand[4, : known.n_days - days] = np.nan
    available[4] = True
    items[4] = "new item"
    return replace(known, items=items, demand=demand, available=available)


@pytest.mark.parametrize("family", LOCAL)
def test_an_item_without_history_is_answered_by_its_analogues_and_says_so(
    family: str, trained: dict[str, Forecaster], shop: Panel, tmp_path: Path
) -> None:
    model = trained[family]
    forecast = model.predict(newcomer(shop, 0))
    (alike,), (shared,) = Analogues.of(shop.until(CUTOFF)).answers(shop.select(np.array([4])))
    assert shared == "category a at shop"
    assert forecast.mean[0, 4] == pytest.approx(np.full(28, alike[0]), rel=1e-5)
    assert forecast.quantiles[0, 4, 0] == pytest.approx(alike[1:], rel=1e-5)
    assert str(forecast.fallback_reason[0, 4]).endswith(f"; drawn to analogues ({shared})")
    model.save(tmp_path)
    assert load(tmp_path).predict(newcomer(shop, 0)).mean.tobytes() == forecast.mean.tobytes()


@pytest.mark.parametrize("family", LOCAL)
def test_three_known_days_count_half(
    family: str, trained: dict[str, Forecaster], shop: Panel
) -> None:
    panel = newcomer(shop, 3)
    mean = trained[family].predict(panel).mean[0, 4].mean()
    (alike,), _ = Analogues.of(shop.until(CUTOFF)).answers(shop.select(np.array([4])))
    own = panel.demand[4, -3:].mean()
    assert PRIOR_DAYS == 3
    assert mean == pytest.approx((own + alike[0]) / 2, rel=0.2)


@pytest.mark.parametrize("family", ["lstm", "lightgbm"])
def test_a_family_that_learns_attributes_answers_a_new_item_by_itself(
    family: str, trained: dict[str, Forecaster], shop: Panel
) -> None:
    forecast = trained[family].predict(newcomer(shop, 0))
    assert forecast.fallback_reason[0, 4] == "not in training data"
    assert forecast.mean[0, 4].min() > 0


def launched(panel: Panel, after: int) -> tuple[Panel, Panel]:
    """Series on offer in the first days, and those launched after a column."""
    first = (~np.isnan(panel.demand)).argmax(axis=1)
    late = (first > after) & (first < panel.n_days - 45)
    return panel.select(~late), panel.select(late)


def test_launches_of_a_real_store_are_forecast_better_than_by_zero_or_the_mean_of_others(
    real_data: Path,
) -> None:
    """Foods of an M5 store: items launched in the last 600 days, hidden from training.

    Squared errors of 28 days, as seen from three days after the launch and from the evening before.
    """
    panel = read(real_data / "m5_tx3_foods3").last(1300).panel
    others, late = launched(panel, 700)
    known = others.until(panel.days[700].astype(object))
    assert late.n_series > 25
    model = create("weekday_mean")
    model.fit(known, seed=1)
    mean_of_others = np.nanmean(known.demand[:, -28:])
    for age in (0, 3):
        errors = []
        for row in range(late.n_series):
            one = late.select(np.array([row]))
            at = int((~np.isnan(one.demand[0])).argmax()) + age
            # On offer from the evening before, so that it is forecast at all.
            one = replace(one, available=np.ones_like(one.available))
            actual = one.demand[0, at : at + 28]
            forecast = model.predict(one, [one.days[at - 1].astype(object)])
            assert "drawn to analogues (" in str(forecast.fallback_reason[0, 0])
            answers = (forecast.mean[0, 0], 0, mean_of_others)
            errors.append([np.square(actual - answer).mean() for answer in answers])
        analogues, zero, everyone = np.mean(errors, axis=0)
        assert analogues < 0.96 * zero
        assert analogues < 0.8 * everyone
