"""Each feature on histories small enough to work out by hand."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from clean_cases import clean_days, features_of

from forecast_platform.contracts.features import FEATURES as CONTRACT
from forecast_platform.contracts.features import HISTORY
from forecast_platform.features import FEATURES, LOOKBACK_DAYS
from forecast_platform.features.definitions import MovingSums

UP = [float(n) for n in range(1, 61)]


def last_day(clean: pl.DataFrame, name: str) -> float | None:
    day = clean.height - 1
    return features_of(clean, day, day)[name].item()


@pytest.mark.parametrize("days", [1, 7, 14, 28])
def test_a_lag_is_the_demand_of_that_many_days_before(days: int) -> None:
    assert last_day(clean_days(UP), f"demand_lag_{days}") == 60 - days


def test_a_lag_before_the_first_day_or_without_known_demand_is_unknown() -> None:
    clean = clean_days([5.0] + [None] + [5.0] * 6)

    table = features_of(clean, 0, 7)

    assert table["demand_lag_1"].to_list() == [None, 5, None, 5, 5, 5, 5, 5]
    assert table["demand_lag_7"].to_list() == [None] * 7 + [5]


@pytest.mark.parametrize(("days", "mean"), [(7, 57), (28, 46.5), (56, 32.5)])
def test_a_mean_covers_the_day_and_those_before(days: int, mean: float) -> None:
    assert last_day(clean_days(UP), f"demand_mean_{days}") == mean


def test_a_mean_is_that_of_the_known_days() -> None:
    assert last_day(clean_days([1.0, None, 5.0]), "demand_mean_7") == 3
    assert last_day(clean_days([None] * 7), "demand_mean_7") is None


def test_the_spread_is_the_sample_standard_deviation() -> None:
    assert last_day(clean_days([9.0, *UP[:28]]), "demand_std_28") == pytest.approx(
        np.std(UP[:28], ddof=1), rel=1e-6
    )


def test_constant_demand_has_no_spread_and_one_day_has_none_known() -> None:
    assert last_day(clean_days([3.0] * 28), "demand_std_28") == 0
    assert last_day(clean_days([3.0]), "demand_std_28") is None


def test_the_share_of_zeros_counts_known_days_only() -> None:
    assert last_day(clean_days([0.0, 2.0, None, 0.0, 1.0]), "zero_share_28") == 0.5


def test_days_since_the_last_sale() -> None:
    table = features_of(clean_days([0.0, 2.0, 0.0, None, 0.0, 1.0]), 0, 5)

    assert table["days_since_sale"].to_list() == [56, 0, 1, 2, 3, 0]


def test_days_since_the_last_sale_stop_at_56() -> None:
    table = features_of(clean_days([1.0] + [0.0] * 99), 54, 99)

    assert table["days_since_sale"].to_list() == [54, 55, *[56] * 44]


def test_the_weekday_mean_covers_the_last_8_of_the_weekday() -> None:
    # 9 weeks; the oldest same weekday must no longer count.
    demand = [100.0 if n == 0 else float(n // 7) if n % 7 == 0 else 50.0 for n in range(57)]

    assert last_day(clean_days(demand), "weekday_mean_8") == 4.5


def test_price_level_and_change() -> None:
    table = features_of(clean_days([1.0] * 9, price=[2.0] * 7 + [4.0, None]), 7, 8)

    assert table["price_level_28"].to_list() == pytest.approx([4 / (18 / 8), None])
    assert table["price_change_1"].to_list() == [1, None]
    assert table["price_change_7"].to_list() == [1, None]


def test_a_price_of_nothing_makes_no_infinite_change() -> None:
    table = features_of(clean_days([1.0] * 2, price=[0.0, 2.0]), 1, 1)

    assert table["price_change_1"].item() is None


def test_promotion_a_week_ago_and_in_the_last_28_days() -> None:
    table = features_of(clean_days([1.0] * 8, on_promotion=[True] + [False] * 7), 6, 7)

    assert table["promotion_lag_7"].to_list() == [None, 1]
    assert table["promotion_share_28"].to_list() == pytest.approx([1 / 7, 1 / 8])


def test_the_share_of_available_days_counts_days_on_offer() -> None:
    clean = clean_days([1.0, None, 1.0, 1.0, None])

    assert features_of(clean, 4, 4)["available_share_28"].item() == pytest.approx(0.6)
    without_a_row = clean.filter(pl.int_range(pl.len()) != 1)
    assert features_of(without_a_row, 4, 4)["available_share_28"].item() == 0.75


def test_category_means_cover_the_items_of_the_category_at_the_location() -> None:
    clean = pl.concat(
        [
            clean_days([1.0, 2.0], "milk"),
            clean_days([5.0, None], "cream"),
            clean_days([90.0, 90.0], "bread"),
            clean_days([70.0, 70.0], "milk", "L2"),
        ]
    )

    table = features_of(clean, 1, 1)

    expected = {("milk", "L1"): 8 / 3, ("cream", "L1"): 8 / 3, ("bread", "L1"): 90}
    for name in ("category_mean_7", "category_mean_28"):
        found = {(i, loc): v for i, loc, v in table.select("item_id", "location_id", name).rows()}
        assert found == pytest.approx({**expected, ("milk", "L2"): 70})


@pytest.mark.parametrize("step", [1, 7])
@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 28, 56])
def test_moving_sums_are_sums_of_the_last_values(step: int, count: int) -> None:
    values = np.random.default_rng(0).integers(0, 9, (400, 3)).astype(float)

    sums = MovingSums(values, step).over(count, rows=5)

    expected = [values[t - (count - 1) * step : t + 1 : step].sum(axis=0) for t in range(395, 400)]
    np.testing.assert_array_equal(sums, expected)


@pytest.mark.parametrize("count", [7, 28, 56])
def test_a_moving_sum_has_the_same_bits_wherever_the_history_starts(count: int) -> None:
    # Magnitudes so far apart that differences of running totals would lose the small ones.
    values = 10 ** np.random.default_rng(1).uniform(-9, 9, (200, 40))

    longer = MovingSums(values).over(count, rows=50)
    shorter = MovingSums(values[200 - 50 - count + 1 :]).over(count, rows=50)

    np.testing.assert_array_equal(longer, shorter)


def test_the_contract_describes_every_feature_and_no_other() -> None:
    assert [feature.name for feature in FEATURES] == [column.name for column in HISTORY]
    assert set(CONTRACT.key) < set(CONTRACT.column_names)


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_a_feature_reaches_back_as_far_as_it_declares_and_no_further(feature) -> None:
    """Changing the oldest day of the declared window matters, changing the day before does not."""
    length = LOOKBACK_DAYS + 10
    rng = np.random.default_rng(5)
    base = {
        "demand": [0.0] * length,
        "price": (1 + rng.random(length)).round(2).tolist(),
        "on_promotion": [False] * length,
        "is_available": [True] * length,
    }

    def value(changed: int | None) -> float | None:
        columns = {name: list(values) for name, values in base.items()}
        if changed is not None:
            at = length - 1 - changed
            columns["demand"][at] = 7.0
            columns["price"][at] = 50.0
            columns["on_promotion"][at] = True
            columns["is_available"][at] = False
        return last_day(clean_days(columns.pop("demand"), **columns), feature.name)

    assert value(feature.lookback) != value(None)
    assert value(feature.lookback + 1) == value(None)
