"""Landing is incremental: the raw tables follow the files, whatever happens on the way."""

from __future__ import annotations

import datetime as dt
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from forecast_platform.contracts import Table, landed_table, raw
from forecast_platform.contracts.derived import LANDING_FILES, UNREADABLE_ROWS
from forecast_platform.errors import LandingError
from forecast_platform.lake import Lake, Ledger
from forecast_platform.settings import Settings
from forecast_platform.sources import LandingReport, TableReport, land, list_landed
from forecast_platform.sources.register import Register

SALES = landed_table("sales")
NOW = dt.datetime(2024, 6, 1, 12, tzinfo=dt.UTC).timestamp()
HEADER = "date,item_id,location_id,units\n"


class Shop:
    """A home folder whose files are landed at noon of 2024-06-01."""

    def __init__(self, home: Path, **options: object) -> None:
        self.settings = Settings(home=home, **options)
        self.lake = Lake(self.settings.lake)

    def put(self, name: str, *rows: str, table: str = "sales", header: str = HEADER) -> Path:
        path = self.settings.landing / table / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(header + "".join(f"{row}\n" for row in rows))
        os.utime(path, (NOW - 60, NOW - 60))
        return path

    def land(self, **options: object) -> LandingReport:
        return land(self.lake, self.settings, **{"now": NOW, **options})

    def sales(self) -> TableReport:
        return self.land(tables=["sales"]).tables["sales"]

    def raw(self) -> pl.DataFrame:
        return self.lake.scan(raw(SALES)).sort("file", "row_number").collect()

    def register(self) -> dict[str, dict[str, object]]:
        rows = self.lake.scan(LANDING_FILES).collect().iter_rows(named=True)
        return {row["file"]: row for row in rows}

    def unreadable(self) -> pl.DataFrame:
        return self.lake.scan(UNREADABLE_ROWS).sort(UNREADABLE_ROWS.key).collect()


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "home")


def day(number: int, month: int = 1) -> dt.date:
    return dt.date(2024, month, number)


def test_only_complete_tables_are_listed(shop: Shop) -> None:
    shop.put("b.csv")
    shop.put("deep/a.JSONL")
    for name in (
        ".hidden.csv",
        "c.csv.tmp",
        "d.csv.part",
        "mapping.yaml",
        "notes.txt",
        ".git/e.csv",
    ):
        shop.put(name)
    (shop.settings.landing / "sales" / "x.csv").mkdir()
    young = shop.put("young.csv")
    os.utime(young, (NOW, NOW - 1))
    names = [f.name for f in list_landed(shop.settings.landing, "sales", NOW, settle_seconds=2)]
    assert names == ["b.csv", "deep/a.JSONL"]
    assert list_landed(shop.settings.landing, "prices", NOW, settle_seconds=2) == []


def test_a_folder_that_cannot_be_read_is_a_problem_of_its_table_only(shop: Shop) -> None:
    shop.put("a.csv", "2024-01-01,A,S1,1")
    (shop.settings.landing / "prices").write_text("")
    with pytest.raises(LandingError, match="prices cannot be read"):
        list_landed(shop.settings.landing, "prices", NOW, settle_seconds=2)
    report = shop.land()
    assert report.tables["sales"].landed == ["a.csv"]
    assert ["cannot be read" in problem for problem in report.problems] == [True]


def test_a_folder_without_the_right_to_read_it_is_a_problem_of_its_table_only(shop: Shop) -> None:
    shop.put("a.csv", "2024-01-01,A,S1,1")
    locked = shop.settings.landing / "prices"
    locked.mkdir(exist_ok=True)
    locked.chmod(0)
    if os.access(locked, os.R_OK):
        pytest.skip("this user may read everything")
    report = shop.land()
    locked.chmod(0o700)
    assert report.tables["sales"].landed == ["a.csv"]
    assert ["right to read it" in problem for problem in report.problems] == [True]


def test_what_belongs_to_no_table_is_said(shop: Shop) -> None:
    shop.put("a.csv", table="sale")
    assert "sale belongs to no table" in shop.land().problems[0]


