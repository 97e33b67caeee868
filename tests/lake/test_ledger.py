"""The ledger: fingerprints say what a day holds, whatever the order of its rows."""

from __future__ import annotations

import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lake_tables import ITEMS, STOCK, append_raw, day, fingerprints, stock
from polars.testing import assert_frame_equal

from forecast_platform.lake import Lake, delta
from forecast_platform.lake.ledger import WHOLE, Ledger
from forecast_platform.lake.tables import _fingerprints

DAYS = [day(n) for n in range(4)]


def contents(rows: pl.DataFrame) -> list[tuple[object, ...]]:
    return _fingerprints(rows, STOCK, DAYS, None).sort("day").rows()


@given(st.permutations(range(12)))
def test_fingerprints_do_not_depend_on_the_order_of_rows(order: list[int]) -> None:
    assert contents(stock(DAYS)[order]) == contents(stock(DAYS))


@given(row=st.integers(0, 11), units=st.floats(2000, 3000))
def test_another_value_or_another_number_of_rows_gives_another_fingerprint(
    row: int, units: float
) -> None:
    rows = stock(DAYS).with_row_index()
    changed = rows.with_columns(
        units=pl.when(pl.col("index") == row).then(units).otherwise("units")
    ).drop("index")
    same = [a == b for a, b in zip(contents(changed), contents(stock(DAYS)), strict=True)]
    assert same == [n != row // 3 for n in range(4)]
    doubled = pl.concat([stock(DAYS), stock(DAYS)[[row]]])
    same = [a == b for a, b in zip(contents(doubled), contents(stock(DAYS)), strict=True)]
    assert same == [n != row // 3 for n in range(4)]


def test_fingerprints_are_the_same_in_another_process(
    lake: Lake, processes: ProcessPoolExecutor, tmp_path: Path
) -> None:
    lake.replace_days(STOCK, stock(DAYS), DAYS)
    here = lake.ledger.current().sort("day").select("day", "content").rows()
    assert processes.submit(fingerprints, tmp_path / "other").result() == here


def test_the_newest_publication_of_a_day_counts_and_history_has_all(lake: Lake) -> None:
    lake.replace_days(STOCK, stock(DAYS), DAYS, dict.fromkeys(DAYS, 1))
    lake.replace_days(STOCK, stock(DAYS[:1], units=5.0), DAYS[:1], {DAYS[0]: 2})
    lake.replace_all(ITEMS, pl.DataFrame({"item_id": ["a"], "units": [1]}), 3)
    current = lake.ledger.current().sort("table", "day")
    assert current.select("table", "day", "inputs").rows() == [
        ("items", WHOLE, 3), ("stock", DAYS[0], 2), *(("stock", d, 1) for d in DAYS[1:])
    ]  # fmt: skip
    history = lake.ledger.history()
    assert history.height == 6
    assert history["sequence"].is_sorted()


def test_the_newest_publication_counts_though_the_clock_was_set_back(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.replace_days(STOCK, stock(DAYS[:1]), DAYS[:1], {DAYS[0]: 1})
    monkeypatch.setattr(time, "time_ns", lambda: 1)
    for ledger, mark in ((lake.ledger, 2), (Ledger(lake.root), 3)):
        entry = lake.ledger.current().filter(pl.col("day") == DAYS[0])
        ledger.append([("stock", entry.with_columns(inputs=mark))])
        assert lake.ledger.current()["inputs"].to_list() == [mark]
    assert Ledger(lake.root).history()["inputs"].to_list() == [1, 2, 3]


@settings(max_examples=12)
@given(
    writers=st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 1), st.booleans()), max_size=6)
)
def test_what_is_current_is_the_same_for_all_whoever_added_last(
    writers: list[tuple[str, int, bool]],
) -> None:
    with TemporaryDirectory() as folder:
        ledgers = {name: Ledger(Path(folder)) for name in "ab"}
        for content, (name, number, looks) in enumerate(writers):
            if looks:
                ledgers[name].current()
            entry = {"day": [day(number)], "content": [content], "inputs": [None], "rows": [1]}
            ledgers[name].append([("stock", pl.DataFrame(entry))])
        found = {name: ledger.current().sort("day").rows() for name, ledger in ledgers.items()}
        assert found["a"] == found["b"] == Ledger(Path(folder)).current().sort("day").rows()


def test_days_that_were_not_made_from_anything_have_no_inputs(lake: Lake) -> None:
    lake.replace_days(STOCK, stock(DAYS), DAYS)
    assert lake.ledger.current()["inputs"].null_count() == len(DAYS)


def test_publications_of_several_processes_at_once_are_all_recorded(
    lake: Lake, processes: ProcessPoolExecutor
) -> None:
    list(processes.map(append_raw, [lake.root] * 4, range(4)))
    found = lake.ledger.history().group_by("table").len().sort("table")
    assert found.rows() == [(f"writer {n}", 4) for n in range(4)]


def test_tables_written_together_are_recorded_by_one_commit(lake: Lake) -> None:
    lake.replace_days(STOCK, stock([]), DAYS)
    commit = delta.newest_commit(lake.root / "_ledger")
    with lake.together():
        lake.replace_days(STOCK, stock(DAYS), DAYS, dict.fromkeys(DAYS, 1))
        lake.replace_all(ITEMS, pl.DataFrame({"item_id": ["a"], "units": [1]}), 3)
        assert delta.newest_commit(lake.root / "_ledger") == commit
    assert delta.newest_commit(lake.root / "_ledger") == delta.commit_after(commit)
    current = lake.ledger.current().group_by("table").agg(pl.col("inputs").unique()).sort("table")
    assert current.rows() == [(ITEMS.name, [3]), (STOCK.name, [1])]


def test_of_a_day_written_twice_together_the_later_counts(lake: Lake) -> None:
    with lake.together():
        for mark in (1, 2):
            lake.replace_days(STOCK, stock(DAYS[:1], units=mark), DAYS[:1], {DAYS[0]: mark})
    assert lake.ledger.current()["inputs"].to_list() == [2]


def test_after_an_error_none_of_the_tables_written_together_counts_as_done(lake: Lake) -> None:
    lake.replace_days(STOCK, stock(DAYS), DAYS, dict.fromkeys(DAYS, 1))
    before = lake.ledger.history()
    with pytest.raises(KeyboardInterrupt), lake.together():  # noqa: PT012
        lake.replace_days(STOCK, stock(DAYS[:1], units=5.0), DAYS[:1], {DAYS[0]: 2})
        raise KeyboardInterrupt
    assert_frame_equal(lake.ledger.history(), before)
    lake.replace_days(STOCK, stock(DAYS[:1], units=6.0), DAYS[:1], {DAYS[0]: 3})
    assert lake.ledger.history().height == before.height + 1
