"""Laws: issued records are kept, and nothing looks ahead."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import law_home
import law_runs
import law_shop as shop
import polars as pl
import pytest
from law_runs import Do
from polars.testing import assert_frame_equal

CLOSED = shop.LAST - dt.timedelta(days=1)


def _of(rows: pl.DataFrame, origin: dt.date) -> pl.DataFrame:
    day = "origin" if "origin" in rows.columns else "date"
    return rows.filter(pl.col(day) == origin).sort(rows.columns[:4])


def test_late_data_mark_closed_records_and_only_a_restatement_replaces_them(
    do: Do, home: Path
) -> None:
    assert do(law_runs.marks, home) == []
    before = {name: do(law_home.read, home, name) for name in law_home.RECORDS}
    late = shop.day(60)
    do(law_runs.arrive, home, {"sales/late.csv": shop.sales([(late, "APPLE", 90)])})
    after = {name: do(law_home.read, home, name) for name in law_home.RECORDS}
    for name in law_home.RECORDS:
        assert_frame_equal(_of(after[name], CLOSED), _of(before[name], CLOSED))
        assert not _of(after[name], shop.LAST).equals(_of(before[name], shop.LAST)), name
    marked = do(law_runs.marks, home)
    origins = {(record, origin) for record, origin, *_ in marked}
    assert origins == {
        (record, shop.LAST - dt.timedelta(days=n))
        for record in ("forecasts", "replenishment_plan") for n in (1, 2)
    }  # fmt: skip
    assert ("forecasts", CLOSED, "features", late, "issued on older data") in marked
    assert ("replenishment_plan", CLOSED, "clean_demand", late, "issued on older data") in marked

    do(law_runs.issue, home, CLOSED, CLOSED)
    kept = {name: do(law_home.read, home, name) for name in law_home.RECORDS}
    for name in law_home.RECORDS:
        assert_frame_equal(_of(kept[name], CLOSED), _of(after[name], CLOSED))

    do(law_runs.restate, home, CLOSED, CLOSED)
    for name in law_home.RECORDS:
        restated = do(law_home.read, home, name)
        assert not _of(restated, CLOSED).equals(_of(before[name], CLOSED)), name
        for origin in (CLOSED - dt.timedelta(days=1), shop.LAST):
            assert_frame_equal(_of(restated, origin), _of(after[name], origin))
        if "revision" in restated.columns:
            assert set(_of(restated, CLOSED)["revision"]) == {1}
            assert set(_of(restated, shop.LAST)["revision"]) == {0}
    origins = {(record, origin) for record, origin, *_ in do(law_runs.marks, home)}
    assert origins == {
        (record, CLOSED - dt.timedelta(days=1)) for record in ("forecasts", "replenishment_plan")
    }


def _deleted(origin: int) -> shop.Files:
    """The landing folder as it was at the close of the origin."""
    return shop.opening(origin)


def _changed(origin: int) -> shop.Files:
    """The landing folder with everything dated after the origin changed."""
    files = shop.opening(origin)
    after = range(origin + 1, shop.DAYS + 3)
    start, later = shop.day(origin + 1), shop.day(origin + 9)
    return files | {
        "sales/after.csv": shop.sales((shop.day(n), item, 500 + n) for n in after
                                      for item in shop.ITEMS),
        "inventory/after.csv": shop.csv(
            "date,item_id,location_id,on_hand",
            [(shop.day(n), item, shop.PLACE, 0) for n in after for item in shop.ITEMS]),
        "prices/after.csv": shop.prices((start, item, 99.0) for item in shop.ITEMS),
        "promotions/after.csv": shop.promotions(
            (start, item, start, later, 0.9) for item in shop.ITEMS),
        "purchase_orders/after.csv": shop.purchase_orders(
            (start, "PO-AFTER", item, 5000, later, later) for item in shop.ITEMS),
    }  # fmt: skip


@pytest.mark.parametrize("future", [_deleted, _changed], ids=["deleted", "changed"])
def test_nothing_up_to_a_day_depends_on_what_is_dated_after_it(
    do: Do, template: Path, tmp_path: Path, future: object
) -> None:
    n = shop.DAYS - 2
    origin = shop.day(n)
    folder = tmp_path / "home"
    do(law_runs.rebuild, folder, future(n))  # type: ignore[operator]
    do(law_runs.adopt_models, template, folder)
    do(law_runs.issue, folder, origin - dt.timedelta(days=1), origin)
    names = ("clean_demand", "features", *law_home.RECORDS)
    ours, theirs = (do(law_home.contents, f, origin) for f in (folder, template))
    compared = {key for key in theirs if key[0] in names}
    assert {key[0] for key in compared} == set(names)
    assert {key: ours[key] for key in compared} == {key: theirs[key] for key in compared}
    days = (shop.FIRST, origin)
    assert do(law_home.differences, folder, template, names, days=days, ignore=()) == []


@pytest.mark.parametrize("rows_at_once", [1, 1_000_000])
def test_origins_come_out_the_same_however_many_are_published_at_once(
    do: Do, home: Path, rows_at_once: int
) -> None:
    days = [shop.LAST - dt.timedelta(days=n) for n in (2, 1, 0)]
    before = do(law_home.contents, home)
    do(law_runs.publish_again, home, days, rows_at_once)
    assert do(law_home.contents, home) == before
    assert do(law_home.stale, home) == {}
