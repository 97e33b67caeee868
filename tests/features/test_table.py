"""The daily feature table and the laws it keeps."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import polars as pl
import pytest
from clean_cases import NO_EVENTS, PRODUCTS, REFERENCE, clean_days, day, features_of
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast_platform.contracts.features import FEATURES as CONTRACT
from forecast_platform.errors import ContractError
from forecast_platform.features import INPUT_COLUMNS, LOOKBACK_DAYS, compute
from forecast_platform.features import table as feature_table

SERIES = [("bread", "L1"), ("cream", "L1"), ("milk", "L1"), ("milk", "L2")]
LENGTH = 90


@st.composite
def shops(draw: st.DrawFn) -> pl.DataFrame:
    """Clean demand of up to four series over 90 days: all magnitudes, gaps, stock-outs."""
    seed = draw(st.integers(0, 2**32 - 1))
    frames = []
    for n, (item, location) in enumerate(SERIES[: draw(st.integers(1, 4))]):
        rows = pl.int_range(LENGTH, eager=True)
        noise = [rows.hash(seed % 2**31 + 10 * n + k).cast(pl.Float64) / 2**64 for k in range(4)]
        scale = draw(st.sampled_from([0.1, 30.0, 1e7]))
        demand = pl.select(
            pl.when(noise[0] > 0.5).then(noise[1] ** 8 * scale).when(noise[0] > 0.1).then(0.0)
        ).to_series()
        frame = clean_days(
            demand.to_list(),
            item,
            location,
            price=(1 + noise[2].round(1)).to_list(),
            on_promotion=(noise[3] > 0.8).to_list(),
        )
        frames.append(frame.filter(pl.Series(noise[3] > draw(st.sampled_from([0.0, 0.2])))))
    return pl.concat(frames)


@settings(max_examples=30, deadline=None)
@given(clean=shops(), first=st.integers(0, LENGTH - 1), length=st.integers(1, 20))
def test_a_day_alone_has_the_bytes_it_has_in_a_full_build(
    clean: pl.DataFrame, first: int, length: int
) -> None:
    last = min(first + length, LENGTH) - 1
    window = pl.col("date").is_between(day(first - LOOKBACK_DAYS), day(last))

    alone = features_of(clean.filter(window), first, last)

    full = features_of(clean, 0, LENGTH - 1)
    assert alone.equals(full.filter(pl.col("date").is_between(day(first), day(last))))


@settings(max_examples=20, deadline=None)
@given(clean=shops(), cut=st.integers(0, LENGTH - 2), other=shops())
def test_nothing_after_a_day_changes_it(clean: pl.DataFrame, cut: int, other: pl.DataFrame) -> None:
    until, after = pl.col("date") <= day(cut), pl.col("date") > day(cut)
    perturbed = pl.concat([clean.filter(until), other.filter(after)])

    found = features_of(perturbed, 0, LENGTH - 1).filter(until)

    assert found.equals(features_of(clean, 0, LENGTH - 1).filter(until))


@settings(max_examples=10, deadline=None)
@given(clean=shops(), seed=st.integers(0, 1000))
def test_the_order_of_rows_does_not_matter(clean: pl.DataFrame, seed: int) -> None:
    shuffled = clean.sample(fraction=1, shuffle=True, seed=seed)

    assert features_of(shuffled, 60, 89).equals(features_of(clean, 60, 89))


@settings(max_examples=10, deadline=None)
@given(clean=shops())
def test_other_series_change_category_means_only(clean: pl.DataFrame) -> None:
    bread = pl.col("item_id") == "bread"
    alone = features_of(clean.filter(bread), 0, LENGTH - 1)

    assert alone.equals(features_of(clean, 0, LENGTH - 1).filter(bread))


def test_slabs_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    clean = pl.concat([clean_days([0.1 * n for n in range(150)], *key) for key in SERIES])
    whole = features_of(clean, 0, 149)

    monkeypatch.setattr(feature_table, "SLAB_ROWS", LOOKBACK_DAYS + 7)
    monkeypatch.setattr(feature_table, "SLAB_CELLS", 2 * (LOOKBACK_DAYS + 7))

    assert features_of(clean, 0, 149).equals(whole)


def test_the_table_is_that_of_its_contract_and_sorted_by_its_key() -> None:
    found = features_of(pl.concat([clean_days([1.0] * 3, *key) for key in reversed(SERIES)]), 0, 2)

    assert tuple(found.columns) == CONTRACT.column_names
    assert found.height == 12
    assert found.equals(found.sort(CONTRACT.key))


def test_rows_are_the_items_on_offer() -> None:
    clean = pl.concat([clean_days([1.0, 2.0]), clean_days([3.0], "bread")])

    assert features_of(clean, 1, 1)["item_id"].to_list() == ["milk"]


def test_what_was_observed_is_carried_over() -> None:
    clean = clean_days([4.0, None], price=3.5, on_promotion=[False, True], discount=[0.0, 0.25])

    found = features_of(clean, 0, 1).select(
        "demand", "is_available", "price", "on_promotion", "discount"
    )

    assert found.rows() == [(4.0, True, 3.5, False, 0.0), (None, False, 3.5, True, 0.25)]


def test_unknown_is_null_and_never_nan() -> None:
    found = features_of(clean_days([None, None], price=None), 0, 1)

    assert found["demand_mean_7"].null_count() == found["price_level_28"].null_count() == 2
    assert not found.select(pl.any_horizontal(pl.selectors.float().is_nan().any())).item()


def test_days_without_rows_give_an_empty_table_of_the_contract() -> None:
    before = features_of(clean_days([1.0]), 5, 6)
    never = features_of(clean_days([1.0]).clear(), 0, 0)

    assert before.is_empty()
    assert never.is_empty()
    assert before.schema == never.schema
    assert tuple(before.columns) == CONTRACT.column_names


def test_items_and_locations_without_attributes_have_features_all_the_same() -> None:
    clean = clean_days([2.0, 4.0], item="new 🥛/'--", location="L9")

    assert features_of(clean, 1, 1)["category_mean_7"].item() == 3


def test_events_reach_the_locations_they_concern() -> None:
    fair = pl.DataFrame({"date": [day(9)], "event": ["fair"], "kind": ["local"], "region": ["TX"]})
    clean = pl.concat([clean_days([1.0], "milk", "L1"), clean_days([1.0], "milk", "L2")])

    found = compute(clean, day(0), day(0), **{**REFERENCE, "calendar": fair})

    assert found["days_to_event"].to_list() == [9, 14]


def test_a_missing_column_is_named() -> None:
    with pytest.raises(ContractError, match="without price"):
        features_of(clean_days([1.0]).drop("price"), 0, 0)


def test_a_span_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(ContractError, match="no later than the last"):
        features_of(clean_days([1.0]), 1, 0)


def test_input_columns_are_enough() -> None:
    clean = clean_days([1.0]).with_columns(net_units=pl.lit(1.0))

    assert features_of(clean.select(INPUT_COLUMNS), 0, 0).equals(features_of(clean, 0, 0))


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    """Landing files of two items at two locations: weekly prices, sales on some days."""
    starts = [day(7 * n) for n in range(20)]
    keys = [("bread", "L1", 0), ("milk", "L1", 2), ("milk", "L2", 3), ("cream", "L2", 5)]
    prices = [
        (start, item, location, 2.0 + n % 3)
        for item, location, skipped in keys
        for n, start in enumerate(starts)
        if n >= skipped
    ]
    sales = [
        (day(n), item, location, 1 + n * (k + 3) % 7)
        for k, (item, location, skipped) in enumerate(keys)
        for n in range(7 * skipped, 140)
        if n * (k + 2) % 5
    ]
    key = ["date", "item_id", "location_id"]
    events = pl.DataFrame(
        [(day(30), "fair", "Cultural", None), (day(31), "SNAP", "snap", "TX")],
        schema=NO_EVENTS.schema,
        orient="row",
    )
    tables = {
        "prices": pl.DataFrame(prices, schema=[*key, "price"], orient="row"),
        "sales": pl.DataFrame(sales, schema=[*key, "units"], orient="row"),
        "products": PRODUCTS,
        "locations": REFERENCE["locations"],
        "calendar": events,
    }
    for name, frame in tables.items():
        (tmp_path / name).mkdir()
        frame.write_parquet(tmp_path / name / "all.parquet")
    return tmp_path


def test_a_bare_polars_script_computes_the_same(landing: Path) -> None:
    path = Path(__file__).parents[2] / "benchmarks" / "bare_polars.py"
    spec = importlib.util.spec_from_file_location("bare_polars", path)
    bare = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bare)
    days = bare.clean_days(landing).collect()
    found = bare.features(landing, days)

    assert found.height > 400
    assert bare.compare(landing, days, found) == []
    assert bare.compare(landing, days, found.with_columns(pl.col("demand_lag_7") + 1)) == [
        "demand_lag_7 differs by 1"
    ]
