from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast_platform.errors import ConfigurationError, ContractError
from forecast_platform.replenishment.simulation import layout
from forecast_platform.replenishment.simulation.demand import (
    draw_geometric,
    draw_negative_binomial,
    draw_poisson,
    without_crossing,
)
from forecast_platform.replenishment.simulation.policy import (
    Opening,
    Policy,
    Supply,
    base_stock,
    capped_base_stock,
    reorder_quantity,
    reorder_up_to,
)
from forecast_platform.replenishment.simulation.results import Costs, Estimate, paired_difference
from forecast_platform.replenishment.simulation.simulate import simulate, trace

DAYS, PATHS, WARM_UP = 1_300, 128, 100


def assert_within_3_errors(estimate: Estimate, expected: float, digits: float) -> None:
    """The table's figure is rounded to `digits`; so much more is allowed."""
    error = abs(float(estimate.mean[0]) - expected)
    assert error <= 3 * float(estimate.standard_error[0]) + digits / 2


# Zipkin (2008), Operations Research 56(5), table 3: Poisson demand of mean 5, h = 1: penalty ->
# best base-stock levels and their costs at lead times 1 .. 4.
ZIPKIN = {4: ((12, 16, 20, 25), (4.16, 4.64, 4.98, 5.20)),
          9: ((13, 19, 23, 28), (5.55, 6.32, 6.86, 7.27)),
          19: ((15, 21, 26, 31), (6.73, 7.84, 8.60, 9.23)),
          39: ((16, 22, 28, 33), (7.86, 9.19, 10.22, 11.06))}  # fmt: skip


@pytest.mark.parametrize("penalty", ZIPKIN)
def test_best_base_stock_costs_of_zipkin(penalty: int) -> None:
    demand = draw_poisson([5.0], DAYS, PATHS, seed=11)
    for lead_time, (level, cost) in enumerate(zip(*ZIPKIN[penalty], strict=True), start=1):
        found = simulate(demand, base_stock(level), Supply(lead_time), warm_up=WARM_UP)
        total = found.costs(Costs(holding=1, stockout=penalty))["total"]
        assert_within_3_errors(total, cost, 0.01)


def test_capped_base_stock_cost_for_lost_sales() -> None:
    # Exact by dynamic programming: Poisson mean 5, h = 1, p = 4, L = 4.
    demand = draw_poisson([5.0], DAYS, PATHS, seed=11)
    found = simulate(demand, capped_base_stock(26, 5), Supply(4), warm_up=WARM_UP)
    assert_within_3_errors(found.costs(Costs(holding=1, stockout=4))["total"], 4.7985, 0.0001)


@pytest.mark.parametrize(
    ("mean", "s", "up_to", "cost"), [(10, 6, 40, 35.022), (20, 14, 62, 49.173)]
)
def test_s_s_costs_of_zheng_and_federgruen(mean: float, s: int, up_to: int, cost: float) -> None:
    # Zheng and Federgruen (1991), Operations Research 39(4): h = 1, p = 9, K = 64.
    demand = draw_poisson([mean], DAYS, PATHS, seed=11)
    found = simulate(demand, reorder_up_to(s, up_to), backorders=True, warm_up=WARM_UP)
    total = found.costs(Costs(holding=1, order=64, stockout=9))["total"]
    assert_within_3_errors(total, cost, 0.001)


@pytest.mark.parametrize(
    ("policy", "cost"), [(reorder_up_to(17, 23), 11.618), (reorder_quantity(17, 7), 11.555)]
)
def test_lost_sales_with_order_cost_of_bijvank(policy: Policy, cost: float) -> None:
    # Bijvank (2015): Poisson mean 5, L = 2, p = 14, K = 5.
    demand = draw_poisson([5.0], DAYS, PATHS, seed=11)
    found = simulate(demand, policy, Supply(2), warm_up=WARM_UP)
    total = found.costs(Costs(holding=1, order=5, stockout=14))["total"]
    assert_within_3_errors(total, cost, 0.001)


