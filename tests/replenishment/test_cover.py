import numpy as np
import pytest

from forecast_platform.replenishment.cover import DailyForecast, days_of_cover, stockout_in


def forecast(*rows):
    mean = np.array(rows, dtype=float)
    count = np.count_nonzero(np.isfinite(mean), axis=1)
    return DailyForecast(mean, count, np.full(len(rows), True))


def cover(stock, *rows):
    return days_of_cover(np.array([stock], dtype=float), forecast(*rows))[0]


def test_cover_counts_fractions_of_a_day():
    assert cover(5.0, [2, 2, 2, 2]) == pytest.approx(2.5)
    assert cover(0.0, [2, 2]) == 0.0
    assert cover(-3.0, [2, 2]) == 0.0


def test_days_without_demand_are_covered():
    assert cover(2.0, [2, 0, 0, 4]) == pytest.approx(3.0)


def test_beyond_the_horizon_demand_goes_on_at_its_average():
    assert cover(14.0, [1, 3, 1, 3]) == pytest.approx(7.0)


def test_without_demand_stock_lasts_for_good():
    assert cover(1.0, [0, 0]) == 999.0


def test_a_shorter_horizon_beside_a_longer_one_counts_only_its_own_days():
    both = forecast([2, 2, np.nan, np.nan], [1, 1, 1, 1])
    np.testing.assert_allclose(days_of_cover(np.array([6.0, 6.0]), both), [3.0, 6.0])


def stockout(available, receipts, *rows):
    arriving = np.array([receipts], dtype=float)
    return stockout_in(
        np.array([float(available)]), arriving.sum(axis=1), arriving, forecast(*rows)
    )


def test_the_stock_out_is_the_first_day_whose_demand_is_not_met():
    assert stockout(4, [0, 0, 0], [2, 2, 2])[0] == 3
    assert stockout(3, [0, 0, 0], [2, 2, 2])[0] == 2


def test_a_receipt_helps_only_from_its_day_on():
    assert stockout(3, [0, 9, 0], [2, 2, 2])[0] == 7
    assert stockout(3, [0, 0, 9], [2, 2, 2])[0] == 2


def test_no_demand_means_no_stock_out():
    assert np.isnan(stockout(0, [0, 0], [0, 0])[0])
