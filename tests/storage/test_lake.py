"""The lake in object storage: nothing lost, nothing doubled, whatever the storage answers."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import polars as pl
import pytest
import store_server
from lake_tables import STOCK, day, overwrite_unlocked, stock, write_days

from forecast_platform.errors import StorageError
from forecast_platform.lake import Lake, delta
from forecast_platform.lake.tables import _fingerprints
from forecast_platform.storage import Storage, locks


def units(lake: Lake) -> dict[object, list[float]]:
    rows = lake.scan(STOCK).collect().sort("date", "item_id")
    return dict(rows.group_by("date").agg("units").iter_rows())


def unrecorded(lake: Lake) -> list[dict[str, object]]:
    """Days whose rows are not those that the ledger tells of."""
    days = [day(n) for n in range(5)]
    held = _fingerprints(lake.scan(STOCK).collect(), STOCK, days, None)
    told = lake.ledger.current().filter(pl.col("table") == STOCK.name)
    both = told.join(held, on="day", suffix="_held")
    return both.filter(pl.col("content") != pl.col("content_held")).to_dicts()


def test_processes_that_replace_the_same_and_other_days_lose_and_double_nothing(
    storage: Storage, processes: ProcessPoolExecutor
) -> None:
    root = storage / "lake"
    days = [[day(0), day(1)], [day(1), day(2)]]
    list(processes.map(write_days, [root] * 2, days, (1, 2), (4, 4)))
    lake = Lake(root)
    held = units(lake)
    wrote = {w: [100.0 * w + i for i in range(3)] for w in (1, 2)}
    assert held[day(0)] == wrote[1]
    assert held[day(2)] == wrote[2]
    assert held[day(1)] in wrote.values()
    assert not unrecorded(lake)


def test_commits_past_the_lock_are_kept_in_order_by_conditional_puts(
    storage: Storage, processes: ProcessPoolExecutor
) -> None:
    lake = Lake(storage / "lake")
    lake.ensure(STOCK)
    version = lake.version(STOCK)
    list(processes.map(overwrite_unlocked, [lake.root] * 2, [day(0)] * 2, (1, 2), (4, 4)))
    assert lake.version(STOCK) == version + 8
    assert len(units(lake)[day(0)]) == 3


@pytest.mark.parametrize("how", ["before", "after", "slow"])
def test_a_storage_that_fails_now_and_then_loses_and_doubles_nothing(
    storage: Storage, server: str, how: str
) -> None:
    written = [day(n) for n in range(5)]
    with store_server.failing(server, 20 if how == "slow" else 4, how) as address:
        shaky = Lake(replace(storage, options=store_server.options(address)) / "lake")
        for one in written:
            shaky.replace_days(STOCK, stock([one]), [one])
        shaky.replace_days(STOCK, stock([day(1)], items=2), [day(1)])
    lake = Lake(storage / "lake")
    assert lake.ledger.history().height == len(written) + 1
    assert {one: len(rows) for one, rows in units(lake).items()} == dict.fromkeys(written, 3) | {
        day(1): 2
    }
    assert not unrecorded(lake)


def test_maintenance_keeps_every_row(storage: Storage) -> None:
    lake = Lake(storage / "lake")
    for n in range(3):
        lake.replace_days(STOCK, stock([day(n)]), [day(n)])
    before = units(lake)
    assert lake.maintain() == ["_ledger", STOCK.name]
    assert units(Lake(storage / "lake")) == before


def test_a_writer_that_stood_still_overwrites_nothing_of_who_took_over(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "LEASE_SECONDS", 0.3)
    sleeper, other = (Lake(storage / "lake") for _ in range(2))
    sleeper.replace_days(STOCK, stock([day(0)]), [day(0)])
    real = delta._overwrite

    def stand_still(*about_to: Any) -> None:
        monkeypatch.setattr(delta, "_overwrite", real)
        sleeper._locks[STOCK.name]._beating.set()
        with ThreadPoolExecutor() as pool:
            pool.submit(other.replace_days, STOCK, stock([day(0)], items=2), [day(0)]).result()
        real(*about_to)

    monkeypatch.setattr(delta, "_overwrite", stand_still)
    with pytest.raises(StorageError, match="was lost"):
        sleeper.replace_days(STOCK, stock([day(0)], items=1), [day(0)])
    assert len(units(other)[day(0)]) == 2
    assert not unrecorded(other)
