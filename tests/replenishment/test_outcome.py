"""What became of plans: hand-counted periods, and what may not be read."""

import datetime as dt

import polars as pl
import pytest
from plan_shop import DAY, build_shop, landed_rows, rows_of
from polars.testing import assert_frame_equal

from forecast_platform.contracts import tables
from forecast_platform.contracts.outcome import PLAN_OUTCOME
from forecast_platform.lake.schema import polars_schema
from forecast_platform.replenishment.outcome import ended, plan_outcomes, service_gap

ONE = dt.timedelta(days=1)
LINE = {
    "date": DAY, "item_id": "i0", "location_id": "l0", "lead_time_days": 2, "review_days": 3,
    "protection_days": 5, "service_level": 0.9, "lead_time_demand": 4.0, "protection_demand": 10.0,
    "reorder_point": 12.0, "order_quantity": 6.0,
}  # fmt: skip


def plans(*rows):
    return rows_of(tables()["replenishment_plan"], [{**LINE, **row} for row in rows])


def demand(*units, first=DAY + ONE):
    """Days of i0 at l0: units, or (units sold, "out") for a day of a stock-out."""
    return rows_of(tables()["clean_demand"], [
        {"date": first + n * ONE, "item_id": "i0", "location_id": "l0",
         "net_units": u[0] if isinstance(u, tuple) else u,
         "demand_units": None if isinstance(u, tuple) else max(u, 0.0),
         "is_stockout": isinstance(u, tuple)}
        for n, u in enumerate(units)
    ])  # fmt: skip


def orders(*rows):
    base = {"item_id": "i0", "location_id": "l0", "supplier_id": "s0", "expected_date": DAY}
    return landed_rows("purchase_orders", [{**base, "order_id": f"{n}", **row}
                                           for n, row in enumerate(rows)])  # fmt: skip


def outcome(demanded, ordered=None, **planned):
    lines = ended(plans(planned).lazy(), [DAY + 5 * ONE]).collect()
    return plan_outcomes(lines, demanded, orders() if ordered is None else ordered).row(
        0, named=True
    )


def test_demand_of_the_period_is_counted_from_the_day_after_the_plan():
    found = outcome(demand(100.0, 1.0, 2.0, 3.0, 0.0, 5.0, 200.0, first=DAY))
    assert (found["actual_lead_time_demand"], found["actual_protection_demand"]) == (3.0, 11.0)
    assert (found["known_days"], found["stockout_days"], found["demand_met"]) == (5, 0, 1.0)
    assert found["within_reorder_point"]


def test_a_policy_is_judged_by_the_probability_it_protects_at():
    days = demand(1.0, 1.0, 1.0, 1.0, 1.0)
    assert outcome(days)["service_level"] == 0.9
    assert outcome(days, critical_ratio=0.7)["service_level"] == 0.7


def test_sales_lost_in_stock_outs_are_estimated_from_the_plan():
    found = outcome(demand(2.0, 2.0, (0.5, "out"), (0.0, "out"), 4.0))
    assert (found["stockout_days"], found["known_days"]) == (2, 3)
    assert (found["sold_units"], found["lost_units"]) == (8.5, 3.5)
    assert found["demand_met"] == pytest.approx(8.5 / 12)
    assert found["within_reorder_point"], "8.5 + 3.5 are the 12 of the reorder point"
    assert not outcome(demand(2.0, 2.0, (0.6, "out"), (0.0, "out"), 5.0))["within_reorder_point"]


def test_a_line_without_a_quantity_or_demand_is_told_but_not_judged():
    empty = dict.fromkeys(("protection_demand", "lead_time_demand", "reorder_point",
                           "order_quantity"))  # fmt: skip
    found = outcome(demand(), **empty)
    assert [found[name] for name in ("within_reorder_point", "lost_units", "demand_met")] == [
        None, None, None,
    ]  # fmt: skip
    assert (found["actual_protection_demand"], found["order_outcome"]) == (0.0, "none proposed")


@pytest.mark.parametrize(
    ("sent", "proposed", "told"),
    [([6.0], 6.0, "as proposed"), ([4.0, 2.0], 6.0, "as proposed"), ([5.0], 6.0, "changed"),
     ([], 6.0, "not sent"), ([5.0], 0.0, "unproposed"), ([], 0.0, "none proposed")],
)  # fmt: skip
def test_what_was_ordered_before_the_next_review_is_held_against_the_proposal(sent, proposed, told):
    rows = [{"date": DAY + (n + 1) * ONE, "quantity": q} for n, q in enumerate(sent)]
    others = [{"date": DAY, "quantity": 99.0}, {"date": DAY + 4 * ONE, "quantity": 99.0}]
    found = outcome(demand(1.0), orders(*rows, *others), order_quantity=proposed)
    assert (found["order_outcome"], found["sent_units"]) == (told, sum(sent))


def test_only_what_arrived_in_the_period_counts_as_received():
    rows = [{"date": DAY + ONE, "quantity": 3.0, "received_date": DAY + n * ONE} for n in (5, 6)]
    found = outcome(demand(1.0), orders(*rows, {"date": DAY + ONE, "quantity": 1.0}))
    assert (found["sent_units"], found["received_units"]) == (7.0, 3.0)


def test_every_line_is_judged_once_on_the_last_day_of_its_period():
    shop = build_shop(items=3, origins=20).stock(10.0)
    days = [DAY - n * ONE for n in range(20)]
    planned = shop.plan(*days)
    rows = plan_outcomes(
        ended(planned.lazy(), days).collect(),
        shop.tables["clean_demand"].with_columns(net_units="demand_units", is_stockout=False),
        orders(),
    )
    assert dict(rows.schema) == dict(polars_schema(PLAN_OUTCOME))
    assert set(rows.columns) == set(PLAN_OUTCOME.column_names)
    over = planned.filter(pl.col("date") + pl.duration(days="protection_days") <= DAY)
    assert rows.height == over.height > 0
    assert (rows["date"] - rows["plan_date"]).dt.total_days().eq(rows["protection_days"]).all()
    alone = pl.concat(
        plan_outcomes(
            ended(planned.lazy(), [day]).collect(),
            shop.tables["clean_demand"].with_columns(net_units="demand_units", is_stockout=False),
            orders(),
        )
        for day in sorted(days)
    )
    assert_frame_equal(alone, rows, check_exact=True)


def test_service_far_below_the_aim_is_told_of_many_lines_only():
    def outcomes(count, within):
        lines = ended(plans(*({"item_id": f"i{n}"} for n in range(count))).lazy(), [DAY + 5 * ONE])
        return plan_outcomes(lines.collect(), demand(), orders()).with_columns(
            within_reorder_point=pl.int_range(pl.len()) < within
        )

    assert service_gap(outcomes(200, 160)).is_short
    assert not service_gap(outcomes(200, 175)).is_short
    assert not service_gap(outcomes(20, 0)).is_short
    assert service_gap(outcomes(0, 0)).lines == 0
