from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast_platform.errors import ConfigurationError, ContractError
from forecast_platform.replenishment.optimise import milp
from forecast_platform.replenishment.optimise.best import best_plan
from forecast_platform.replenishment.optimise.genetic import TruckLoads, improve, pareto_front
from forecast_platform.replenishment.optimise.lagrangian import allocate, budget_curve
from forecast_platform.replenishment.optimise.problem import (
    Limits,
    LineReason,
    Lines,
    equal_points,
    prepare,
)

NO_LIMITS = Limits([np.inf, np.inf])


def some_lines(count: int, seed: int, suppliers: int = 1, points: int = 8) -> Lines:
    rng = np.random.default_rng(seed)
    mean, cost = rng.lognormal(2.5, 1.0, count), rng.lognormal(1.5, 0.8, count)
    pack = rng.choice([1.0, 2.0, 4.0, 6.0, 12.0], count)
    demand = np.sort(rng.negative_binomial(4, 4 / (4 + mean[:, None]), (count, points)), axis=1)
    return Lines(
        position=np.floor(mean * rng.uniform(-0.1, 1.0, count)),
        demand=demand,
        underage=cost * rng.uniform(0.2, 1.0, count),
        overage=cost * rng.uniform(0.02, 0.1, count),
        usage=np.stack([cost, rng.lognormal(-1.0, 0.7, count)]),
        order_cost=rng.uniform(0.0, 3.0, count),
        pack=pack,
        minimum=pack * rng.integers(0, 4, count),
        supplier=rng.integers(0, suppliers, count),
    )


def tight(lines: Lines, budget: float, volume: float, minimum: tuple[float, ...] = ()) -> Limits:
    """Shares of what the lines would use without limits."""
    used = allocate(replace(lines, supplier=None), NO_LIMITS).used
    return Limits([budget * used[0], volume * used[1]], np.array(minimum) * used[0])


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 100_000),
    count=st.integers(1, 12),
    budget=st.floats(0.05, 1.2),
    volume=st.floats(0.05, 1.2),
    minimum=st.sampled_from([(), (0.1, 0.2), (0.0, 0.5)]),
)
def test_the_bound_holds_against_the_exact_plan(
    seed: int, count: int, budget: float, volume: float, minimum: tuple[float, ...]
) -> None:
    lines = some_lines(count, seed, max(1, len(minimum)))
    limits = tight(lines, budget, volume, minimum)
    plan, exact = allocate(lines, limits), milp.solve(lines, limits)
    slack = 1e-5 * max(1.0, exact.saving)
    assert plan.saving <= exact.saving + slack
    assert exact.saving <= plan.bound + slack
    assert prepare(lines, limits).is_feasible(plan.packs)


def test_many_lines_are_planned_with_a_small_proven_gap() -> None:
    lines = some_lines(20_000, seed=3)
    plan = allocate(lines, tight(lines, 0.6, 0.6))
    assert plan.gap < 1e-4
    assert plan.saving > 0


def test_without_limits_the_plan_is_optimal() -> None:
    lines = some_lines(30, seed=5)
    plan = allocate(lines, NO_LIMITS)
    assert plan.gap == 0.0
    assert plan.saving == pytest.approx(milp.solve(lines, NO_LIMITS).saving)


def test_a_single_line_orders_the_newsvendor_quantity() -> None:
    # Snyder and Shen (2019), chapter 4: Poisson(6), h = 1, p = 4: S = 8, cost 3.57011.
    from scipy.stats import poisson

    points = poisson(6).ppf((np.arange(20_000) + 0.5) / 20_000)
    plan = allocate(Lines([0.0], points[None, :], 4.0, 1.0, [[1.0]]), Limits([np.inf]))
    assert plan.quantity.tolist() == [8.0]
    assert 4.0 * 6.0 - plan.saving == pytest.approx(3.57011, abs=2e-3)


def test_more_budget_never_costs_more() -> None:
    lines = some_lines(200, seed=7, suppliers=3)
    limits = tight(lines, 1.0, 0.8, (0.05, 0.1, 0.05))
    whole = float(np.asarray(limits.most)[0])
    plans = budget_curve(lines, limits, [whole * share for share in np.linspace(0, 1.2, 9)])
    assert (np.diff([plan.saving for plan in plans]) >= -1e-9).all()
    assert (np.diff([plan.bound for plan in plans]) >= -1e-6 * plans[-1].bound).all()


def test_orders_are_whole_packs_within_their_terms() -> None:
    lines = replace(some_lines(500, seed=9), maximum=60.0)
    plan = allocate(lines, tight(lines, 0.5, 0.7))
    ordered = plan.quantity[plan.quantity > 0]
    where = np.flatnonzero(plan.quantity > 0)
    pack, minimum = np.asarray(lines.pack)[where], np.asarray(lines.minimum)[where]
    assert np.array_equal(ordered % pack, np.zeros(where.size))
    assert (ordered >= minimum).all()
    assert (ordered <= 60.0).all()


def test_an_order_of_lines_orders_the_plan() -> None:
    lines = some_lines(300, seed=11)
    turned = replace(
        lines,
        **{n: np.asarray(getattr(lines, n))[::-1] for n in (
            "position", "demand", "underage", "overage", "order_cost", "pack", "minimum",
            "supplier")},
        usage=np.asarray(lines.usage)[:, ::-1],
    )  # fmt: skip
    limits = tight(lines, 0.5, 0.7)
    assert np.array_equal(allocate(lines, limits).quantity, allocate(turned, limits).quantity[::-1])


