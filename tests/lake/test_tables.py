"""Tables of the lake: whole days are replaced, scans see what they ask for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable
from hypothesis import given, settings
from hypothesis import strategies as st
from lake_tables import ITEMS, LANDED_STOCK, STOCK, day, landed, stock
from polars.testing import assert_frame_equal

from forecast_platform.contracts import Column, DType
from forecast_platform.errors import ContractError, HomeVersionError, LakeError
from forecast_platform.lake import Lake, polars_schema

DAYS = [day(n) for n in range(5)]


def rows(lake: Lake) -> pl.DataFrame:
    return lake.scan(STOCK).collect().sort("date", "item_id")


def test_a_table_that_was_never_written_is_empty_and_has_its_columns(lake: Lake) -> None:
    frame = lake.scan(STOCK).collect()
    assert frame.schema == polars_schema(STOCK)
    assert frame.is_empty()
    assert lake.version(STOCK) == -1


def test_ensure_makes_an_empty_table_once(lake: Lake) -> None:
    lake.ensure(STOCK)
    lake.ensure(STOCK)
    assert lake.version(STOCK) == 0
    assert lake.scan(STOCK).collect().schema == polars_schema(STOCK)


def test_days_are_replaced_whole_and_others_keep_their_rows(lake: Lake) -> None:
    lake.replace_days(STOCK, stock(DAYS), DAYS)
    lake.replace_days(STOCK, stock(DAYS[1:3], units=9.0, items=1), DAYS[1:3])
    expected = pl.concat(
        [stock(DAYS[:1]), stock(DAYS[1:3], units=9.0, items=1), stock(DAYS[3:])]
    ).sort("date", "item_id")
    assert_frame_equal(rows(lake), expected)


def test_a_replaced_day_without_rows_becomes_empty(lake: Lake) -> None:
    lake.replace_days(STOCK, stock(DAYS), DAYS)
    lake.replace_days(STOCK, stock([]), [DAYS[2]])
    assert_frame_equal(rows(lake), stock([d for d in DAYS if d != DAYS[2]]))
    entry = lake.ledger.current().filter(pl.col("day") == DAYS[2]).row(0, named=True)
    assert (entry["content"], entry["rows"]) == (0, 0)


def test_a_new_day_rewrites_no_file_and_a_known_one_only_its_month_s(lake: Lake) -> None:
    def files() -> set[str]:
        return set(DeltaTable(str(lake.path(STOCK))).file_uris())

    lake.replace_days(STOCK, stock(DAYS[:3]), DAYS[:3])
    earlier_month, month = sorted(files())
    lake.replace_days(STOCK, stock(DAYS[3:]), DAYS[3:])
    assert files() > {earlier_month, month}
    lake.replace_days(STOCK, stock(DAYS[2:4], units=3.0), DAYS[2:4])
    assert earlier_month in files()
    assert month not in files()
    expected = pl.concat([stock(DAYS[:2]), stock(DAYS[2:4], units=3.0), stock(DAYS[4:])])
    assert_frame_equal(rows(lake), expected.sort("date", "item_id"))


def test_days_that_do_not_follow_each_other_leave_the_days_between(lake: Lake) -> None:
    lake.replace_days(STOCK, stock(DAYS), DAYS)
    lake.replace_days(STOCK, stock([DAYS[0], DAYS[4]], units=7.0), [DAYS[0], DAYS[4]])
    assert_frame_equal(lake.scan(STOCK, DAYS[1], DAYS[3]).collect().sort("date", "item_id"),
                       stock(DAYS[1:4]))  # fmt: skip


def test_a_replacement_is_one_version(lake: Lake) -> None:
    lake.replace_days(STOCK, stock(DAYS), DAYS)
    before = lake.version(STOCK)
    lake.replace_days(STOCK, stock(DAYS, units=2.0), DAYS)
    assert lake.version(STOCK) == before + 1


def test_rows_of_days_that_are_not_replaced_are_refused(lake: Lake) -> None:
    with pytest.raises(LakeError, match="not being replaced"):
        lake.replace_days(STOCK, stock(DAYS), DAYS[:2])
    assert rows(lake).is_empty()


def test_a_frame_that_lacks_a_column_or_cannot_be_cast_is_refused(lake: Lake) -> None:
    with pytest.raises(ContractError, match="lacks \\['units'\\]"):
        lake.replace_days(STOCK, stock(DAYS).drop("units"), DAYS)
    wrong = stock(DAYS).with_columns(units=pl.lit("many"))
    with pytest.raises(ContractError, match="does not fit"):
        lake.replace_days(STOCK, wrong, DAYS)


def test_replace_all_replaces_all(lake: Lake) -> None:
    lake.replace_all(ITEMS, pl.DataFrame({"item_id": ["a", "b"], "units": [1, 2]}))
    lake.replace_all(ITEMS, pl.DataFrame({"item_id": ["c"], "units": [3]}))
    assert lake.scan(ITEMS).collect().rows() == [("c", 3)]
    lake.replace_all(ITEMS, pl.DataFrame(schema=polars_schema(ITEMS)))
    assert lake.scan(ITEMS).collect().is_empty()


def test_scan_reads_the_days_asked_for_and_skips_other_months(lake: Lake) -> None:
    lake.replace_days(STOCK, stock(DAYS), DAYS)
    assert sorted(lake.scan(STOCK, DAYS[1], DAYS[3]).collect()["date"].unique()) == DAYS[1:4]
    assert sorted(lake.scan(STOCK, first=DAYS[3]).collect()["date"].unique()) == DAYS[3:]
    assert sorted(lake.scan(STOCK, last=DAYS[1]).collect()["date"].unique()) == DAYS[:2]
    january = list(lake.path(STOCK).glob("month=2024-01/*.parquet"))
    for path in january:
        path.write_bytes(b"not parquet")
    assert january
    assert lake.scan(STOCK, first=DAYS[2]).collect().height == 9


def test_rows_without_a_day_are_kept_until_their_file_is_replaced(lake: Lake) -> None:
    lake.replace_files(LANDED_STOCK, landed("a.csv", [DAYS[0], None]), ["a.csv"], [DAYS[0]])
    lake.replace_files(LANDED_STOCK, landed("b.csv", [None]), ["b.csv"], [])
    assert lake.scan(LANDED_STOCK).collect()["business_day"].null_count() == 2
    assert lake.scan(LANDED_STOCK, DAYS[0], DAYS[0]).collect().height == 1
    lake.replace_files(LANDED_STOCK, landed("a.csv", [DAYS[0]]), ["a.csv"], [DAYS[0]])
    assert lake.scan(LANDED_STOCK).filter(pl.col("file") == "a.csv").collect().height == 1


def test_a_file_replaces_its_earlier_rows_and_no_others(lake: Lake) -> None:
    lake.replace_files(LANDED_STOCK, landed("a.csv", DAYS[:2]), ["a.csv"], DAYS[:2])
    lake.replace_files(LANDED_STOCK, landed("it's, b.csv", DAYS[1:3]), ["it's, b.csv"], DAYS[1:3])
    lake.replace_files(LANDED_STOCK, landed("it's, b.csv", [DAYS[3]]), ["it's, b.csv"], DAYS[1:4])
    held = lake.scan(LANDED_STOCK).select("file", "business_day").sort("business_day").collect()
    expected = [("a.csv", DAYS[0]), ("a.csv", DAYS[1]), ("it's, b.csv", DAYS[3])]
    assert held.rows() == expected
    counts = dict(lake.ledger.current().select("day", "rows").rows())
    assert counts == {DAYS[0]: 1, DAYS[1]: 1, DAYS[2]: 0, DAYS[3]: 1}


def test_a_lake_of_another_layout_is_refused_with_what_to_do(tmp_path: Path) -> None:
    Lake(tmp_path / "lake")
    (tmp_path / "lake" / "_layout").write_text("0\n")
    with pytest.raises(HomeVersionError, match=r"layout 0.*reads layout \d.*upgrade"):
        Lake(tmp_path / "lake")


def test_a_lake_from_before_layouts_is_refused(tmp_path: Path) -> None:
    (tmp_path / "stock" / "_delta_log").mkdir(parents=True)
    with pytest.raises(HomeVersionError, match="before layouts had a version"):
        Lake(tmp_path)


def test_a_table_with_other_columns_than_its_contract_is_refused(lake: Lake) -> None:
    lake.replace_days(STOCK, stock(DAYS), DAYS)
    counted = Column("counted_by", DType.STRING, "Who counted.")
    newer = replace(STOCK, columns=(*STOCK.columns, counted))
    for use in (Lake.scan, Lake.ensure):
        with pytest.raises(HomeVersionError, match=r"stock.*differs in counted_by\. Run"):
            use(Lake(lake.root), newer)


def test_a_table_whose_creation_was_broken_off_is_created(lake: Lake) -> None:
    """A process killed while it creates a table leaves a log folder without a commit."""
    (lake.path(STOCK) / "_delta_log").mkdir(parents=True)
    assert lake.scan(STOCK).collect().is_empty()
    lake.replace_days(STOCK, stock(DAYS), DAYS)
    assert_frame_equal(rows(lake), stock(DAYS))


def test_maintenance_keeps_every_row_and_merges_small_files(lake: Lake) -> None:
    for d in DAYS:
        lake.replace_days(STOCK, stock([d]), [d], {d: 1})
    lake.replace_all(ITEMS, pl.DataFrame({"item_id": ["a"], "units": [1]}), 5)
    before, ledger = rows(lake), lake.ledger.current().sort("table", "day")
    history = lake.ledger.history()
    files = len(DeltaTable(str(lake.path(STOCK))).file_uris())
    assert set(lake.maintain()) == {"_ledger", "items", "stock"}
    assert_frame_equal(rows(lake), before)
    assert_frame_equal(lake.ledger.current().sort("table", "day"), ledger)
    assert_frame_equal(lake.ledger.history(), history)
    assert len(DeltaTable(str(lake.path(STOCK))).file_uris()) < files


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.sets(st.integers(0, 4), min_size=1), st.integers(0, 3)), max_size=5))
def test_any_sequence_of_replacements_leaves_the_last_rows_of_each_day(
    tmp_path_factory: pytest.TempPathFactory, writes: list[tuple[set[int], int]]
) -> None:
    lake = Lake(tmp_path_factory.mktemp("lake"))
    expected = {}
    for n, (numbers, items) in enumerate(writes):
        days = [day(number) for number in sorted(numbers)]
        lake.replace_days(STOCK, stock(days, units=n, items=items), days)
        expected |= {d: stock([d], units=n, items=items) for d in days}
    frames = [polars_schema(STOCK).to_frame(), *(expected[d] for d in sorted(expected))]
    assert_frame_equal(rows(lake), pl.concat(frames))