def test_a_broken_mapping_stops_its_table_only(shop: Shop) -> None:
    shop.put("a.csv", "2024-01-01,A,S1,1")
    shop.put("mapping.yaml", header="decimal: x", table="prices")
    report = shop.land()
    assert report.tables["sales"].rows == 1
    assert "decimal" in report.problems[0]


def test_landing_writes_rows_register_and_unreadable_rows(shop: Shop) -> None:
    shop.put("a.csv", "2024-01-01,A,S1,1", "2024-01-03,A,S1,2", "soon,A,S1,3")
    shop.put("products.csv", "A,Apple", table="products", header="item_id,name\n")
    report = shop.land()
    assert report.tables["sales"].days == [day(1), day(3)]
    assert report.tables["products"].days == []
    assert shop.raw()["business_day"].to_list() == [day(1), day(3), None]
    entry = shop.register()["a.csv"]
    assert (entry["status"], entry["rows"], entry["unreadable_rows"]) == ("landed", 3, 1)
    assert (entry["first_day"], entry["last_day"]) == (day(1), day(3))
    assert shop.unreadable().select("table_name", "file", "row_number").rows() == [
        ("sales", "a.csv", 3)
    ]
    assert shop.lake.scan(raw(landed_table("products"))).collect()["name"].to_list() == ["Apple"]


def test_the_same_bytes_again_change_nothing(shop: Shop) -> None:
    path = shop.put("a.csv", "2024-01-01,A,S1,1", "soon,A,S1,1")
    shop.sales()
    tables = raw(SALES), LANDING_FILES, UNREADABLE_ROWS
    versions = [shop.lake.version(table) for table in tables]
    os.utime(path, (NOW - 30, NOW - 30))
    report = shop.sales()
    assert (report.landed, report.unchanged, report.days) == ([], ["a.csv"], [])
    assert [shop.lake.version(table) for table in tables] == versions


def test_a_correction_replaces_the_rows_of_its_file_only(shop: Shop) -> None:
    shop.put("O'Neil 🦄.csv", "2024-01-01,A,S1,1", "2024-01-02,A,S1,2")
    shop.put("b.csv", "2024-01-02,B,S1,9")
    shop.sales()
    shop.put("O'Neil 🦄.csv", "2024-01-02,A,S1,7", "2024-01-05,A,S1,5")
    report = shop.sales()
    assert report.landed == ["O'Neil 🦄.csv"]
    assert report.days == [day(1), day(2), day(5)]
    assert shop.raw().select("item_id", "units").rows() == [("A", "7"), ("A", "5"), ("B", "9")]


def test_a_removed_file_keeps_its_rows(shop: Shop) -> None:
    path = shop.put("a.csv", "2024-01-01,A,S1,1")
    shop.sales()
    path.unlink()
    assert shop.sales().days == []
    assert shop.raw().height == 1


def test_a_refused_file_leaves_its_earlier_version(shop: Shop) -> None:
    shop.put("a.csv", "2024-01-01,A,S1,1")
    shop.sales()
    shop.put("a.csv", "2024-01-01,A,S1", header="date,item_id,location_id\n")
    report = shop.sales()
    assert "['units'] are missing" in report.refused["a.csv"]
    entry = shop.register()["a.csv"]
    assert (entry["status"], entry["rows"]) == ("refused", 1)
    assert str(entry["reason"]).endswith("the 1 rows of its earlier version still count")
    assert shop.raw().height == 1
    assert shop.sales().refused == {}
    shop.put("a.csv", "2024-01-01,A,S1,1")
    assert shop.sales().landed == ["a.csv"]
    assert shop.register()["a.csv"]["status"] == "landed"


def test_a_mapping_written_later_lands_a_refused_file(shop: Shop) -> None:
    shop.put("a.csv", "2024-01-01,A,1", header="date,item_id,units\n")
    assert shop.sales().refused
    shop.put("mapping.yaml", header="defaults: {location_id: WEB}\n")
    assert shop.sales().landed == ["a.csv"]
    assert shop.raw()["location_id"].to_list() == ["WEB"]
    assert shop.sales().unchanged == ["a.csv"]