def test_an_order_arrives_after_its_lead_time_before_demand() -> None:
    found = trace([[3, 3, 3, 3]], base_stock(10), Supply(2))
    assert found.ordered[0, :, 0].tolist() == [0, 3, 3, 3]
    assert found.received[0, :, 0].tolist() == [0, 0, 0, 3]
    assert found.closing[0, :, 0].tolist() == [7, 4, 1, 1]


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    life=st.integers(0, 6),
    lifo=st.booleans(),
    backorders=st.booleans(),
    crossing=st.booleans(),
)
def test_stock_is_conserved_every_day(
    seed: int, life: int, lifo: bool, backorders: bool, crossing: bool
) -> None:
    rng = np.random.default_rng(seed)
    skus, days, paths = 3, 60, 5
    lead = rng.integers(0, 6, (skus, days, paths)).astype(np.uint8)
    level = rng.integers(0, 60, (skus, days)).astype(float)
    found = trace(
        rng.poisson(4, (skus, days, paths)),
        Policy(level - rng.integers(0, 20), level, review_period=rng.integers(1, 8, skus)),
        Supply(lead if crossing else without_crossing(lead), minimum=rng.integers(0, 9, skus),
               pack=rng.integers(1, 5, skus), shelf_life=life, lifo=lifo),
        Opening(rng.integers(0, 20, skus), rng.integers(0, 9, (skus, 3))),
        backorders=backorders,
    )  # fmt: skip
    first = np.broadcast_to(found.opening[:, None, None], (skus, 1, paths))
    before = np.maximum(np.concatenate([first, found.closing[:, :-1]], axis=1), 0)
    after = before + found.received - found.shipped - found.spoiled
    assert np.array_equal(after, np.maximum(found.closing, 0))
    assert (found.shipped >= 0).all()
    assert (found.spoiled >= 0).all()
    assert backorders or (found.closing >= 0).all()


def test_totals_agree_with_the_days_they_sum() -> None:
    demand = draw_negative_binomial([4.0, 9.0], 2.0, 200, 130, seed=3)
    terms = (reorder_up_to([10, 20], [30, 50]), Supply(3, minimum=8, pack=4))
    found, days = simulate(demand, *terms), trace(demand, *terms)
    assert np.array_equal(found.received(), days.received.sum(axis=1))
    assert np.array_equal(found.shipped(), days.shipped.sum(axis=1))
    assert np.allclose(found.fill_rate().mean, days.shipped.sum((1, 2)) / demand.sum((1, 2)))
    assert np.allclose(found.average_stock().mean, days.closing.mean((1, 2)))
    assert np.allclose(found.ready_rate().mean, (days.closing > 0).mean((1, 2)))
    short = (days.shipped < days.demand).sum(axis=1).mean(axis=1)
    assert np.allclose(found.stockout_days().mean, short)


def test_orders_keep_minimum_packs_and_maximum() -> None:
    demand = draw_poisson([6.0], 300, 20, seed=5)
    ordered = trace(demand, base_stock(30), Supply(2, minimum=10, pack=4, maximum=18)).ordered
    assert set(np.unique(ordered)) == {0.0, 12.0, 16.0}


def test_units_live_as_long_as_their_shelf_life() -> None:
    quiet = [[0, 0, 0, 0, 0]]
    assert trace(quiet, base_stock(5), Supply(shelf_life=2)).spoiled[0, :, 0].tolist() == [
        0, 5, 0, 5, 0,
    ]  # fmt: skip


def test_selling_the_oldest_first_spoils_less() -> None:
    demand = draw_poisson([5.0], 400, 50, seed=7)
    fifo, lifo = (
        simulate(demand, base_stock(14), Supply(1, shelf_life=4, lifo=lifo))
        for lifo in (False, True)
    )
    costs = Costs(spoilage=1.0)
    assert fifo.costs(costs)["spoilage"].mean < lifo.costs(costs)["spoilage"].mean


def test_measures_of_a_worked_example() -> None:
    # Level 5, no lead time: each day opens with 5; demand 3, 7, 5, 0 fills 3, 5, 5, 0.
    found = simulate([[3, 7, 5, 0]], base_stock(5))
    assert found.fill_rate().mean[0] == pytest.approx(13 / 15)
    assert found.ready_rate().mean[0] == 0.5
    assert found.stockout_days().mean[0] == 1
    assert found.cycle_service_level().mean[0] == pytest.approx(3 / 4)
    assert found.average_stock().mean[0] == pytest.approx(7 / 4)
    assert found.days_of_supply().mean[0] == pytest.approx(7 / 13)
    assert found.turns().mean[0] == pytest.approx(13 * 365 / 7)
    assert found.gmroi(Costs(unit_cost=2, price=3)).mean[0] == pytest.approx(13 * 365 / 14)
    parts = found.costs(Costs(holding=1, order=10, unit_cost=2, stockout=4))
    assert {name: float(part.mean[0]) * 4 for name, part in parts.items()} == pytest.approx(
        {"holding": 7, "ordering": 30, "purchase": 26, "stockout": 8, "spoilage": 0, "total": 71}
    )


