"""Laws of the optional tables: without them nothing is made of them, with them nothing else moves.

That any order of their arrival ends in the same tables is told as for all others.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from pathlib import Path

import law_home
import law_runs
import law_shop as shop
import polars as pl
import pytest
from law_runs import Do, Step, Submit
from test_histories import check

from forecast_platform.contracts import SIGNALS

MADE = {"user_behaviour", "signal_features"}
STAGES = {
    f"{stage}_{table.name}" for table in SIGNALS for stage in ("raw", "validated", "rejected")
}


def signals(numbers: Iterable[int], warmer: float = 0) -> shop.Files:
    """Files of every optional table for some days."""
    held = [*numbers]
    name = f"{shop.day(held[0])}.csv"
    weather = "temperature,precipitation"
    return {
        f"weather/{name}": shop.csv(f"date,location_id,{weather}", [
            (shop.day(n), shop.PLACE, 10 + n % 9 + warmer, n % 5) for n in held]),
        f"weather_forecasts/{name}": shop.csv(f"date,location_id,target_date,{weather}", [
            (shop.day(n), shop.PLACE, shop.day(n + k), 9 + (n + k) % 9 + warmer, (n + k) % 4)
            for n in held for k in range(1, 8)]),
        f"market_indices/{name}": shop.csv("date,index_name,value", [
            (shop.day(n), "mood", 100 + n % 13) for n in held]),
        f"competitor_prices/{name}": shop.csv("date,item_id,competitor,price", [
            (shop.day(n), item, "K", 2 + (n % 6) / 4) for n in held for item in shop.ITEMS[:2]]),
        f"campaigns/{name}": shop.csv("date,campaign_id,start_date,end_date,spend,item_id", [
            (shop.day(n), f"C{n}", shop.day(n + 3), shop.day(n + 6), 90, shop.ITEMS[n % 3])
            for n in held if n % 8 == 1]),
        f"user_events/{name}": shop.csv("date,user_id,item_id,location_id,event,rating,event_id", [
            (shop.day(n), f"user-{n % 4}", item, shop.PLACE, event,
             4 if event == "rating" else None, f"{n}{item}{event}{k}")
            for n in held for item in shop.ITEMS for event in ("view", "cart", "rating")
            for k in range(1 + n % 3)]),
    }  # fmt: skip


def test_without_such_files_nothing_is_made_of_them(do: Do, home: Path) -> None:
    asked = sorted(MADE | {f"validated_{table.name}" for table in SIGNALS})
    assert do(law_runs.rerun, home, asked, shop.LAST, shop.LAST) == ([], {})
    published = {table for table, _ in do(law_home.contents, home)}
    assert not published & (MADE | STAGES)
    assert not {path.name for path in (home / "lake").iterdir()} & (MADE | STAGES)


def test_with_them_only_forecasts_and_plans_are_made_again(do: Do, home: Path) -> None:
    before = do(law_home.contents, home)
    followed = do(law_runs.arrive, home, signals(range(20, shop.DAYS)))
    assert followed.made["forecasts"] == [shop.LAST]
    assert not {"clean_demand", "features", "model_versions"} & followed.made.keys()
    after = do(law_home.contents, home)
    new = {table for table, _ in after.keys() - before.keys()}
    assert MADE <= new <= MADE | STAGES
    assert {table for table, day in before if before[table, day] != after[table, day]} <= {
        *law_home.RECORDS, "landing_files", "unreadable_rows",
    }  # fmt: skip
    assert do(law_runs.marks, home) == []
    assert do(law_home.read, home, "rejected_user_events").is_empty()
    found: pl.DataFrame = do(law_home.read, home, "signal_features")
    last = found.filter(pl.col("date") == shop.LAST)
    assert all(last[name].count() for name in last.columns)

    warm = do(law_runs.arrive, home, {
        "weather/late.csv": shop.csv("date,location_id,temperature", [
            (shop.LAST - dt.timedelta(days=9), shop.PLACE, 33)])})  # fmt: skip
    assert warm.made["signal_features"] == [shop.LAST - dt.timedelta(days=9)]
    assert not {"clean_demand", "features"} & warm.made.keys()


@pytest.mark.nightly
def test_any_order_of_their_arrival_ends_in_the_same_tables(
    template: Path, tmp_path: Path, submit: Submit, do: Do
) -> None:
    first, second = signals(range(15, 45)), signals(range(45, shop.DAYS))
    late = {name: content for name, content in signals(range(15, 45), warmer=3).items()
            if name.startswith("weather")}  # fmt: skip
    check([Step(second), Step(first, fails_at=7), Step(late)], template, tmp_path, submit, do)
