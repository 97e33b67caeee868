from __future__ import annotations

import datetime as dt
import re
import socket
import subprocess
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tests import command_line as shop
from tests.command_line import (
    CUTOFF,
    DROPPED,
    LAST_DAY,
    NEXT_DAY,
    contract_day,
    copy,
    make_older,
    read,
    refusal,
    works,
)


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, shop.Done]:
    return shop.demo(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="session")
def home(demo: tuple[Path, shop.Done]) -> Path:
    """The demo's home folder, to be read only."""
    return demo[0]


@pytest.fixture(scope="session")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shop.grown(tmp_path_factory.getbasetemp())


def test_demo_ends_with_a_plan_and_says_where_all_lies(demo: tuple[Path, shop.Done]) -> None:
    home, done = demo
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert f"Forecasts: {shop.ISSUED} origins, newest {LAST_DAY}" in done.stdout
    assert "seasonal_naive *" in done.stdout
    for told in ("Landed rows", "Most urgent orders", f"Lake      {home / 'lake'}", "platform ui"):
        assert told in done.stdout
    assert set(read(home, "replenishment_plan")["date"]) == {
        LAST_DAY - dt.timedelta(days) for days in range(shop.ISSUED)
    }


def test_second_run_makes_nothing_and_ends_well(home: Path, tmp_path: Path) -> None:
    again = copy(home, tmp_path / "home")
    before = pl.read_delta(str(again / "lake" / "_ledger"))
    assert "Most urgent orders" in works(again, "run")
    assert pl.read_delta(str(again / "lake" / "_ledger")).height == before.height


@pytest.mark.parametrize(
    ("verb", "option", "table", "day"),
    [("plan", "--date", "replenishment_plan", "date"), ("forecasts", "--origin", "forecasts",
                                                        "origin")],
)  # fmt: skip
def test_exports_hold_the_day_of_the_lake(
    home: Path, tmp_path: Path, verb: str, option: str, table: str, day: str
) -> None:
    held = read(home, table).filter(pl.col(day) == LAST_DAY)
    parquet, csv = tmp_path / "out 1.parquet", tmp_path / "out.csv"
    assert f"{held.height} rows written to {parquet}" in works(
        home, verb, option, LAST_DAY, "--out", parquet
    )
    exported = pl.read_parquet(parquet, glob=False)
    assert_frame_equal(exported, held, check_row_order=False)
    works(home, verb, option, LAST_DAY, "--out", csv)
    assert (
        pl.read_csv(csv)
        .select("item_id", "location_id")
        .equals(pl.read_parquet(parquet).select("item_id", "location_id"))
    )


def test_the_exported_plan_lists_exceptions_first_in_every_format(
    home: Path, tmp_path: Path
) -> None:
    files = [tmp_path / f"plan{suffix}" for suffix in (".xlsx", ".csv", ".parquet")]
    for file in files:
        works(home, "plan", "--date", LAST_DAY, "--out", file)
    sheet, text, held = (
        read_sheet(files[0]), pl.read_csv(files[1], infer_schema=False), pl.read_parquet(files[2])
    )  # fmt: skip
    ranks = held["exception_rank"].fill_null(99)
    assert ranks.is_sorted()
    assert sheet[0] == text.columns == held.columns
    ids = held.columns.index("plan_id")
    assert [row[ids] for row in sheet[1:]] == text["plan_id"].to_list() == held["plan_id"].to_list()
    told = refusal(home, "plan", "--date", LAST_DAY, "--out", tmp_path / "none" / "plan.xlsx")
    assert "cannot be written" in told


def read_sheet(path: Path) -> list[list[str]]:
    """Texts of the first sheet, row by row, as the format's standard has them (ECMA-376)."""
    main = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
    with zipfile.ZipFile(path) as book:
        known = ElementTree.fromstring(book.read("xl/sharedStrings.xml"))
        sheet = ElementTree.fromstring(book.read("xl/worksheets/sheet1.xml"))
    strings = ["".join(item.itertext()) for item in known]
    return [
        [strings[int(cell.findtext(f"{main}v") or 0)] if cell.get("t") == "s" else ""
         for cell in row] for row in sheet.iter(f"{main}row")
    ]  # fmt: skip


def test_explain_takes_a_plan_line_apart(home: Path) -> None:
    line = read(home, "replenishment_plan").filter(pl.col("date") == LAST_DAY).row(0, named=True)
    told = works(
        home, "explain", "--item", line["item_id"], "--location", "S01", "--date", LAST_DAY
    )
    for expected in (
        line["item_id"],
        "safety stock",
        "seasonal_naive",
        str(CUTOFF),
        "2024-04.jsonl: ",
    ):
        assert expected.lower() in told.lower()


def test_backtest_ends_with_a_leaderboard_and_its_plot(home: Path, tmp_path: Path) -> None:
    tried = copy(home, tmp_path / "home")
    told = works(tried, "backtest", "--origins", 2, "--horizon", 7)
    assert "2 origins, 7 days ahead" in told
    assert (tried / "leaderboard.png").read_bytes().startswith(b"\x89PNG")


