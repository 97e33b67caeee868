"""Bad input as a person meets it: files nobody should land, full disks, folders in the way."""

from __future__ import annotations

import gzip
import io
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from forecast_platform.contracts import LANDED
from tests import command_line as shop
from tests.command_line import LAST_DAY, NEXT_DAY, copy, csv, land, read, refusal, works

HEADER = "date,item_id,location_id,units,unit_price"
STRANGE_ITEMS = (
    "Robert'); DROP TABLE sales;--", "🍕 Pizza", "../../etc/passwd", 'say "cheese"', "a/b\\c",
    "[/red]", "50 % off", "Käse, jung", "=cmd|' /C calc'!A0",
    "<script>alert(1)</script>", "$\\frac$",
)  # fmt: skip
REFUSED = {
    "semantics.csv": "day;what;how many\n1;2;3\n",
    "missing_column.csv": csv("date,item_id,units", f"{NEXT_DAY},X,1"),
    "twice.csv": csv("date,item_id,location_id,units,units", f"{NEXT_DAY},X,S01,1,2"),
    "truncated.csv.gz": gzip.compress(csv(HEADER, *[f"{NEXT_DAY},X,S01,1,2"] * 99).encode())[:40],
    "no_gzip.csv.gz": csv(HEADER, f"{NEXT_DAY},X,S01,1,2"),
    "corrupt.parquet": b"PAR1" + bytes(range(200)) + b"PAR1",
    "utf16_without_mark.csv": csv(HEADER, f"{NEXT_DAY},X,S01,1,2").encode("utf-16-le"),
}


@pytest.fixture(scope="module")
def basetemp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.getbasetemp()


@pytest.fixture
def home(basetemp: Path, tmp_path: Path) -> Path:
    """A copy of the demo's home folder."""
    return copy(shop.demo(basetemp)[0], tmp_path / "home")


