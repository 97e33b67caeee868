"""Several processes at one table: nothing lost, nothing doubled, no half-written day seen."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import polars as pl
from lake_tables import STOCK, alternate, day, open_lake, overwrite_unlocked, stock, write_days

from forecast_platform.lake import Lake
from forecast_platform.lake.tables import _fingerprints

WRITERS = (1, 2, 3, 4)


def written_by(lake: Lake) -> dict[object, list[float]]:
    rows = lake.scan(STOCK).collect().sort("date", "item_id")
    return dict(rows.group_by("date").agg("units").iter_rows())


def test_processes_that_replace_different_days_lose_nothing(
    lake: Lake, processes: ProcessPoolExecutor
) -> None:
    days = {writer: [day(2 * writer), day(2 * writer + 1)] for writer in WRITERS}
    list(processes.map(write_days, [lake.root] * 4, days.values(), WRITERS, [2] * 4))
    expected = {
        d: [100.0 * writer + i for i in range(3)] for writer in WRITERS for d in days[writer]
    }
    assert written_by(lake) == expected


def test_processes_that_replace_the_same_day_leave_the_rows_of_one(
    lake: Lake, processes: ProcessPoolExecutor
) -> None:
    list(processes.map(write_days, [lake.root] * 4, [[day(0)]] * 4, WRITERS, [3] * 4))
    (held,) = written_by(lake).values()
    assert held in [[100.0 * writer + i for i in range(3)] for writer in WRITERS]
    entry = lake.ledger.current().row(0, named=True)
    now = _fingerprints(lake.scan(STOCK).collect(), STOCK, [day(0)], None).row(0, named=True)
    assert (entry["content"], entry["inputs"]) == (now["content"], held[0] // 100)


def test_commits_past_the_lock_are_retried_by_delta(
    lake: Lake, processes: ProcessPoolExecutor
) -> None:
    """Locks hold on one machine; between machines the transaction log alone keeps the order."""
    lake.ensure(STOCK)
    version = lake.version(STOCK)
    list(processes.map(overwrite_unlocked, [lake.root] * 4, [day(0)] * 4, WRITERS, [3] * 4))
    assert lake.version(STOCK) == version + 12
    assert len(written_by(lake)[day(0)]) == 3


def test_a_reader_sees_whole_versions_while_a_writer_replaces(
    lake: Lake, processes: ProcessPoolExecutor
) -> None:
    days = [day(n) for n in range(4)]
    alternate(lake.root, days, 1)
    writing = processes.submit(alternate, lake.root, days, 12)
    seen = set()
    while not writing.done():
        counts = lake.scan(STOCK).group_by("date").agg(pl.len(), pl.col("units").min()).collect()
        assert sorted(counts["date"]) == days
        seen |= set(counts.select("len", "units").unique().rows())
        assert len(counts.select("len", "units").unique()) == 1
    writing.result()
    assert seen <= {(2, 2.0), (40, 40.0)}
    assert seen


def test_a_scan_keeps_reading_the_version_it_began_with(lake: Lake) -> None:
    lake.replace_days(STOCK, stock([day(0)]), [day(0)])
    snapshot = lake.scan(STOCK)
    lake.replace_days(STOCK, stock([day(0)], items=9), [day(0)])
    assert snapshot.collect().height == 3


def test_processes_that_make_one_lake_at_once_all_succeed(
    processes: ProcessPoolExecutor, tmp_path: Path
) -> None:
    for n in range(4):
        seen = list(processes.map(open_lake, [tmp_path / str(n)] * 4))
        assert seen == [3, 3, 3, 3]
