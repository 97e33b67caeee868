from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from model_shop import CUTOFF, make_shop

from forecast_platform.contracts import QUANTILES
from forecast_platform.forecasting.calibrated import Calibrated
from forecast_platform.forecasting.calibration import Calibration
from forecast_platform.forecasting.ensemble import Ensemble
from forecast_platform.models import Forecaster, drivers
from forecast_platform.models.ridge import Ridge
from forecast_platform.models.smoothing import Ets, Theta
from forecast_platform.models.trees import LightGbm
from forecast_platform.panel import Panel

UNCHANGED = Calibration(QUANTILES, np.zeros(0), (), np.array(QUANTILES)[None, None])
NOT_TAKEN_APART = ("decision_tree", "random_forest")


def totals(frame: pl.DataFrame, panel: Panel) -> np.ndarray:
    """Sum of the drivers of each series of the panel, 0 where it has none."""
    sums = frame.group_by("item_id").agg(pl.col("contribution").sum())
    known = dict(sums.iter_rows())
    return np.array([known.get(item, 0.0) for item in panel.items])


def of(frame: pl.DataFrame, item: str) -> dict[str, float]:
    return dict(frame.filter(pl.col("item_id") == item).select("driver", "contribution").rows())


def test_drivers_of_every_family_add_up_to_the_mean_in_units(
    model: Forecaster, shop: Panel
) -> None:
    frame, lacking = drivers.explained(model, shop, CUTOFF, 14)
    if model.name in NOT_TAKEN_APART:
        assert frame.is_empty()
        assert lacking == f"{model.name} does not take its forecasts apart."
        return
    mean = model.predict(shop, [CUTOFF], 14).mean[0].mean(axis=1)
    assert totals(frame, shop) == pytest.approx(mean, rel=1e-4, abs=1e-4)
    good = frame.filter(pl.col("item_id") == "item5")
    assert good["driver"].to_list().count(drivers.LEVEL) == 1
    # What is not attributed is next to nothing where the family itself answers.
    rest = of(frame, "item5").get(drivers.REST, 0.0)
    assert abs(rest) < 0.005 * mean[5]


def test_the_largest_driver_comes_first_and_nothing_is_told_of_a_series_off_the_shelf(
    trained: dict[str, Forecaster], shop: Panel
) -> None:
    frame, _ = drivers.explained(trained["lightgbm"], shop, CUTOFF)
    size = frame.filter(pl.col("item_id") == "item5")["contribution"].abs()
    assert size.is_sorted(descending=True)
    gone = replace(shop, available=shop.available.copy(), demand=shop.demand.copy())
    gone.available[5], gone.demand[5] = False, np.nan
    frame, _ = drivers.explained(trained["lightgbm"], gone, CUTOFF)
    assert of(frame, "item5") == {}


def test_drivers_say_what_a_promotion_adds() -> None:
    """Demand doubles on promotion days; one is coming on every day ahead of half the items."""
    rng = np.random.default_rng(0)
    shape = (20, 240)
    promoted = (rng.random((20, 268)) < 0.15).astype(np.float32)
    promoted[:, 240:] = np.arange(20)[:, None] % 2
    demand = rng.poisson(10 * (1 + promoted[:, :240])).astype(np.float32)
    names = np.array([f"item{row:02}" for row in range(20)], dtype=object)
    panel = Panel(
        names, np.full(20, "shop", dtype=object), make_shop().first_day, demand,
        np.ones(shape, dtype=bool), future={"on_promotion": promoted},
    )  # fmt: skip
    for model in (Ridge(), LightGbm(strategy="direct", trees=60)):
        model.fit(panel, seed=1)
        frame = model.drivers(panel, panel.last_day)
        share = frame.filter(pl.col("driver") == drivers.PROMOTION)
        added = dict(share.select("item_id", "contribution").iter_rows())
        gain = np.mean([added.get(name, 0.0) for name in names[1::2]])
        without = np.mean([added.get(name, 0.0) for name in names[::2]])
        assert gain - without == pytest.approx(8.7, rel=0.3), model.name


def test_smoothing_is_taken_apart_into_level_trend_and_season() -> None:
    days, week = np.arange(301), np.array([0.6, 0.8, 0.9, 1.0, 1.3, 1.6, 0.8])
    demand = ((20 + 0.05 * days) * np.resize(week, 301))[None].astype(np.float32)
    names = np.array(["a"], dtype=object)
    panel = Panel(names, names, make_shop().first_day, demand, np.ones(demand.shape, dtype=bool))
    theta = Theta()
    theta.fit(panel, seed=1)
    # A half of the slope of 0.05 a day, over 1 to 7 days.
    parts = of(theta.drivers(panel, panel.last_day, 7), "a")
    assert parts[drivers.TREND] == pytest.approx(0.05 / 2 * 4, rel=0.5)
    assert parts[drivers.LEVEL] == pytest.approx(35, rel=0.03)
    ets = Ets()
    ets.fit(panel, seed=1)
    saturday = (5 - panel.last_day.weekday() - 1) % 7
    assert saturday > 0
    whole, but_one = (of(ets.drivers(panel, panel.last_day, n), "a") for n in (7, 1))
    assert abs(whole.get(drivers.WEEKDAY, 0.0)) < 0.02 * whole[drivers.LEVEL]
    assert but_one[drivers.WEEKDAY] == pytest.approx(
        (week[301 % 7] - 1) * but_one[drivers.LEVEL], rel=0.1
    )


def test_an_ensemble_weighs_its_members_drivers(
    trained: dict[str, Forecaster], shop: Panel
) -> None:
    members = {name: trained[name] for name in ("ridge", "lstm", "decision_tree")}
    weights = {"ridge": 0.5, "lstm": 0.3, "decision_tree": 0.2}
    ensemble = Calibrated(Ensemble(members, weights), UNCHANGED)
    frame, lacking = drivers.explained(ensemble, shop, CUTOFF)
    assert not lacking
    mean = ensemble.model.predict(shop, [CUTOFF]).mean[0].mean(axis=1)
    assert totals(frame, shop) == pytest.approx(mean, rel=1e-4, abs=1e-4)
    parts = of(frame, "item4")
    alone = {
        name: of(drivers.explained(m, shop, CUTOFF)[0], "item4") for name, m in members.items()
    }
    expected = 0.5 * alone["ridge"][drivers.LEVEL] + 0.3 * alone["lstm"][drivers.LEVEL]
    assert parts[drivers.LEVEL] == pytest.approx(expected)
    tree = trained["decision_tree"].predict(shop, [CUTOFF]).mean[0, 4].mean()
    assert parts["decision_tree, not taken apart"] == pytest.approx(0.2 * tree)


def test_a_calibrated_model_that_takes_nothing_apart_says_so(
    trained: dict[str, Forecaster], shop: Panel
) -> None:
    model = Calibrated(trained["random_forest"], UNCHANGED)
    frame, lacking = drivers.explained(model, shop, CUTOFF)
    assert frame.is_empty()
    assert lacking == "random_forest does not take its forecasts apart."
