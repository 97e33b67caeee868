"""A class's median SKU as a lost-sales problem, the policy learned for it, and what is kept."""

import datetime as dt
import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from choice_shop import CUTOFF, build

from forecast_platform.contracts import tables
from forecast_platform.errors import ModelError
from forecast_platform.replenishment.classic.demand import poisson_pmf
from forecast_platform.replenishment.exact.lost_sales import LostSales
from forecast_platform.replenishment.learned import checkpoint
from forecast_platform.replenishment.learned.dynamics import Reward, mean_demand, order_limits
from forecast_platform.replenishment.learned.guard import CAPPED, MYOPIC, OPTIMUM
from forecast_platform.replenishment.learned.pictures import curves
from forecast_platform.replenishment.learned.problems import (
    LEAST_PERIODS,
    MOST_LOTS,
    Problem,
    problems,
)
from forecast_platform.replenishment.learned.study import study
from forecast_platform.replenishment.learned.table import row

SHOP = build((0.1, 0.2, 0.6, 2.0, 4.0, 8.0))


def of(shop, cutoff=CUTOFF):
    names = ("clean_demand", "products", "suppliers", "lead_times")
    return problems(cutoff, *(shop.tables[name] for name in names), shop.parameters)


def test_every_class_has_one_problem_whose_demand_is_counted_in_few_lots():
    found = of(SHOP)
    assert [problem.abc_class for problem in found] == ["A", "B", "C"]
    assert sum(problem.skus for problem in found) == 6
    for problem in found:
        assert problem.system.lead_time == 1
        assert problem.system.demand.size <= MOST_LOTS + 1
        assert problem.system.order_cost == 0


def test_a_problem_is_that_of_the_median_sku_by_demand_per_review():
    one_class = replace(SHOP, parameters=replace(SHOP.parameters, abc_cuts=(1.0, 1.0)))
    (problem,) = of(one_class)
    rows = SHOP.tables["clean_demand"]
    sums = dict(rows.group_by("item_id").agg(pl.col("demand_units").sum()).iter_rows())
    # The third of six: of an even number the lower of the two in the middle.
    assert (problem.skus, problem.item_id) == (6, sorted(sums, key=sums.__getitem__)[2])
    weekly = sums[problem.item_id] / (rows["date"].n_unique() / 7)
    assert problem.lot_units * mean_demand(problem.system) == pytest.approx(weekly, rel=0.1)


def test_prices_are_those_of_a_lot_and_a_review_period():
    for problem in of(SHOP):
        units = problem.lot_units
        assert problem.system.holding == pytest.approx(units * 0.25 * 6.0 * 7 / 365)
        assert problem.system.penalty == pytest.approx(units * (10.0 - 6.0))