def test_suppliers_reach_their_minimum_or_order_nothing() -> None:
    lines = some_lines(400, seed=13, suppliers=8)
    limits = tight(lines, 0.6, 0.9, (0.02, 0.05, 0.08, 0.1, 0.12, 0.3, 0.0, 0.01))
    plan = allocate(lines, limits)
    spent = prepare(lines, limits).spent_by_supplier(plan.packs)
    assert ((spent == 0) | (spent >= np.asarray(limits.supplier_minimum) - 1e-6)).all()
    assert (spent > 0).sum() >= 2


BAD_LINES = [
    ({"position": [np.nan]}, LineReason.INVALID_POSITION),
    ({"demand": [[1.0, np.nan]]}, LineReason.INVALID_DEMAND),
    ({"demand": [[-1.0, 2.0]]}, LineReason.INVALID_DEMAND),
    ({"underage": -1.0}, LineReason.INVALID_COST),
    ({"usage": [[np.nan]]}, LineReason.INVALID_COST),
    ({"usage": [[-2.0]]}, LineReason.INVALID_COST),
    ({"minimum": -1.0}, LineReason.INVALID_TERMS),
    ({"minimum": np.nan}, LineReason.INVALID_TERMS),
    ({"pack": 0.0}, LineReason.INVALID_TERMS),
    ({"pack": 10.0, "maximum": 5.0}, LineReason.PACK_ABOVE_MAXIMUM),
    ({"minimum": 20.0, "maximum": 10.0}, LineReason.MINIMUM_ABOVE_MAXIMUM),
    ({"demand": [[1.0, 1e12]]}, LineReason.TOO_LARGE),
]


@pytest.mark.parametrize(("terms", "reason"), BAD_LINES)
def test_a_line_that_makes_no_sense_is_flagged(
    terms: dict[str, object], reason: LineReason
) -> None:
    good = Lines([0.0], [[5.0, 9.0]], 4.0, 1.0, [[1.0]])
    plan = allocate(replace(good, **terms), Limits([100.0]))  # type: ignore[arg-type]
    assert plan.reason.tolist() == [reason]
    assert not plan.feasible[0]
    assert np.isnan(plan.quantity[0])


def test_a_budget_of_zero_is_flagged_on_every_line_that_costs() -> None:
    plan = allocate(some_lines(5, seed=1), Limits([0.0, np.inf]))
    assert plan.quantity.tolist() == [0.0] * 5
    assert set(plan.reason) == {LineReason.LIMIT_IS_ZERO}
    assert not plan.feasible.any()


@pytest.mark.parametrize("most", [[-1.0, 5.0], [np.nan, 5.0], []])
def test_limits_that_make_no_sense_are_refused(most: list[float]) -> None:
    with pytest.raises(ConfigurationError, match="expected"):
        allocate(some_lines(3, seed=1), Limits(most))


def test_arrays_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ContractError, match="Usage"):
        allocate(some_lines(3, seed=1), Limits([1.0]))
    with pytest.raises(ContractError, match="at least one"):
        allocate(Lines([], np.empty((0, 3)), 1.0, 1.0, np.empty((1, 0))), Limits([1.0]))


def test_equal_points_have_the_quantiles_they_come_from() -> None:
    points = equal_points([0.1, 0.5, 0.9], [[0.0, 10.0, 40.0]], points=1000)
    assert np.quantile(points[0], [0.1, 0.5, 0.9]) == pytest.approx([0, 10, 40], abs=0.2)


def truck_case() -> tuple[Lines, Limits, TruckLoads]:
    lines = some_lines(120, seed=17)
    limits = tight(lines, 0.8, 0.9)
    group = np.arange(120) % 6
    return lines, limits, TruckLoads(group, np.asarray(lines.usage)[1], limits.most[1] / 15, 60.0)


def test_the_genetic_algorithm_saves_freight_of_joint_truck_loads() -> None:
    lines, limits, rule = truck_case()
    found = improve(lines, limits, rule, generations=15)
    assert found.net > max(found.seed_net, found.linear_net)
    assert found.net <= found.bound
    assert prepare(lines, limits).is_feasible(found.packs)


def test_without_generations_to_improve_the_seed_stands() -> None:
    lines, limits, rule = truck_case()
    found = improve(lines, limits, rule, population=2, generations=1)
    assert found.net >= found.seed_net


def test_the_pareto_front_trades_cost_for_service() -> None:
    lines, limits, rule = truck_case()
    front = pareto_front(lines, limits, rule, generations=8)
    assert front.cost.size > 5
    assert (np.diff(front.cost) > 0).all()
    assert (np.diff(front.service) > 0).all()
    problem = prepare(lines, limits)
    assert all(problem.is_feasible(packs) for packs in front.packs)


def test_truck_loads_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="expected"):
        TruckLoads([0], [1.0], 0.0, 5.0)


def test_suppliers_minima_leave_a_small_proven_gap() -> None:
    lines = some_lines(4_000, seed=19, suppliers=80)
    limits = tight(lines, 0.6, 0.9, tuple(np.linspace(0.002, 0.014, 80)))
    plan = allocate(lines, limits)
    assert prepare(lines, limits).is_feasible(plan.packs)
    assert plan.gap < 1e-3


def test_few_lines_are_planned_exactly() -> None:
    lines = some_lines(10, seed=23, suppliers=2)
    limits = tight(lines, 0.5, 0.9, (0.1, 0.2))
    plan = best_plan(lines, limits)
    assert plan.saving == pytest.approx(milp.solve(lines, limits).saving)
    assert plan.gap == pytest.approx(0.0, abs=1e-6)
    assert plan.saving >= allocate(lines, limits).saving
