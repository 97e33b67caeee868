"""Lead times from deliveries: what counts, what is drawn to what, and real deliveries."""

import datetime as dt

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plan_shop import DAY, landed_rows
from polars.testing import assert_frame_equal

from forecast_platform.replenishment import lead_times


def days_ago(n):
    return DAY - dt.timedelta(days=n)


def orders(*rows):
    """Orders of a supplier; a row is (supplier, item, sent days ago, lead time, promised)."""
    return landed_rows("purchase_orders", [
        {"date": days_ago(sent), "order_id": f"{n}", "item_id": item, "location_id": "l0",
         "supplier_id": supplier, "quantity": 1.0,
         "expected_date": days_ago(sent) + dt.timedelta(days=promised),
         "received_date": None if lead is None else days_ago(sent) + dt.timedelta(days=lead)}
        for n, (supplier, item, sent, lead, promised) in enumerate(rows)
    ])  # fmt: skip


def estimate(frame, day=DAY):
    """Rows of one day by (supplier, item)."""
    rows = lead_times(frame, [day]).iter_rows(named=True)
    return {(row["supplier_id"], row["item_id"]): row for row in rows}


def some_orders(seed=3, count=150):
    rng = np.random.default_rng(seed)
    suppliers = rng.integers(0, 4, count)
    leads = rng.poisson(4 + 3 * suppliers)
    return orders(*(
        (f"s{s}", f"i{rng.integers(0, 3)}", int(rng.integers(0, 200)), int(lead), 7)
        for s, lead in zip(suppliers, leads, strict=True)
    ))  # fmt: skip


def test_a_single_supplier_has_the_mean_and_spread_of_its_deliveries():
    row = estimate(orders(*(("s", "a", 50 + n, lead, 5) for n, lead in enumerate([4, 5, 6, 9]))))
    found = row["s", None]
    assert (found["deliveries"], found["mean_days"]) == (4, 6.0)
    assert found["std_days"] == pytest.approx(np.std([4, 5, 6, 9], ddof=1))
    assert (found["late_mean_days"], found["late_share"]) == (1.0, 0.5)
    assert found["q50_days"] == 5.5


def test_lines_received_together_are_one_delivery():
    lines = orders(("s", "a", 9, 4, 4), ("s", "b", 9, 4, 4)).with_columns(order_id=pl.lit("one"))
    assert estimate(lines)["s", None]["deliveries"] == 1


def test_open_orders_old_receipts_and_receipts_before_the_order_do_not_count():
    frame = orders(("s", "a", 9, None, 4), ("s", "a", 9, 10, 4), ("s", "a", 190, 10, 4),
                   ("s", "a", 9, -2, 4), ("s", "a", 189, 10, 4))  # fmt: skip
    assert estimate(frame)["s", None]["deliveries"] == 1


def test_few_deliveries_are_drawn_to_the_pooled_mean_and_many_hardly():
    rng = np.random.default_rng(5)
    many = [("many", "a", 20 + n, int(x), 5) for n, x in enumerate(rng.poisson(6, 80))]
    more = [("more", "a", 20 + n, int(x), 5) for n, x in enumerate(rng.poisson(12, 80))]
    found = estimate(orders(*many, *more, ("few", "a", 40, 30, 5)))
    few, pooled = found["few", None], found[None, None]
    assert pooled["mean_days"] < few["mean_days"] < 30
    assert few["own_weight"] < found["many", None]["own_weight"]
    assert found["many", None]["own_weight"] > 0.95


def test_an_item_delivered_often_has_a_row_of_its_own():
    slow = [("s", "slow", 30 + n, 12 + n % 3, 5) for n in range(12)]
    quick = [("s", "quick", 30 + n, 4 + n % 3, 5) for n in range(12)]
    found = estimate(orders(*slow, *quick, ("s", "rare", 30, 8, 5)))
    assert found["s", "slow"]["mean_days"] == pytest.approx(13, abs=0.2)
    assert found["s", "quick"]["mean_days"] == pytest.approx(5, abs=0.2)
    assert ("s", "rare") not in found


def test_orders_without_a_supplier_count_in_the_pooled_row_only():
    assert set(estimate(orders((None, "a", 20, 5, 5)))) == {(None, None)}


def test_without_deliveries_there_are_no_rows():
    assert lead_times(orders(), [DAY]).is_empty()


@given(ago=st.integers(0, 60))
def test_nothing_after_a_day_is_read(ago):
    frame, day = some_orders(), days_ago(ago)
    known = frame.filter(pl.col("date") <= day).with_columns(
        received_date=pl.when(pl.col("received_date") <= day).then("received_date")
    )
    assert_frame_equal(lead_times(known, [day]), lead_times(frame, [day]), check_exact=True)


def test_a_day_comes_out_the_same_alone_and_within_a_range():
    frame = some_orders(count=400)
    days = [days_ago(n) for n in range(40)]
    alone = pl.concat(lead_times(frame, [day]) for day in sorted(days))
    shuffled = frame.sample(fraction=1.0, shuffle=True, seed=1)
    assert_frame_equal(lead_times(shuffled, days), alone, check_exact=True)


def test_the_lead_time_of_another_unit_of_time_is_in_proportion():
    frame = some_orders().filter(pl.col("date").is_between(days_ago(170), days_ago(100)))
    double = frame.with_columns(
        received_date=pl.col("date") + 2 * (pl.col("received_date") - pl.col("date"))
    )
    one, two = (lead_times(orders_, [DAY]) for orders_ in (frame, double))
    kept = ["mean_days", "std_days", "q50_days", "q90_days"]
    assert_frame_equal(one.select(pl.col(kept) * 2), two.select(kept))
    assert_frame_equal(one.select("own_weight"), two.select("own_weight"))


def test_real_deliveries_come_as_their_past_says(real_data):
    """Supply Chain Management System of the U.S. government, deliveries 2006 to 2015."""
    shipments = pl.read_parquet(real_data / "scms_delivery_history" / "shipments.parquet")
    sent = "PO Sent to Vendor Date (date)"
    frame = shipments.filter(pl.col(sent).is_not_null()).select(
        item_id="Item Description", supplier_id="Vendor", order_id="PO / SO #",
        location_id="Country", date=sent, expected_date="Scheduled Delivery Date (date)",
        received_date="Delivered to Client Date (date)",
    )  # fmt: skip
    days = [dt.date(year, month, 1) for year in range(2009, 2015) for month in range(1, 13)]
    known = lead_times(frame, days).sort("date")
    pooled = known.filter(pl.col("supplier_id").is_null())
    by_supplier = known.filter(pl.col("supplier_id").is_not_null(), pl.col("item_id").is_null())
    later = (
        frame.filter(pl.col("received_date") >= pl.col("date"))
        .unique(["supplier_id", "order_id", "location_id", "date", "received_date"])
        .with_columns(
            lead=(pl.col("received_date") - pl.col("date")).dt.total_days(),
            late=(pl.col("received_date") - pl.col("expected_date")).dt.total_days(),
        )
        .sort("date")
        .join_asof(by_supplier, on="date", by="supplier_id", check_sortedness=False)
        .join_asof(pooled.select("date", everyone="mean_days"), on="date")
        .filter(pl.col("deliveries") >= 10)
    )
    assert later.height > 1_000
    off, off_pooled = (
        later.select((pl.col("lead") - pl.col(name)).abs().mean()).item()
        for name in ("mean_days", "everyone")
    )
    assert off < 0.99 * off_pooled
    as_promised = later.select((pl.col("late") <= pl.col("late_q90_days")).mean()).item()
    assert as_promised == pytest.approx(0.9, abs=0.05)