@pytest.fixture(scope="module")
def messy(basetemp: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A home folder into which all kinds of bad files were landed at once, and what `run` said."""
    home = copy(shop.demo(basetemp)[0], tmp_path_factory.mktemp("messy") / "home")
    for name, content in REFUSED.items():
        land(home, "sales", f"bad/{name}", content)
    item = shop.old_items(home)[0]
    good = {encoding: f"{NEXT_DAY},{item},S01,{n},1.5" for n, encoding in enumerate("abcdefg", 1)}
    orders = HEADER + ",order_id"
    land(home, "sales", "empty.csv", "")
    land(home, "sales", "header_only.csv", csv(HEADER))
    land(home, "sales", "semicolons.csv", csv(orders, good["a"] + ",A").replace(",", ";"))
    land(home, "sales", "utf16.csv", csv(orders, good["b"] + ",B").encode("utf-16"))
    land(home, "sales", "latin1.csv", csv(orders, good["c"] + ",Ç").encode("latin-1"))
    land(home, "sales", "mark.csv", b"\xef\xbb\xbf" + csv(orders, good["d"] + ",D").encode())
    land(home, "sales", "reordered.csv", csv(
        "note,units,location_id,Item ID,DATE,order_id", f'"two\nlines",5,S01,{item},{NEXT_DAY},E'
    ))  # fmt: skip
    land(home, "sales", "good.csv.gz", gzip.compress(csv(orders, good["f"] + ",F").encode()))
    typed = pl.DataFrame(
        {"date": [NEXT_DAY], "item_id": [item], "location_id": ["S01"], "units": [7],
         "order_id": ["G"]}
    )  # fmt: skip
    buffer = io.BytesIO()
    typed.write_parquet(buffer)
    land(home, "sales", "typed.parquet", buffer.getvalue())
    land(home, "sales", "cells.csv", csv(
        orders,
        *(f"{NEXT_DAY},{item},S01,{units},1,cell{n}" for n, units in enumerate(
            ('"1,5"', "NaN", "inf", "1e30", "-99999999", "many", "", '"1.234,5"')
        )),
        f"{NEXT_DAY},{item},S01,1e0,1,fine",
        f"{NEXT_DAY},{item},S01,1,-3,negative price",
        f"{NEXT_DAY},UNKNOWN,S01,1,1,unknown item",
        f"{NEXT_DAY},{item},NOWHERE,1,1,unknown location",
        f"{NEXT_DAY},{item},S01,1\0,1,nul",
        f"2024-02-30,{item},S01,1,1,impossible",
        f"1824-02-01,{item},S01,1,1,far past",
        f"2924-02-01,{item},S01,1,1,far future",
        f"04/03/2024,{item},S01,1,1,ambiguous",
        f"soon,{item},S01,1,1,no date",
        "too,many,cells,in,this,line,by,far",
    ))  # fmt: skip
    quoted = [item.replace('"', '""') for item in STRANGE_ITEMS]
    land(home, "products", "strange.csv", csv("item_id", *(f'"{item}"' for item in quoted)))
    land(home, "sales", "strange.csv", csv(
        HEADER, *(# The last sells for most, so that pictures bear its name.
        f'{NEXT_DAY},"{item}",S01,{n**4},2' for n, item in enumerate(quoted, 1))
    ))  # fmt: skip
    land(home, "sales", "readme.txt", "not a table")
    land(home, "notes", "readme.txt", "not a folder of a table")
    (home / "landing" / "sales" / "disappeared.csv").symlink_to("nowhere.csv")
    (home / "secret").write_text("sesame\n")
    (home / "landing" / "sales" / "bad" / "link.csv").symlink_to(home / "secret")
    land(home, "sales", "all\nerror: lost\x1b[2J.csv", csv(HEADER))
    land(home, "odd\x1b[2J", "readme.txt", "not a folder of a table")
    return home, works(home, "run")


def test_refused_files_are_registered_with_reasons_and_told(messy: tuple[Path, str]) -> None:
    home, told = messy
    files = read(home, "landing_files").filter(pl.col("status") == "refused")
    assert sorted(files["file"]) == sorted(f"bad/{name}" for name in (*REFUSED, "link.csv"))
    assert files["reason"].str.len_chars().min() > 20
    assert all(f"sales/bad/{name} refused: " in told for name in REFUSED)
    assert "notes belongs to no table" in told


def test_what_a_name_or_a_link_would_bring_onto_the_terminal_is_not_there(
    messy: tuple[Path, str],
) -> None:
    home, told = messy
    told += shop.command(home, "doctor").stdout
    assert "link.csv refused: the file cannot be opened (a link or a device" in told
    assert "odd\\x1b[2J belongs to no table" in told
    assert "all\\x0aerror: lost\\x1b[2J.csv" in {*read(home, "landing_files")["file"]}
    assert "sesame" not in told
    assert "\x1b" not in told


def test_good_rows_among_bad_ones_arrive_in_the_features(
    basetemp: Path, messy: tuple[Path, str]
) -> None:
    home, _ = messy
    item = shop.old_items(shop.demo(basetemp)[0])[0]
    orders = read(home, "validated_sales").filter(pl.col("date") == NEXT_DAY)
    assert {*orders["order_id"].drop_nulls()} == {*"ABÇDEFG", "fine"}
    sold = pl.col("date") == NEXT_DAY, pl.col("item_id") == item
    assert read(home, "clean_demand").filter(sold)["net_units"].to_list() == [sum(range(8)) + 1]
    assert read(home, "features").filter(sold).height == 1


def test_every_row_of_every_file_is_accounted_for(messy: tuple[Path, str]) -> None:
    home, _ = messy
    register = read(home, "landing_files").filter(pl.col("status") == "landed")
    undated = read(home, "unreadable_rows")
    for table in LANDED:
        parts = [
            read(home, f"validated_{table.name}").select("file"),
            read(home, f"rejected_{table.name}").select("file"),
            undated.filter(pl.col("table_name") == table.name).select("file"),
        ]
        found = pl.concat(parts).group_by("file").agg(pl.len().cast(pl.Int64).alias("rows"))
        landed = register.filter(pl.col("table_name") == table.name, pl.col("rows") > 0)
        assert_frame_equal(landed.select("file", "rows"), found, check_row_order=False)


def test_every_bad_cell_is_refused_for_its_own_reason(messy: tuple[Path, str]) -> None:
    home, _ = messy
    rejected = read(home, "rejected_sales").filter(pl.col("file") == "cells.csv")
    reasons = dict(rejected.select("order_id", "reasons").iter_rows())
    for order in ("negative price", "unknown item", "unknown location", "nul", *(
        f"cell{n}" for n in range(8)
    )):  # fmt: skip
        assert reasons[order], order
    assert "UNKNOWN" in reasons["unknown item"]
    undated = read(home, "unreadable_rows").filter(pl.col("file") == "cells.csv")
    assert undated.height == 6
    assert undated["reasons"].n_unique() == 6


def test_strange_ids_come_out_as_they_went_in(messy: tuple[Path, str], tmp_path: Path) -> None:
    home, _ = messy
    works(home, "plan", "--date", NEXT_DAY, "--out", tmp_path / "plan.csv")
    assert {*STRANGE_ITEMS} < {*pl.read_csv(tmp_path / "plan.csv")["item_id"]}
    for item in STRANGE_ITEMS[:1] + STRANGE_ITEMS[5:6]:
        told = works(home, "explain", "--item", item, "--location", "S01", "--date", NEXT_DAY)
        assert told.startswith(f"{item} at S01")


def test_doctor_names_every_refused_file(messy: tuple[Path, str]) -> None:
    done = shop.command(messy[0], "doctor")
    assert done.returncode == 1
    assert all(f"mend  sales/bad/{name}: " in done.stdout for name in REFUSED)


def test_mended_file_replaces_the_refused_one(home: Path) -> None:
    land(home, "sales", "next.csv", "date;item\n")
    works(home, "run", "--select", "validated_sales")
    land(home, "sales", "next.csv", csv(HEADER, f"{NEXT_DAY},{shop.old_items(home)[0]},S01,4,2"))
    works(home, "run", "--select", "validated_sales")
    files = read(home, "landing_files").filter(pl.col("file") == "next.csv")
    assert files.select("status", "rows").rows() == [("landed", 1)]
    assert read(home, "validated_sales")["date"].max() == NEXT_DAY


def test_file_that_may_still_be_written_is_waited_for(home: Path) -> None:
    land(home, "sales", "next.csv", csv(HEADER, f"{NEXT_DAY},{shop.old_items(home)[0]},S01,4,2"))
    works(home, "run", "--select", "validated_sales", FORECAST_PLATFORM_SETTLE_SECONDS="1")
    assert read(home, "validated_sales")["date"].max() == NEXT_DAY


def test_removed_file_keeps_its_rows(home: Path) -> None:
    before = read(home, "raw_sales")
    for path in (home / "landing" / "sales").iterdir():
        path.unlink()
    works(home, "run", "--select", "validated_sales")
    assert_frame_equal(read(home, "raw_sales"), before)


@pytest.mark.parametrize("content", ["columns: [", "columns: {Menge: quantity}"])
def test_mapping_that_does_not_fit_is_named_and_keeps_its_table_out(
    home: Path, content: str
) -> None:
    shop.land_next_day(home)
    land(home, "sales", "mapping.yaml", content)
    assert "mapping.yaml" in refusal(home, "run")
    assert read(home, "raw_sales")["business_day"].max() == LAST_DAY
    assert "NEW-1" in read(home, "raw_products")["item_id"]


def test_landing_folder_that_cannot_be_read_is_named(home: Path) -> None:
    (home / "landing" / "sales").rename(home / "away")
    (home / "landing" / "sales").write_text("not a folder")
    assert "sales cannot be read" in refusal(home, "run")


def test_sales_before_the_first_business_day_are_told(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("start_date = 2024-05-01\n")
    land(tmp_path, "sales", "old.csv", csv(HEADER, "2024-04-01,A,S01,1,2"))
    assert "No sales have landed" in refusal(tmp_path, "run")
    reason = read(tmp_path, "unreadable_rows")["reasons"].item()
    assert "before the first business day, start_date" in reason


@pytest.mark.parametrize("name", ["a[1]", "50%20", "who?"])
def test_home_whose_name_cannot_be_an_address_is_refused(tmp_path: Path, name: str) -> None:
    assert "set FORECAST_PLATFORM_HOME" in refusal(tmp_path / name, "run")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own of 48 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=48m", "none", str(disk)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a disk can only be mounted by root where mounting is allowed")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize("left", [40_000, 400_000])
def test_full_disk_is_told_and_lost_work_is_made_again(
    basetemp: Path, small_disk: Path, left: int
) -> None:
    home = copy(shop.demo(basetemp)[0], small_disk / "home")
    shop.land_next_day(home)
    filling = small_disk / "filling"
    with filling.open("wb") as file:
        space = os.statvfs(small_disk)
        file.write(bytes(space.f_bavail * space.f_frsize - left))
    done = shop.command(home, "run")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    # The orchestrator may add a line about events that it could not store.
    told = done.stderr.splitlines()[-1]
    assert re.match("error: .*(full|No space|I/O error)", told), done.stderr
    filling.unlink()
    works(home, "run")
    shop.assert_same_tables(home, shop.grown(basetemp))


def test_read_only_home_is_told(basetemp: Path, small_disk: Path) -> None:
    home = copy(shop.demo(basetemp)[0], small_disk / "home")
    shop.land_next_day(home)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    assert "Read-only" in refusal(home, "run")
    line = read(home, "replenishment_plan").row(-1, named=True)
    works(home, "explain", "--item", line["item_id"], "--location", "S01", "--date", line["date"])