def test_train_adds_an_earlier_cutoff_that_earlier_origins_then_rest_on(
    home: Path, tmp_path: Path
) -> None:
    trained = copy(home, tmp_path / "home")
    cutoff = CUTOFF - dt.timedelta(7)
    assert f"{cutoff}" in re.sub(r"\s", "", works(trained, "train", "--cutoff", cutoff))
    assert set(read(trained, "model_versions")["cutoff"]) == {cutoff, CUTOFF}
    origin = CUTOFF - dt.timedelta(1)
    works(trained, "run", "--from", origin, "--to", origin)
    issued = read(trained, "forecasts").filter(pl.col("origin") == origin)
    assert set(issued["training_cutoff"]) == {cutoff}


def test_restatement_replaces_only_the_days_it_names(home: Path, tmp_path: Path) -> None:
    restated = copy(home, tmp_path / "home")
    day = LAST_DAY - dt.timedelta(1)
    works(restated, "run", "--from", day, "--to", day, "--restate")
    revisions = dict(
        read(restated, "replenishment_plan").group_by("date").agg(pl.col("revision").max()).rows()
    )
    assert revisions == {LAST_DAY: 0, day: 1, day - dt.timedelta(1): 0}


def test_select_stops_after_a_table(home: Path, tmp_path: Path) -> None:
    stopped = copy(home, tmp_path / "home")
    shop.land_next_day(stopped)
    works(stopped, "run", "--select", "clean_demand")
    assert read(stopped, "clean_demand")["date"].max() == NEXT_DAY
    assert read(stopped, "features")["date"].max() == LAST_DAY


def test_item_that_the_model_has_never_seen_gets_a_forecast_and_a_plan_line(grown: Path) -> None:
    new = (pl.col("item_id") == "NEW-1", pl.col("origin") == NEXT_DAY)
    forecasts = read(grown, "forecasts").filter(*new)
    assert forecasts.height == 28
    assert forecasts["fallback_reason"].null_count() == 0
    assert set(forecasts["training_cutoff"]) == {CUTOFF}
    assert read(grown, "replenishment_plan").filter(*new).height == 1


def test_import_fills_an_empty_home_and_leaves_a_full_one_alone(tmp_path: Path) -> None:
    header = "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country"
    source = tmp_path / "online_retail_II.csv"
    source.write_text(
        shop.csv(
            header,
            "489434,85048,LIGHTS,12,2009-12-01 07:45:00,6.95,13085,United Kingdom",
            "C489449,85048,LIGHTS,-2,2009-12-02 10:33:00,6.95,13085,United Kingdom",
        )
    )
    home = tmp_path / "home"
    told = works(home, "import", "online-retail", source)
    assert "Landed 2009-12-01 to 2009-12-02. Next: forecast-platform run" in told
    assert "2009-12-01" in (home / "settings.toml").read_text()
    assert "already holds files" in refusal(home, "import", "online-retail", source)
    assert "already holds files" in refusal(home, "demo")


# What a person can get wrong: one sentence each, before any work where that is possible.


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["run"], "No sales have landed in"),
        (["backtest"], "no history"),
        (["explain", "--item", "A", "--location", "S", "--date", LAST_DAY], "no plan"),
        (["plan", "--date", LAST_DAY, "--out", "x.csv"], "holds nothing"),
        (["import", "m5", "nowhere"], "there is no such file"),
        (["import", "freshretailnet", "nowhere"], "nowhere"),
        (["import", "online-retail", "nowhere"], "there is no such file"),
        (["import", "online-retail", __file__], "cannot be read as Online Retail II"),
        (["demo", "--items", "0"], "items"),
    ],
    ids=lambda value: " ".join(map(str, value[:2])) if isinstance(value, list) else "",
)
def test_empty_home_is_told_what_is_missing(tmp_path: Path, words: list[object], told: str) -> None:
    assert told in refusal(tmp_path / "home", *words)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["explain", "--item", "[/x]", "--location", "S01", "--date", LAST_DAY], "of [/x] at S01"),
        (["forecasts", "--origin", "2023-01-01", "--out", "x.csv"], "run --from 2023-01-01"),
        (["plan", "--date", LAST_DAY, "--out", "x.ods"], "should end in .csv, .parquet or .xlsx"),
        (["plan", "--date", LAST_DAY, "--out", "no folder/x.csv"], "cannot be written"),
        (["train", "--cutoff", CUTOFF - dt.timedelta(1)], "cutoffs are Sundays"),
        (["train", "--cutoff", CUTOFF + dt.timedelta(70)], f"to {LAST_DAY}"),
        (["backtest", "--models", "oracle"], "choose from seasonal_naive"),
        (["backtest", "--origins", "50"], "fewer origins"),
        (["run", "--select", "nothing"], "choose from"),
        (["run", "--from", NEXT_DAY], f"to {LAST_DAY} have landed"),
        (["run", "--from", LAST_DAY, "--to", CUTOFF], "cannot be issued"),
        (["run", "--to", LAST_DAY], "need --from"),
        (["run", "--restate"], "need --from"),
        (["run", "--from", LAST_DAY, "--select", "features"], "leave out --from"),
    ],
    ids=lambda value: " ".join(map(str, value[:3])) if isinstance(value, list) else "",
)
def test_wrong_question_is_answered_by_one_sentence(
    home: Path, words: list[object], told: str
) -> None:
    assert told in refusal(home, *words)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"currency = = 3", "cannot be read as TOML"),
        (b'currency = "\xff"', "cannot be read as TOML"),
        (b'colour = "red"', "colour"),
        (b"horizon_days = 0", "greater than or equal to 1"),
        (b'timezone = "Mars/Base"', "is no time zone"),
        (b"end_date = 2001-01-01", "lies before start_date"),
    ],
)
def test_settings_that_do_not_fit_are_named(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "settings.toml").write_bytes(content)
    assert told in refusal(tmp_path, "doctor")


