from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from clean_cases import clean_days, day, features_of

from forecast_platform.features import FEATURES
from forecast_platform.features.demand import DEMAND_FEATURES, DemandFeature, Statistic
from forecast_platform.features.wide import demand_features
from forecast_platform.panel import from_long

TABLE_FEATURES = [f for f in DEMAND_FEATURES if f.name in {feature.name for feature in FEATURES}]

MEANS_AND_SPREADS = [f for f in DEMAND_FEATURES if f.statistic in (Statistic.MEAN, Statistic.STD)]


def some_demand(series: int = 5, days: int = 300) -> np.ndarray:
    rng = np.random.default_rng(2)
    demand = np.where(rng.random((series, days)) < 0.4, 0, rng.gamma(1, 5, (series, days)))
    demand[rng.random(demand.shape) < 0.1] = np.nan
    return demand.astype(np.float32)


def test_a_panel_has_the_features_of_the_daily_table_to_the_bit() -> None:
    demand = some_demand(3, 120)
    clean = pl.concat(
        [clean_days([None if np.isnan(v) else v for v in row.tolist()], item)
         for row, item in zip(demand, ("bread", "cream", "milk"), strict=True)]
    )  # fmt: skip
    table = features_of(clean, 0, 119)
    panel = from_long(table, first=day(0), last=day(119), demand="demand")

    found = demand_features(panel.demand, 0, 119, TABLE_FEATURES)

    assert len(TABLE_FEATURES) == 11
    for feature, values in zip(TABLE_FEATURES, found, strict=True):
        expected = table.select("date", "item_id", feature.name).sort("date", "item_id")
        held = expected[feature.name].fill_null(np.nan).to_numpy().reshape(120, 3).T
        np.testing.assert_array_equal(values, held, err_msg=feature.name)


def test_a_value_is_the_same_in_any_span_and_company() -> None:
    demand = some_demand() ** 9  # magnitudes whose sums round
    demand[1, :230] = np.nan  # not yet on offer
    whole = demand_features(demand, 0, 299, DEMAND_FEATURES)

    some = demand_features(demand[[3, 1]], 190, 260, DEMAND_FEATURES)

    np.testing.assert_array_equal(some, whole[:, [3, 1], 190:261])


@pytest.mark.parametrize("feature", DEMAND_FEATURES, ids=lambda feature: feature.name)
def test_a_feature_of_a_panel_never_looks_ahead_nor_further_back_than_it_says(feature) -> None:
    demand = some_demand()
    at = 200
    changed = np.full_like(demand, 77)
    kept = slice(at - feature.lookback, at + 1)
    changed[:, kept] = demand[:, kept]

    before, after = (demand_features(d, at, at, [feature]) for d in (demand, changed))

    assert before.tobytes() == after.tobytes()


@pytest.mark.parametrize("feature", MEANS_AND_SPREADS, ids=lambda feature: feature.name)
def test_means_and_spreads_are_those_of_64_bit(feature: DemandFeature) -> None:
    demand = 1000 + some_demand() / 7  # a spread much smaller than its mean
    days = np.arange(200, 300)
    window = demand.astype(np.float64)[:, days[:, None] - feature.step * np.arange(feature.days)]
    expected = (
        np.nanmean(window, axis=2)
        if feature.statistic == Statistic.MEAN
        else np.nanstd(window, axis=2, ddof=1)
    )

    found = demand_features(demand, days[0], days[-1], [feature])[0]

    assert found == pytest.approx(expected, rel=5e-7)


def test_days_before_the_panel_are_unknown() -> None:
    values = demand_features(np.full((1, 3), 2, dtype=np.float32), 0, 2, DEMAND_FEATURES)
    by_name = dict(zip([f.name for f in DEMAND_FEATURES], values[:, 0].tolist(), strict=True))

    assert by_name["demand_mean_182"] == [2, 2, 2]
    assert by_name["known_share_28"] == pytest.approx([1 / 28, 2 / 28, 3 / 28])
    np.testing.assert_array_equal(by_name["demand_lag_1"], [np.nan, 2, 2])