def test_a_file_that_cannot_be_opened_is_tried_again_and_holds_up_no_other(shop: Shop) -> None:
    shop.put("b.csv", "2024-01-01,A,S1,1")
    loop = shop.settings.landing / "sales" / "a.csv"
    loop.symlink_to(loop)
    refused = shop.land(limit=1).tables["sales"].refused
    assert "cannot be opened" in refused["a.csv"]
    again = shop.land(limit=1)
    assert again.tables["sales"].landed == ["b.csv"]
    assert again.tables["sales"].refused == refused
    assert not again.more
    loop.unlink()
    shop.put("a.csv", "2024-01-01,A,S1,1")
    assert shop.sales().landed == ["a.csv"]


def test_a_file_that_is_gone_when_listed_is_no_file(shop: Shop) -> None:
    path = shop.put("a.csv").with_name("b.csv")
    path.symlink_to("nowhere")
    assert shop.sales().landed == ["a.csv"]


def test_a_file_being_written_waits(shop: Shop) -> None:
    path = shop.put("a.csv", "2024-01-01,A,S1,1")
    os.utime(path, (NOW - 1, NOW - 1))
    assert shop.sales().waiting == ["a.csv"]
    later = shop.land(now=NOW + 60).tables["sales"]
    assert (later.waiting, later.landed) == ([], ["a.csv"])


def test_the_limit_bounds_one_call_and_the_next_goes_on(shop: Shop) -> None:
    for number in range(5):
        shop.put(f"{number}.csv", f"2024-01-0{number + 1},A,S1,1")
    shop.put("p.csv", "2024-01-01,A,S1,1", table="prices", header=HEADER.replace("units", "price"))
    landed = []
    more = True
    while more:
        report = shop.land(limit=2)
        landed.append([name for table in report.tables.values() for name in table.landed])
        more = report.more
    assert landed == [["0.csv", "1.csv"], ["2.csv", "3.csv"], ["4.csv", "p.csv"]]


def test_days_outside_the_settings_wait_until_they_come(shop: Shop) -> None:
    shop.put("a.csv", "2023-12-31,A,S1,1", "2024-06-01,A,S1,1", "2024-06-02,A,S1,1")
    assert shop.sales().days == [day(1, 6)]
    assert shop.unreadable()["row_number"].to_list() == [1, 3]
    tomorrow = shop.land(now=NOW + 86_400).tables["sales"]
    assert tomorrow.days == [day(1, 6), day(2, 6)]
    assert shop.unreadable()["row_number"].to_list() == [1]
    assert shop.land(now=NOW + 86_400).tables["sales"].landed == []
    shop.settings = shop.settings.model_copy(update={"end_date": day(1, 6)})
    assert shop.sales().landed == ["a.csv"]
    assert shop.unreadable()["row_number"].to_list() == [1, 3]


def test_today_is_the_shop_s_today(tmp_path: Path) -> None:
    auckland = Shop(tmp_path / "nz", timezone="Pacific/Auckland")
    auckland.put("a.csv", "2024-06-02,A,S1,1")
    assert auckland.sales().days == [day(2, 6)]


