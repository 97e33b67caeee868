"""Plans by the chosen policies: which choice counts, what it orders, and what is said of it."""

import datetime as dt

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plan_shop import DAY, build_shop, landed_rows, rows_of
from polars.testing import assert_frame_equal

from forecast_platform.contracts import QUANTILES, tables
from forecast_platform.contracts.choice import DEFAULT_POLICY, POLICIES
from forecast_platform.replenishment import explain
from forecast_platform.replenishment.choice.evaluate import as_simulated
from forecast_platform.replenishment.choice.rules import Basis, levels_of
from forecast_platform.replenishment.policy import normal_scores, order_of_review
from forecast_platform.replenishment.simulation.policy import Opening, Supply
from forecast_platform.replenishment.simulation.simulate import trace

SHOP = build_shop(origins=9)
NO_SALES = landed_rows("sales", [])


def choices(policy, cutoff=DAY - dt.timedelta(days=1), basis="own_demand"):
    """The same policy for all of the shop, the first of the others next best."""
    series = SHOP.tables["lead_time_demand"].select("item_id", "location_id").unique()
    other = next(name for name in POLICIES if name != policy)
    rows = [
        {"cutoff": cutoff, "item_id": item, "location_id": location, "policy": name,
         "rank": rank, "is_chosen": rank == 1, "basis": basis, "abc_class": "A",
         "cost": cost if basis == "own_demand" else None}
        for item, location in series.sort("item_id", "location_id").iter_rows()
        for rank, (name, cost) in enumerate([(policy, 1.5), (other, 2.5)], 1)
    ]  # fmt: skip
    return rows_of(tables()["policy_choice"], rows)


def ordering(policy, stock=10.0, **more):
    shop = SHOP.having(policy_choice=choices(policy, **more))
    return shop if stock is None else shop.stock(stock)


def test_without_a_choice_and_with_an_empty_table_all_lines_are_the_same():
    for shop in (SHOP, SHOP.stock(10.0)):
        empty = shop.having(policy_choice=choices(DEFAULT_POLICY).clear())
        assert_frame_equal(empty.plan(), shop.plan(), check_exact=True)
    assert set(SHOP.plan()["policy"]) == {DEFAULT_POLICY}
    assert set(SHOP.plan()["policy_source"]) == {"default"}


def test_a_chosen_default_orders_what_the_default_orders():
    said = ["policy_source", "policy_cutoff", "policy_cost", "next_policy", "next_policy_cost"]
    assert_frame_equal(
        ordering(DEFAULT_POLICY).plan().drop(said), SHOP.stock(10.0).plan().drop(said)
    )


def test_the_newest_choice_on_or_before_a_day_counts():
    first, last = DAY - dt.timedelta(days=8), DAY
    dated = [("(R,S)", DAY - dt.timedelta(days=7)), ("lot-for-lot", DAY),
             ("base-stock", DAY + dt.timedelta(days=1))]  # fmt: skip
    shop = SHOP.having(policy_choice=pl.concat(choices(name, cutoff) for name, cutoff in dated))
    plan = shop.plan(first, DAY - dt.timedelta(days=1), last)
    used = dict(plan.group_by("date").agg(pl.col("policy").unique().first()).iter_rows())
    assert used == {first: DEFAULT_POLICY, DAY - dt.timedelta(days=1): "(R,S)", DAY: "lot-for-lot"}
    known = SHOP.having(policy_choice=choices(*dated[0]))
    for day in (first, DAY - dt.timedelta(days=1)):
        assert_frame_equal(known.plan(day), plan.filter(date=day), check_exact=True)


def test_a_line_without_a_row_in_the_newest_choice_orders_by_the_default():
    older = choices("lot-for-lot", DAY - dt.timedelta(days=8))
    newer = choices("base-stock").filter(pl.col("item_id") != "i1")
    used = SHOP.having(policy_choice=pl.concat([older, newer])).plan()
    assert set(used.filter(item_id="i1")["policy"]) == {DEFAULT_POLICY}
    assert used.filter(item_id="i1")["policy_cutoff"].null_count() == 2
    assert set(used.filter(pl.col("item_id") != "i1")["policy"]) == {"base-stock"}


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("stock", [None, 0.0, 10.0, 45.0])
def test_every_sum_of_an_explanation_adds_up_under_every_policy(policy, stock):
    shop = ordering(policy, stock)
    for item in ("i0", "i3"):
        told = explain(shop.line(item), shop.tables["forecasts"], NO_SALES)
        for figure in told.sums:
            assert sum(value for _, value in figure.parts) == pytest.approx(figure.total)
        facts = dict(told.facts)["Policy"]
        assert facts.startswith(f"{policy}, chosen by simulation")
        assert "1.50 a day, next best" in facts