def test_a_sku_is_simulated_alike_in_any_batch() -> None:
    demand = draw_poisson([2.0, 5.0, 9.0], 100, 40, seed=1, ids=["a", "b", "c"])
    whole = simulate(demand, base_stock([8, 20, 36]), Supply([1, 2, 3]))
    turned = simulate(demand[::-1], base_stock([36, 20, 8]), Supply([3, 2, 1]))
    assert np.array_equal(whole.totals, turned.totals[::-1])


def test_zero_lead_time_and_zero_costs() -> None:
    demand = draw_poisson([5.0], 200, 20, seed=1)
    free = simulate(demand, base_stock(40))
    assert free.fill_rate().mean[0] == 1.0
    assert free.costs(Costs())["total"].mean[0] == 0.0


def test_units_twice_as_large_scale_stock() -> None:
    demand = draw_poisson([5.0], 200, 20, seed=1).astype(float)
    one, two = (
        simulate(demand * unit, base_stock(16 * unit), Supply(2, pack=unit)) for unit in (1.0, 2.5)
    )
    assert two.average_stock().mean == pytest.approx(2.5 * one.average_stock().mean)
    assert two.fill_rate().mean == pytest.approx(one.fill_rate().mean)


def test_pairing_on_common_paths_narrows_the_error() -> None:
    demand = draw_geometric([5.0], 400, 100, seed=2)
    costs = Costs(holding=1, stockout=9)
    a, b = (simulate(demand, base_stock(level), Supply(2)) for level in (22, 24))
    unpaired = np.hypot(*(x.costs(costs, overall=True)["total"].standard_error for x in (a, b)))
    assert paired_difference(a, b, costs).standard_error < unpaired / 2


@pytest.mark.parametrize(
    ("terms", "word"),
    [
        ({"policy": base_stock(np.nan)}, "order_up_to|reorder_point"),
        ({"supply": Supply(-1)}, "lead_time"),
        ({"supply": Supply(np.nan)}, "lead_time"),
        ({"supply": Supply(minimum=-1)}, "minimum"),
        ({"supply": Supply(pack=10, maximum=5)}, "maximum"),
        ({"supply": Supply(pack=4, minimum=9, maximum=10)}, "minimum"),
        ({"supply": Supply(lead_time=[1, 2, 3])}, "lead_time"),
        ({"supply": Supply(shelf_life=1.5)}, "shelf_life"),
        ({"opening": Opening(np.nan)}, "on_hand"),
        ({"opening": Opening(0, [[-1.0]])}, "receipts"),
        ({"warm_up": 3}, "warm_up"),
    ],
)
def test_terms_that_make_no_sense_are_named(terms: dict[str, object], word: str) -> None:
    given_terms = {"policy": base_stock(5), **terms}
    with pytest.raises(ConfigurationError, match=word):
        simulate([[1, 2, 3], [1, 2, 3]], **given_terms)  # type: ignore[arg-type]


@pytest.mark.parametrize("demand", [[[-1.0]], [[np.nan]], np.empty((0, 3)), [1, 2], [["a"]]])
def test_demand_that_makes_no_sense_is_refused(demand: object) -> None:
    with pytest.raises(ContractError, match="expected"):
        simulate(demand, base_stock(5))  # type: ignore[arg-type]


def test_large_quantities_stay_exact() -> None:
    rng = np.random.default_rng(1)
    demand = rng.integers(0, 65_000, (1, 300, 10)).astype(np.uint16)
    found = simulate(demand, base_stock(1_000_001.0), Supply(3, pack=7))
    opening, closing = found.totals[:, layout.OPENING], found.totals[:, layout.CLOSING]
    assert np.array_equal(opening + found.received() - found.shipped(), closing)
    assert found.fill_rate().mean[0] == 1.0


def test_levels_may_change_from_day_to_day() -> None:
    found = trace([[2, 2, 2, 2]], base_stock([[5.0, 9.0, 9.0, 3.0]]))
    assert found.ordered[0, :, 0].tolist() == [0, 6, 2, 0]
    assert found.closing[0, :, 0].tolist() == [3, 7, 7, 5]


def test_orders_on_the_way_count_in_the_position() -> None:
    found = trace([[0, 0, 0]], base_stock(10), Supply(1), Opening([2.0], [[0.0, 5.0]]))
    assert found.ordered[0, :, 0].tolist() == [3, 0, 0]
    assert found.received[0, :, 0].tolist() == [0, 8, 0]
