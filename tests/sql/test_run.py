"""Laws of a run: a day is the same however it is built, and depends on nothing after it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from functools import lru_cache

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from sql_sources import day, frame, shop

from forecast_platform.contracts import tables
from forecast_platform.errors import ConfigurationError
from forecast_platform.lake import polars_schema
from forecast_platform.sql import SqlProject
from forecast_platform.sql.run import run

DAYS = 120
PROJECT = SqlProject.load()
Frames = Mapping[str, pl.DataFrame]
SEEDS = st.integers(0, 5)


@lru_cache
def a_shop(seed: int) -> Frames:
    return shop(seed, DAYS)


@lru_cache
def whole_history(seed: int) -> Frames:
    return run(PROJECT, a_shop(seed), first=day(0), last=day(DAYS - 1))


def rows_between(frames: Frames, first: dt.date, last: dt.date) -> Frames:
    """The rows of some days; tables without a business day are left whole."""
    between = pl.col("date").is_between(first, last)
    return {
        name: rows.filter(between) if "date" in rows.columns else rows
        for name, rows in frames.items()
    }


def look_back(sources: Frames, first: dt.date, last: dt.date) -> Frames:
    """Nothing but the rows that a run of [first, last] may need."""
    days = {name: PROJECT.lookback().get(name, 0) for name in sources}
    return {
        name: rows_between({name: rows}, first - dt.timedelta(days[name]), last)[name]
        for name, rows in sources.items()
    }


def assert_same(built: Frames, expected: Frames) -> None:
    assert built.keys() == expected.keys()
    for name, rows in built.items():
        # Staged promotions have no business day: they are those of the look-back.
        if "date" in rows.columns:
            assert_frame_equal(rows, expected[name], check_exact=True)


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.integers(0, DAYS - 1), st.integers(0, 20))
def test_days_built_from_their_look_back_equal_those_of_the_whole_history(
    seed: int, start: int, length: int
) -> None:
    first, last = day(start), day(min(start + length, DAYS - 1))
    built = run(PROJECT, look_back(a_shop(seed), first, last), first=first, last=last)
    assert_same(built, rows_between(whole_history(seed), first, last))


def test_the_whole_history_holds_every_case_that_cleaning_tells_apart() -> None:
    rows = pl.concat(whole_history(seed)["clean_demand"] for seed in range(6))
    for flag in ("is_outlier", "on_promotion", "is_stockout", "is_available"):
        assert set(rows[flag]) == {True, False}, flag
    assert (rows["returned_units"] > 0).any()
    for column in ("demand_units", "price", "on_hand"):
        assert 0 < rows[column].null_count() < rows.height, column


@settings(max_examples=10, deadline=None)
@given(SEEDS, st.integers(0, DAYS - 2))
def test_rows_after_the_last_day_change_nothing(seed: int, number: int) -> None:
    last = day(number)
    built = run(PROJECT, a_shop(seed), first=last, last=last)
    assert_same(built, rows_between(whole_history(seed), last, last))


@settings(max_examples=5, deadline=None)
@given(SEEDS, st.integers(0, 99), st.sampled_from([1, 2, 4]))
def test_neither_the_order_of_rows_nor_threads_change_a_byte(
    seed: int, order: int, threads: int
) -> None:
    shuffled = {
        name: rows.sample(fraction=1, shuffle=True, seed=order)
        for name, rows in a_shop(seed).items()
    }
    built = run(PROJECT, shuffled, first=day(0), last=day(DAYS - 1), threads=threads)
    assert_same(built, whole_history(seed))


def test_every_row_of_units_is_accounted_for() -> None:
    for seed in range(3):
        sales = a_shop(seed)["validated_sales"].filter(pl.col("item_id") != "postage")
        clean = whole_history(seed)["clean_demand"]
        assert clean["net_units"].cast(pl.Float64).sum() == pytest.approx(sales["units"].sum())


def test_tables_with_a_contract_have_its_columns_types_and_key() -> None:
    contract = tables()["clean_demand"]
    clean = whole_history(0)["clean_demand"]
    assert clean.schema == polars_schema(contract)
    assert clean.select(contract.key).is_unique().all()
    assert clean.equals(clean.sort(contract.key))


def test_a_shop_that_lands_sales_only_has_demand() -> None:
    sales = {"validated_sales": a_shop(1)["validated_sales"]}
    built = run(PROJECT, sales, first=day(0), last=day(DAYS - 1), outputs=["clean_demand"])
    clean = built["clean_demand"]
    assert clean["demand_units"].null_count() == clean.filter(~pl.col("is_available")).height
    assert not clean["on_promotion"].any()


def test_only_the_wanted_tables_come_back() -> None:
    built = run(PROJECT, a_shop(0), first=day(9), last=day(9), outputs=["int_daily_sales"])
    assert list(built) == ["int_daily_sales"]


def test_ids_may_be_any_text() -> None:
    name = "Robert'); drop table stg_sales; -- ☃"
    row = {"date": day(0), "units": 1.0, "item_id": name, "location_id": '"'}
    sales = {"validated_sales": frame("validated_sales", [row])}
    built = run(PROJECT, sales, first=day(0), last=day(0), outputs=["clean_demand"])
    assert built["clean_demand"].row(0, named=True)["item_id"] == name


def test_unknown_sources_and_outputs_are_named() -> None:
    with pytest.raises(ConfigurationError, match="no sources sales: expected some of validated_"):
        run(PROJECT, {"sales": pl.DataFrame()}, first=day(0), last=day(0))
    with pytest.raises(ConfigurationError, match="no model demand"):
        run(PROJECT, {}, first=day(0), last=day(0), outputs=["demand"])
