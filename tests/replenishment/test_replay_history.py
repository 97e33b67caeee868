from __future__ import annotations

from dataclasses import replace
from datetime import date
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast_platform.errors import ConfigurationError
from forecast_platform.replenishment.classic.lot_sizing import wagner_whitin
from forecast_platform.replenishment.history_replay.case import (
    Case,
    Levels,
    replay,
    select,
    stock_of,
)
from forecast_platform.replenishment.history_replay.compare import compare, table
from forecast_platform.replenishment.history_replay.foresight import foresight_bound
from forecast_platform.replenishment.history_replay.pictures import (
    cost_parts_picture,
    cost_service_picture,
    stock_picture,
)
from forecast_platform.replenishment.history_replay.policies import (
    CoverForecast,
    fixed_lots,
    from_forecasts,
    from_history,
)
from forecast_platform.replenishment.policy import normal_scores

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)


def make_case(skus: int = 6, days: int = 84, warm_up: int = 28, seed: int = 5) -> Case:
    """Poisson demand of rising means; two calendars of suppliers."""
    rng = np.random.default_rng(seed)
    mean = np.linspace(0.5, 8.0, skus)[:, None]
    review = np.where(np.arange(skus) % 2, 7, 5)
    return Case(
        demand=rng.poisson(mean, (skus, days)).astype(float),
        past=rng.poisson(mean, (skus, 200)).astype(float),
        warm_up=warm_up,
        lead_time=np.where(np.arange(skus) % 2, 7, 3),
        review=review,
        first_review=np.arange(skus) % 3,
        minimum=np.ones(skus),
        pack=np.ones(skus),
        order_cost=np.full(skus, 2.0),
        margin=np.linspace(1.0, 2.0, skus),
        holding=np.full(skus, 0.02),
    )


def poisson_forecast(case: Case) -> CoverForecast:
    """Normal quantiles of Poisson cover demand with the true means."""
    mean = np.linspace(0.5, 8.0, case.review.size) * case.protection
    shape = (case.review_days.size, mean.size)
    quantiles = mean[:, None] + np.sqrt(mean)[:, None] * normal_scores(LEVELS)
    return CoverForecast(
        LEVELS,
        np.broadcast_to(np.maximum(quantiles, 0), (*shape, len(LEVELS))).astype(np.float32),
        np.broadcast_to(mean, shape),
        np.broadcast_to(np.sqrt(mean), shape),
    )


RULES = {
    "own": lambda case, weight: from_forecasts(case, poisson_forecast(case), weight),
    "lots": fixed_lots,
    "history": lambda case, weight: from_history(case, 90, weight),
}


def plain_loop(case: Case, sku: int, levels: Levels) -> dict[str, float]:
    """Costs per day of one SKU, written as the events read."""
    lead, review = int(case.lead_time[sku]), int(case.review[sku])
    stock = float(np.ceil(case.past[sku].mean() * (lead + review)))
    due: dict[int, float] = {}
    costs = dict.fromkeys(("holding", "ordering", "stockout"), 0.0)
    for day, demand in enumerate(case.demand[sku]):
        ordered = 0.0
        if day >= case.first_review[sku] and (day - case.first_review[sku]) % review == 0:
            row = int(np.flatnonzero(case.review_days == day)[0])
            position = stock + sum(due.values())
            if position <= levels.reorder_point[row, sku]:
                ordered = max(levels.order_up_to[row, sku] - position, 0.0)
                ordered = np.ceil(ordered / case.pack[sku]) * case.pack[sku]
        if ordered:
            due[day + lead] = due.get(day + lead, 0.0) + ordered
        stock += due.pop(day, 0.0)
        sold = min(stock, demand)
        stock -= sold
        if day >= case.warm_up:
            costs["holding"] += case.holding[sku] * stock
            costs["ordering"] += case.order_cost[sku] * (ordered > 0)
            costs["stockout"] += case.margin[sku] * (demand - sold)
    return {part: cost / (case.demand.shape[1] - case.warm_up) for part, cost in costs.items()}


@pytest.mark.parametrize("pack", [1.0, 6.0])
def test_replay_equals_a_plain_loop(pack: float) -> None:
    case = make_case()
    case = replace(case, pack=np.full(6, pack))
    levels = from_forecasts(case, poisson_forecast(case))
    found = replay(case, levels)
    for sku in range(6):
        expected = plain_loop(case, sku, levels)
        assert {part: found.costs[part][sku] for part in expected} == pytest.approx(expected)


@pytest.mark.parametrize("rule", RULES)
def test_no_rule_looks_at_days_to_come(rule: str) -> None:
    case = make_case()
    for day in (0, 17, 40):
        other = case.demand.copy()
        other[:, day:] = 50.0
        known = np.searchsorted(case.review_days, day, side="right")
        one, two = (
            RULES[rule](replace(case, demand=demand), 1.0) for demand in (case.demand, other)
        )
        assert np.array_equal(one.reorder_point[:known], two.reorder_point[:known])
        assert np.array_equal(one.order_up_to[:known], two.order_up_to[:known])
        assert np.array_equal(one.multiple, two.multiple)


def test_history_follows_demand_that_came() -> None:
    case = make_case()
    doubled = replace(case, demand=case.demand * 10)
    last = from_history(doubled, 40).order_up_to[-1]
    assert (last > from_history(case, 40).order_up_to[-1]).all()


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.3, 5.0]), st.floats(0.4, 0.98))
def test_no_policy_costs_less_than_foresight(seed: int, order_cost: float, ratio: float) -> None:
    case = replace(make_case(seed=seed), order_cost=np.full(6, order_cost)).at_ratio(ratio)
    bound = foresight_bound(case)
    for rule in RULES.values():
        assert (replay(case, rule(case, 1.0)).total >= bound - 1e-9).all()