def test_an_explanation_says_when_the_policy_is_of_the_class_or_the_default():
    of_class = ordering("(R,S)", basis="class").line()
    told = dict(explain(of_class, SHOP.tables["forecasts"], NO_SALES).facts)["Policy"]
    assert told.startswith("(R,S), the choice of class")
    told = dict(explain(SHOP.line(), SHOP.tables["forecasts"], NO_SALES).facts)["Policy"]
    assert "the default" in told


def test_review_policies_order_up_to_their_level_at_every_review():
    for policy in ("(R,S)", "base-stock", "lot-for-lot"):
        plan = ordering(policy).plan()
        assert plan.select((pl.col("reorder_point") == pl.col("order_up_to_level")).all()).item()
        below = plan.filter(pl.col("inventory_position") < pl.col("order_up_to_level"))
        assert below.height > 0
        assert (below["order_quantity"] > 0).all()


def test_lot_for_lot_holds_no_safety_stock():
    plan = ordering("lot-for-lot").plan()
    assert set(plan["safety_stock"]) == {0.0}
    assert plan["order_up_to_level"].equals(plan["protection_demand"])


def test_base_stock_weighs_the_margin_against_holding_until_the_next_review():
    line = ordering("base-stock").line("i0")
    held = 0.25 * 5.0 / 365 * 7
    assert line["critical_ratio"] == pytest.approx(5.0 / (5.0 + held))
    score = normal_scores([line["critical_ratio"]])[0]
    # 12 days of 1 unit, variance 12; the lead time varies by a day.
    assert line["safety_stock"] == pytest.approx(score * (12 + 1) ** 0.5, rel=1e-3)


def test_lots_are_whole_and_the_fewest_that_end_above_the_reorder_point():
    for stock in (0.0, 10.0, 45.0):
        plan = ordering("(R,s,nQ)", stock).plan().filter(pl.col("order_quantity") > 0)
        after = plan["inventory_position"] + plan["order_quantity"]
        assert (plan["order_quantity"] % plan["lot_size"] == 0).all()
        assert (plan["lot_size"] % plan["pack_size"] == 0).all()
        assert (after > plan["reorder_point"]).all()
        assert (after - plan["lot_size"] <= plan["reorder_point"]).all()


def test_a_capped_order_is_at_most_its_cap_and_says_so():
    plan = ordering("capped base-stock", 0.0).plan()
    assert (plan["order_quantity"] <= plan["order_cap"]).all()
    assert (plan["order_quantity"] >= plan["min_order_quantity"]).all()
    cut = plan.filter(pl.col("raw_quantity") < pl.col("order_up_to_level"))
    assert cut.height > 0
    assert cut["reason_codes"].str.contains("CUT_TO_CAP").all()


def test_a_shop_without_stock_counts_is_replayed_under_the_chosen_policy():
    lean, lots = (ordering(name, None).plan() for name in ("lot-for-lot", "(R,s,nQ)"))
    assert lean["on_hand"].sum() < lots["on_hand"].sum()
    assert set(lean["position_source"]) == {"simulated"}


@settings(deadline=None, max_examples=60)
@given(
    position=st.integers(0, 120), mean=st.floats(0, 40), std=st.floats(0, 15),
    pack=st.sampled_from([1.0, 4.0, 6.0]), minimum=st.sampled_from([0.0, 1.0, 10.0]),
    order_cost=st.floats(0.1, 50), policy=st.sampled_from(POLICIES),
)  # fmt: skip
def test_a_plan_orders_what_the_simulated_review_orders(
    position, mean, std, pack, minimum, order_cost, policy
):
    def one(value):
        return np.array([float(value)])

    basis = Basis(
        mean=one(mean), std=one(std),
        quantiles=np.maximum(mean + std * normal_scores(QUANTILES)[None], 0.0),
        protection=one(12), review=one(7), lead_time_std=one(1), service_level=one(0.95),
        order_cost=one(order_cost), holding=one(1.5), margin=one(3), minimum=one(minimum),
        pack=one(pack), max_cover=one(90),
    )  # fmt: skip
    levels = levels_of(np.array([policy]), basis)
    _, planned = order_of_review(
        one(position), levels.reorder_point, levels.order_up_to, basis.minimum, basis.pack,
        levels.lot, levels.cap,
    )  # fmt: skip
    simulated = trace(
        np.zeros((1, 1)), as_simulated(levels, basis, np.array([0]), True),
        Supply(minimum=minimum, pack=pack), Opening(one(position)),
    )  # fmt: skip
    assert simulated.ordered[0, 0, 0] == planned[0]