@pytest.mark.parametrize(
    "step",
    [(Ledger, "append"), (Lake, "replace_all"), (Register, "save")],
    ids=["before-ledger", "before-unreadable-rows", "before-register"],
)
@pytest.mark.parametrize("rows", [["2024-01-03,A,S1,1", "later,A,S1,1"], []], ids=["rows", "none"])
def test_killed_on_the_way_no_day_is_forgotten(
    shop: Shop,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: tuple[type, str],
    rows: list[str],
) -> None:
    shop.put("a.csv", "2024-01-01,A,S1,1", "soon,A,S1,1")
    shop.sales()
    shop.put("a.csv", *rows)

    def kill(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(*step, kill)
        with pytest.raises(KeyboardInterrupt):
            shop.sales()
    report = shop.sales()

    assert report.landed == ["a.csv"]
    left = {day(1): 0, day(3): 1} if rows else {day(1): 0}
    assert report.days == [*left]
    published = shop.lake.ledger.current().filter(pl.col("table") == "raw_sales")
    assert dict(published.select("day", "rows").iter_rows()) == left
    undisturbed = Shop(tmp_path / "undisturbed")
    shutil.copytree(shop.settings.landing, undisturbed.settings.landing)
    undisturbed.sales()
    assert_same(shop, undisturbed)


@pytest.mark.parametrize("later", [NOW - 86_400, NOW, NOW + 86_400])
@pytest.mark.parametrize("table", [UNREADABLE_ROWS, LANDING_FILES], ids=lambda table: table.name)
def test_killed_when_days_become_readable_or_cease_to_be_it_is_made_good(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: Table, later: float
) -> None:
    shop.put("a.csv", "2024-05-31,A,S1,1", "2024-06-01,A,S1,1", "2024-06-02,A,S1,1", "soon,A,S1,1")
    shop.sales()
    real = Lake.replace_all

    def kill(self: Lake, written: Table, *rows: pl.DataFrame) -> None:
        if written == table:
            raise KeyboardInterrupt
        real(self, written, *rows)

    with monkeypatch.context() as patch, suppress(KeyboardInterrupt):
        patch.setattr(Lake, "replace_all", kill)
        shop.land(now=later)
    shop.land(now=later)

    undisturbed = Shop(tmp_path / "undisturbed")
    shutil.copytree(shop.settings.landing, undisturbed.settings.landing)
    undisturbed.land(now=later)
    assert_same(shop, undisturbed)
    assert shop.land(now=later).tables["sales"].landed == []


def test_landings_at_once_lose_no_entry(shop: Shop) -> None:
    tables = ["sales", "prices", "inventory", "products"]
    header = "date,item_id,location_id,units,price\n"
    for table in tables:
        shop.put(f"{table}.csv", "2024-01-01,A,S1,1,1", table=table, header=header)
    with ThreadPoolExecutor(8) as pool:
        reports = [pool.submit(shop.land, tables=[t]) for t in [*tables, *tables]]
    landed = [t.landed for report in reports for t in report.result().tables.values()]
    assert sorted(filter(None, landed)) == sorted([f"{table}.csv"] for table in tables)
    assert sorted(shop.register()) == sorted(f"{table}.csv" for table in tables)


def assert_same(one: Shop, other: Shop) -> None:
    assert one.raw().equals(other.raw())
    assert one.register() == other.register()
    assert one.unreadable().equals(other.unreadable())


versions = st.lists(
    st.tuples(
        st.sampled_from(["a.csv", "b.csv", "c/d.csv"]),
        st.lists(
            st.sampled_from(["2024-01-01", "2024-01-02", "2024-01-09", "soon", ""]), max_size=3
        ),
        st.booleans(),
    ),
    min_size=1,
    max_size=5,
)


@hypothesis_settings(max_examples=8, deadline=None)
@given(versions=versions)
def test_any_order_of_arrivals_equals_a_rebuild(
    versions: list[tuple[str, list[str], bool]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("homes")
    shop, rebuilt = Shop(folder / "incremental"), Shop(folder / "rebuilt")
    for number, (name, dates, lands) in enumerate(versions):
        shop.put(name, *(f"{date},A,S1,{number}" for date in dates))
        if lands:
            before = shop.raw()
            report = shop.sales()
            changed = pl.concat([before, shop.raw()]).unique(keep="none")["business_day"]
            assert set(report.days) >= set(changed.drop_nulls())
            touched = pl.concat([before, shop.raw()]).filter(pl.col("file").is_in(report.landed))
            assert report.days == sorted(touched["business_day"].drop_nulls().unique())
    shop.sales()
    shutil.copytree(shop.settings.landing, rebuilt.settings.landing)
    rebuilt.sales()
    assert_same(shop, rebuilt)
    assert shop.raw().height == sum(entry["rows"] for entry in shop.register().values())