def test_larger_units_at_a_lower_price_change_no_lot_and_no_cost():
    sunday, week = pl.col("date").dt.weekday() == 7, pl.col("date").dt.week()
    units = pl.when(sunday).then(2.0 * MOST_LOTS / (1 + week % 2)).otherwise(0.0)
    for size, lot in ((1.0, 2), (2.0, 4)):
        shop = build((1.0,), unit=size)
        rows = shop.tables["clean_demand"].with_columns(demand_units=units * size)
        (problem,) = of(shop.having(clean_demand=rows))
        assert problem.lot_units == lot
        assert set(np.flatnonzero(problem.system.demand)) == {MOST_LOTS // 2, MOST_LOTS}
        assert problem.system.penalty == pytest.approx(2 * (10.0 - 6.0))


@pytest.mark.parametrize(
    ("days", "periods"), [(1.0, [1]), (7.0, [1]), (8.0, [2]), (28.0, [4]), (29.0, []), (0.0, [])]
)
def test_lead_times_are_whole_reviews_of_one_to_four(days, periods):
    found = of(build((0.6, 8.0), lead_time_days=days))
    assert sorted({problem.system.lead_time for problem in found}) == periods


def test_a_review_longer_than_the_look_back_makes_no_problem():
    assert of(build((0.6, 8.0), lead_time_days=200.0, review_days=200)) == []


def test_nothing_after_the_cutoff_is_read():
    earlier = CUTOFF - dt.timedelta(days=14)
    rows = SHOP.tables["clean_demand"]
    cut = SHOP.having(clean_demand=rows.filter(pl.col("date") <= earlier))
    for one, other in zip(of(SHOP, earlier), of(cut, earlier), strict=True):
        assert (one.item_id, one.skus, one.lot_units) == (
            other.item_id,
            other.skus,
            other.lot_units,
        )
        np.testing.assert_array_equal(one.system.demand, other.system.demand)


@pytest.mark.parametrize(
    "demand",
    [
        pl.lit(0.0),
        pl.lit(3.0),
        pl.lit(None, dtype=pl.Float64),
        # A day of every week is unknown, and with it the week.
        pl.when(pl.col("date").dt.weekday() < 7).then("demand_units"),
        pl.when(pl.col("date") > CUTOFF - dt.timedelta(days=7 * LEAST_PERIODS - 7))
        .then("demand_units"),
    ],
)  # fmt: skip
def test_skus_of_too_little_known_demand_make_no_problem(demand):
    rows = SHOP.tables["clean_demand"].with_columns(demand_units=demand)
    assert of(SHOP.having(clean_demand=rows)) == []


def problem_of(pmf, lead_time):
    return Problem("A", "i0", "l0", 3, 7, 2, LostSales(pmf, lead_time, 1.0, 4.0))


@pytest.fixture(scope="module")
def made():
    """A short study of a table and one of a network, by lead time."""
    return {lead_time: study(problem_of(poisson_pmf(2.0), lead_time), Reward(), 0.02, 7)
            for lead_time in (2, 3)}  # fmt: skip


@pytest.mark.parametrize(("lead_time", "method"), [(2, "Q-learning"), (3, "DQN")])
def test_a_study_holds_the_exact_costs_and_the_verdict(made, lead_time, method):
    one = made[lead_time]
    assert one.method == method
    assert set(one.yardsticks) == {OPTIMUM, MYOPIC, CAPPED}
    assert one.yardsticks[OPTIMUM] - 1e-5 < one.cost == one.priced.evaluate(one.policy)
    assert one.cost == pytest.approx(one.curve["cost"].min())
    assert not one.promoted
    told = row(one)
    assert {"cutoff", "run_id", *told} == set(tables()["learned_policies"].column_names)
    assert told["reason"].startswith("does not beat ")
    assert told["gap"] == pytest.approx(one.cost / one.yardsticks[OPTIMUM] - 1)


def test_a_study_repeats(made):
    again = study(made[2].problem, Reward(), 0.02, 7)
    assert row(again) == row(made[2])
    assert again.curve.equals(made[2].curve)


def test_where_nothing_is_learned_the_row_says_why():
    told = row(study(problem_of(poisson_pmf(2.0), 3), Reward(), 1e-5, 7))
    assert (told["cost"], told["gap"], told["promoted"]) == (None, None, False)
    assert told["reason"].startswith("not learned: No policy with a long-run cost")


def test_a_reward_that_weighs_service_more_is_served_better(made):
    served = study(made[2].problem, Reward(cost=1.0, service=40.0), 0.02, 7)
    plain, more = (one.policy(np.zeros((1, 2), dtype=np.int64))[0] for one in (made[2], served))
    assert more > plain
    assert served.priced.penalty == pytest.approx(4.0 + 40.0 / 2.0)
    assert served.yardsticks[OPTIMUM] > made[2].yardsticks[OPTIMUM]


@pytest.mark.parametrize("lead_time", [2, 3])
def test_a_checkpoint_orders_the_same_and_holds_nothing_pickled(made, lead_time, tmp_path):
    one = made[lead_time]
    checkpoint.save(one.policy, order_limits(one.priced), tmp_path)
    states = np.random.default_rng(1).integers(0, 3, (50, lead_time))
    np.testing.assert_array_equal(checkpoint.load(tmp_path)(states), one.policy(states))
    assert {path.suffix for path in tmp_path.iterdir()} <= {".json", ".npy", ".npz"}


def test_a_broken_checkpoint_is_named(made, tmp_path):
    checkpoint.save(made[2].policy, order_limits(made[2].priced), tmp_path)
    (tmp_path / "table.json").write_text(json.dumps({"limits": [3, 2, 1]}))
    with pytest.raises(ModelError, match="learn it again"):
        checkpoint.load(tmp_path)
    (tmp_path / "table.json").write_text("{")
    with pytest.raises(ModelError, match="learn it again"):
        checkpoint.load(tmp_path)


def test_the_picture_has_a_panel_per_study(made):
    assert curves([made[2]]).startswith(b"\x89PNG")
    assert len(curves(list(made.values()))) > len(curves([made[2]]))