@pytest.mark.parametrize(
    ("value", "told"),
    [("arima", "lists are written as JSON"), ("[]", "at least 1"), ('["a", "a"]', "once")],
)
def test_models_in_the_environment_have_to_be_a_list(tmp_path: Path, value: str, told: str) -> None:
    assert told in refusal(tmp_path, "doctor", FORECAST_PLATFORM_MODELS=value)


def test_unknown_model_family_fails_its_training_by_name(home: Path, tmp_path: Path) -> None:
    tried = copy(home, tmp_path / "home")
    told = refusal(tried, "train", "--cutoff", CUTOFF, FORECAST_PLATFORM_MODELS='["oracle"]')
    assert "no model family 'oracle'" in told


def test_home_of_another_version_is_not_touched(home: Path, tmp_path: Path) -> None:
    older = copy(home, tmp_path / "home")
    (older / "lake" / "_layout").write_text("0\n")
    before = sorted(path.relative_to(older) for path in (older / "lake").rglob("*"))
    assert "forecast-platform upgrade" in refusal(older, "run")
    assert "forecast-platform upgrade" in refusal(
        older, "plan", "--date", LAST_DAY, "--out", tmp_path / "x.csv"
    )
    assert sorted(path.relative_to(older) for path in (older / "lake").rglob("*")) == before


def test_home_of_an_older_version_is_upgraded_and_keeps_what_was_issued(
    home: Path, tmp_path: Path
) -> None:
    older = copy(home, tmp_path / "home")
    issued = {name: read(older, name) for name in ("forecasts", "replenishment_plan")}
    sold = read(older, "validated_sales")
    make_older(older)
    # A file that was landed counts even if it was removed since.
    gone = next((older / "landing" / "sales").iterdir())
    gone.unlink()
    assert "forecast-platform upgrade" in refusal(older, "run")
    told = works(older, "upgrade")
    assert "lake.before-1" in told
    for name, column in DROPPED.items():
        closed = issued[name].filter(pl.col(contract_day(name)) < LAST_DAY)
        kept = read(older, name).filter(pl.col(contract_day(name)) < LAST_DAY)
        assert_frame_equal(kept.drop(column), closed.drop(column))
        assert kept[column].is_null().all()
    assert_frame_equal(read(older, "validated_sales"), sold)
    assert "of this version" in works(older, "upgrade")
    assert_frame_equal(read(older, "features"), read(home, "features"))


def test_home_of_a_newer_version_is_not_upgraded(home: Path, tmp_path: Path) -> None:
    newer = copy(home, tmp_path / "home")
    (newer / "lake" / "_layout").write_text("99\n")
    for verb in ("run", "upgrade"):
        assert "install the version that wrote it" in refusal(newer, verb)


def test_home_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home").touch()
    assert "cannot be written" in refusal(tmp_path / "home", "run")


def test_missing_model_is_named_with_the_command_that_brings_it_back(
    home: Path, grown: Path, tmp_path: Path
) -> None:
    bereft = copy(home, tmp_path / "home")
    (bereft / "models").rename(tmp_path / "taken away")
    shop.land_next_day(bereft)
    told = refusal(bereft, "run")
    assert "No saved model" in told
    assert str(CUTOFF) in told
    assert "train --cutoff" in told
    works(bereft, "train", "--cutoff", CUTOFF)
    works(bereft, "run")
    assert_frame_equal(read(bereft, "replenishment_plan"), read(grown, "replenishment_plan"))


def test_taken_port_is_named(home: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"Port {port} is taken" in refusal(home, "ui", "--port", port)


def test_two_runs_at_once_make_what_one_makes(home: Path, grown: Path, tmp_path: Path) -> None:
    shared = copy(home, tmp_path / "home")
    shop.land_next_day(shared)
    running = [
        subprocess.Popen(
            [shop.PROGRAM, "run"], env=shop.environment(shared),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for _ in range(2)
    ]  # fmt: skip
    ended = [(p.communicate(), p.returncode) for p in running]
    done = [shop.Done("run", code, *told) for told, code in ended]
    refused = [shop.sentence(one) for one in done if one.returncode]
    assert len(refused) < 2, refused
    shop.assert_same_tables(shared, grown)
