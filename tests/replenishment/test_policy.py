from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast_platform.contracts import QUANTILES
from forecast_platform.replenishment import policy

units = st.floats(0, 1e6, allow_nan=False)


def normal_quantiles(mean, std):
    return np.array([[NormalDist(mean, std).inv_cdf(q) for q in QUANTILES]])


def test_quantile_between_the_stored_ones_matches_snyder_and_shen_newsvendor():
    # Fundamentals of Supply Chain Theory, example 4.3: h = .18, p = .7, N(50, 8) -> 56.604.
    ratio = 0.7 / (0.7 + 0.18)
    quantile = policy.quantile_at(ratio, QUANTILES, normal_quantiles(50, 8), np.array([8.0]))
    assert quantile[0] == pytest.approx(56.604, abs=5e-4)


@pytest.mark.parametrize("level", [0.01, 0.05, 0.5, 0.93, 0.99, 0.999])
def test_quantiles_of_normal_demand_are_exact(level):
    quantile = policy.quantile_at(level, QUANTILES, normal_quantiles(50, 8), np.array([8.0]))
    assert quantile[0] == pytest.approx(NormalDist(50, 8).inv_cdf(level))


def test_safety_stock_under_uncertain_lead_time_matches_chopra_and_meindl():
    # Supply Chain Management, lead time uncertainty at Dell: demand N(2500, 500) a day, lead time
    # 7 days with standard deviation 7, cycle service level .9 -> sigma_L 17,550, stock 22,491.
    assert policy.lead_time_demand_std(7, 500, 2500, 7) == pytest.approx(17_550, abs=1)
    mean, std = 7 * 2500.0, 7**0.5 * 500
    stock = policy.safety_stock(
        0.9,
        np.array([NormalDist(mean, std).inv_cdf(0.9)]),
        np.array([mean]),
        np.array([2500 * 7.0]),
    )
    assert stock[0] == pytest.approx(22_491, abs=1)


@given(
    quantiles=st.lists(units, min_size=len(QUANTILES), max_size=len(QUANTILES)),
    mean=units,
    std=units,
    spread=units,
    levels=st.tuples(st.floats(0.5, 0.9999), st.floats(0.5, 0.9999)),
)
def test_a_higher_service_level_never_lowers_the_safety_stock(quantiles, mean, std, spread, levels):
    def stock(level):
        quantile = policy.quantile_at(level, QUANTILES, np.array([quantiles]), np.array([std]))
        return policy.safety_stock(level, quantile, np.array([mean]), np.array([spread]))[0]

    low, high = sorted(levels)
    assert 0 <= stock(low) <= stock(high) * (1 + 1e-12)


def test_an_order_lifts_the_position_to_s_only_at_or_below_the_reorder_point():
    position, point, upto = np.array([9.0, 10.0, 11.0, 5.0]), np.full(4, 10.0), np.full(4, 30.0)
    point[3] = np.nan
    np.testing.assert_array_equal(
        policy.order_quantity(position, point, upto), [21.0, 20.0, 0.0, np.nan]
    )


def test_packs_round_up_and_the_minimum_holds():
    raw = np.array([0.0, 1.0, 12.0, 12.1, 25.0, np.nan])
    quantity = policy.whole_packs(raw, np.full(6, 10.0), np.full(6, 6.0))
    np.testing.assert_array_equal(quantity, [0.0, 12.0, 12.0, 18.0, 30.0, np.nan])


@given(raw=units, minimum=units, pack=st.floats(0.01, 1e4))
def test_orders_are_whole_packs_at_least_raw_and_minimum(raw, minimum, pack):
    quantity = policy.whole_packs(np.array([raw]), np.array([minimum]), np.array([pack]))[0]
    packs = quantity / pack
    assert packs == pytest.approx(round(packs))
    if raw > 0:
        assert quantity >= max(raw, minimum) - pack * 1e-6
        assert quantity <= max(raw, minimum) + pack * (1 + 1e-6)
    else:
        assert quantity == 0


def test_expected_shortage_of_a_certain_demand_is_what_lacks():
    certain = np.full((3, len(QUANTILES)), 10.0)
    shortage = policy.expected_shortage(np.array([4.0, 10.0, 12.0]), QUANTILES, certain)
    np.testing.assert_allclose(shortage, [6.0, 0.0, 0.0])


def test_expected_shortage_is_near_the_normal_loss_function():
    # sigma x (phi(z) - z (1 - Phi(z))) with z = 0: 8 x .39894 = 3.1915.
    shortage = policy.expected_shortage(np.array([50.0]), QUANTILES, normal_quantiles(50, 8))
    assert shortage[0] == pytest.approx(3.1915, rel=0.06)