def test_foresight_bound_is_reached_by_the_best_plan_of_all() -> None:
    # Three receipts that can be used or not: all plans tried, each unit from the latest receipt
    # or lost, the first receipt free.
    demand = np.array([[2.0, 0, 3, 1, 0, 4, 2, 2, 0, 1, 5, 0]])
    zero = np.zeros(1, dtype=np.int64)
    case = Case(demand, np.ones((1, 30)), 0, zero, zero + 4, zero, np.ones(1), np.ones(1),
                np.array([3.0]), np.array([2.0]), np.array([0.4]))  # fmt: skip
    costs = []
    for used in product([False, True], repeat=2):
        receipts = [0, *(day for day, use in zip((4, 8), used, strict=True) if use)]
        carried = [day - max(r for r in receipts if r <= day) for day in range(12)]
        each = np.minimum(0.4 * np.array(carried), 2.0)
        costs.append(3.0 * sum(used) + float(demand[0] @ each))
    assert foresight_bound(case)[0] * 12 == pytest.approx(min(costs))


def test_foresight_is_wagner_whitin_where_no_sale_is_worth_losing() -> None:
    # Wagner and Whitin (1958), table 1, set-up cost 85, holding 1: receipts every day.
    demand = np.array([[69.0, 29, 36, 61, 61, 26, 34, 67, 45, 67, 79, 56]])
    zero = np.zeros(1, dtype=np.int64)
    case = Case(demand, np.ones((1, 30)), 0, zero, zero + 1, zero, np.ones(1), np.ones(1),
                np.array([85.0]), np.array([1e6]), np.array([1.0]))  # fmt: skip
    plan = wagner_whitin(demand, 85.0, 1.0)
    assert foresight_bound(case)[0] * 12 == pytest.approx(float(plan.cost[0]) - 85.0)


def test_curves_rise_and_equal_fill_lies_between_the_swept() -> None:
    case = make_case(skus=12, days=200)
    (comparison,) = compare(case, RULES, [0.9])
    for curve in comparison.curves:
        assert (np.diff(curve.fill_rates()) >= -0.01).all()
    rate = float(comparison.own.nominal.fill_rate().mean)
    for outcome, saved in comparison.equal_fill().values():
        assert float(outcome.fill_rate().mean) == pytest.approx(rate)
        own = comparison.own.nominal.total.sum()
        assert float(saved.mean) == pytest.approx(1 - own / outcome.total.sum())
        assert saved.standard_error > 0
    best = comparison.best_alternative()
    assert best in RULES
    frame = table([comparison])
    assert frame["policy"].to_list() == [*RULES, "foresight (bound)"]
    parts = frame.drop_nulls("holding")
    total = parts["holding"] + parts["ordering"] + parts["stockout"]
    assert total.to_list() == pytest.approx(parts["total"].to_list())


def test_a_permutation_of_skus_permutes_the_costs() -> None:
    case, order = make_case(), np.array([3, 0, 5, 1, 4, 2])
    for rule in (fixed_lots, RULES["history"]):
        whole, other = (replay(c, rule(c, 1.0)).total for c in (case, select(case, order)))
        assert np.allclose(whole[order], other)
    assert np.allclose(foresight_bound(case)[order], foresight_bound(select(case, order)))


def test_quantiles_of_normal_cover_demand_are_exact_between_and_beyond() -> None:
    case = make_case()
    forecast = poisson_forecast(case)
    for level in (0.3, 0.97, 0.9999):
        found = forecast.at(np.full(forecast.mean.shape, level))
        expected = forecast.mean + normal_scores([level])[0] * forecast.std
        assert np.allclose(found[:, 2:], expected[:, 2:], rtol=1e-5)


def test_without_order_cost_the_reorder_point_is_the_order_up_to_level() -> None:
    case = replace(make_case(), order_cost=np.zeros(6))
    levels = from_forecasts(case, poisson_forecast(case))
    assert np.array_equal(levels.reorder_point, levels.order_up_to)


def test_stock_of_one_sku_is_that_of_the_replay_of_all() -> None:
    case = make_case()
    levels = RULES["own"](case, 1.0)
    outcome = replay(case, levels)
    for sku in range(6):
        stock, received = stock_of(case, levels, sku)
        assert stock[case.warm_up :].mean() == pytest.approx(outcome.stock[sku])
        opening = np.ceil(case.past[sku].mean() * case.protection[sku])
        sold = opening + received.sum() - stock[-1]
        assert 0 < sold <= case.demand[sku].sum()


def test_pictures_are_png() -> None:
    case = make_case()
    found = compare(case, RULES, [0.8, 0.9], weights=(0.5, 2.0))
    levels, forecast = RULES["own"](case, 1.0), poisson_forecast(case)
    images = [
        cost_service_picture(found), cost_parts_picture(found),
        stock_picture(case, levels, forecast, 1, date(2024, 1, 1), "one"),
    ]  # fmt: skip
    assert all(image.startswith(b"\x89PNG") for image in images)


def test_refusals_say_what_was_expected() -> None:
    case = make_case()
    with pytest.raises(ConfigurationError, match="land more history"):
        replace(case, warm_up=84)
    with pytest.raises(ConfigurationError, match="between 0 and 1"):
        case.at_ratio(1.0)
    with pytest.raises(ConfigurationError, match="at least one critical ratio"):
        compare(case, RULES, [])
