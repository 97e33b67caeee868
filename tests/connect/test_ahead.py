"""Rows dated ahead stop no feed: they wait for their day, unless landing accepts it already."""

from __future__ import annotations

import datetime as dt
import json
import time

import polars as pl
import pytest

from forecast_platform.connect.pull import Pulled, pull
from forecast_platform.connect.trial import try_sources
from forecast_platform.lake.days import ONE_DAY
from forecast_platform.settings import Settings
from tests import command_line as terminal
from tests.connect.conftest import Execute, FaultyService

TODAY = dt.datetime.now(dt.UTC).date()
TABLE = "create table shop.lines (day date, item text, pieces int, changed timestamptz);"
LINES = f"""
insert into shop.lines select day, 'A', 2, day
from generate_series('{TODAY - 40 * ONE_DAY}'::timestamp, '{TODAY - ONE_DAY}', '1 day') day
"""
SOURCES = """
sources:
  till:
    kind: sql
    address: {env: SHOP_DATABASE_URL}
    tables:
      sales:
        query: select day, item, 'M' as location_id, pieces, changed from shop.lines
        columns: {day: date, item: item_id, pieces: units}
        reread_days: 2
"""
MARKED = SOURCES + "        watermark: changed\n"


@pytest.fixture
def shop(home: Settings, execute: Execute) -> Settings:
    """A home that reads forty days of a till up to yesterday, without a watermark."""
    execute(TABLE + LINES)
    home.sources_path.write_text(SOURCES)
    return home.model_copy(
        update={"start_date": TODAY - 40 * ONE_DAY, "end_date": None, "timezone": "UTC"}
    )


def pulled(shop: Settings) -> Pulled:
    (done,) = pull(shop, "till")
    return done


def units(shop: Settings) -> dict[str, int]:
    """Units in the landing folder by day."""
    files = sorted((shop.landing / "sales").glob("*.parquet"))
    rows = pl.concat(pl.read_parquet(file) for file in files)
    days = rows.group_by("date").agg(pl.col("units").cast(pl.Int64).sum())
    return dict(days.sort("date").iter_rows())


def sold(day: dt.date | str, units: int, changed: str = "now()") -> str:
    return f"insert into shop.lines values ('{day}', 'B', {units}, {changed})"


def told_state(shop: Settings, **entry: object) -> None:
    """Change what the state file says about sales."""
    path = shop.home / "sources" / "till.json"
    state = json.loads(path.read_text())
    state["sales"] |= entry
    path.write_text(json.dumps(state))


@pytest.mark.parametrize("wrong", ["2099-01-01", "9999-12-31", "infinity"])
def test_after_a_row_dated_ahead_today_is_read_and_deletes_are_seen(
    shop: Settings, execute: Execute, wrong: str
) -> None:
    execute(sold(wrong, 1))
    done = pulled(shop)
    assert (done.files, str(done.ahead)) == (40, min(wrong, "9999-12-31"))
    execute(f"{sold(TODAY, 5)}; delete from shop.lines where day = '{TODAY - ONE_DAY}'")
    assert pulled(shop).files == 2
    assert units(shop).get(str(TODAY - ONE_DAY)) is None
    assert units(shop)[str(TODAY)] == 5
    assert max(units(shop)) == str(TODAY)


def test_a_till_that_lags_is_read_on_beside_a_row_dated_ahead(
    shop: Settings, execute: Execute
) -> None:
    execute(f"delete from shop.lines where day > '{TODAY - 20 * ONE_DAY}'")
    execute(sold("2099-01-01", 1))
    pulled(shop)
    execute(sold(TODAY - 15 * ONE_DAY, 7))
    pulled(shop)
    assert units(shop)[str(TODAY - 15 * ONE_DAY)] == 7


def test_a_row_dated_tomorrow_is_read_when_its_day_has_come(
    shop: Settings, execute: Execute, monkeypatch: pytest.MonkeyPatch
) -> None:
    tomorrow = TODAY + ONE_DAY
    execute(sold(tomorrow, 4))
    pulled(shop)
    assert str(tomorrow) not in units(shop)
    now = time.time()
    monkeypatch.setattr("forecast_platform.connect.pull.time.time", lambda: now + 24 * 60 * 60)
    pulled(shop)
    assert units(shop)[str(tomorrow)] == 4


def test_days_ahead_that_landing_accepts_are_read_and_their_deletes_seen(
    shop: Settings, execute: Execute
) -> None:
    ahead = TODAY + 20 * ONE_DAY
    open_shop = shop.model_copy(update={"end_date": TODAY + 30 * ONE_DAY})
    execute(sold(ahead, 4))
    done = pulled(open_shop)
    assert (done.files, done.ahead) == (41, None)
    execute(f"{sold(TODAY, 5)}; delete from shop.lines where day = '{ahead}'")
    assert pulled(open_shop).files == 2
    assert (units(shop)[str(TODAY)], str(ahead) in units(shop)) == (5, False)


def test_a_state_that_says_a_day_to_come_was_read_reads_all_days_again(
    shop: Settings, execute: Execute
) -> None:
    pulled(shop)
    told_state(shop, last="2099-01-01", remaining=["2098-12-31", "2099-01-01"])
    execute(f"{sold(TODAY, 5)}; {sold(TODAY - 30 * ONE_DAY, 3)}")
    assert pulled(shop).files == 2
    assert units(shop)[str(TODAY - 30 * ONE_DAY)] == 5
    assert pulled(shop).days < 5


def test_a_state_of_a_till_that_lags_is_healed_to_the_day_it_has_come_to(
    shop: Settings, execute: Execute
) -> None:
    execute(f"delete from shop.lines where day > '{TODAY - 20 * ONE_DAY}'")
    pulled(shop)
    told_state(shop, last="2099-01-01")
    pulled(shop)
    execute(sold(TODAY - 15 * ONE_DAY, 7))
    assert pulled(shop).files == 1


@pytest.mark.parametrize("wrong", ["'2099-01-01'", "'infinity'"])
def test_a_change_dated_ahead_hides_no_later_change(
    shop: Settings, execute: Execute, wrong: str
) -> None:
    shop.sources_path.write_text(MARKED)
    execute(sold(TODAY - 20 * ONE_DAY, 1, wrong))
    pulled(shop)
    execute(sold(TODAY - 30 * ONE_DAY, 3))
    pulled(shop)
    assert units(shop)[str(TODAY - 30 * ONE_DAY)] == 5


def test_a_state_with_a_watermark_ahead_reads_all_days_again(
    shop: Settings, execute: Execute
) -> None:
    shop.sources_path.write_text(MARKED)
    pulled(shop)
    told_state(shop, watermark="2099-01-01 00:00:00+00")
    execute(sold(TODAY - 30 * ONE_DAY, 3, "now() - interval '30 days'"))
    assert pulled(shop).files == 1
    assert units(shop)[str(TODAY - 30 * ONE_DAY)] == 5
    assert pulled(shop).days < 5


def test_a_till_with_only_rows_dated_ahead_has_read_nothing(
    shop: Settings, execute: Execute
) -> None:
    execute(f"delete from shop.lines; {sold('2099-01-01', 1)}")
    assert pulled(shop).days == 0
    execute(LINES)
    assert pulled(shop).files == 40


def test_rows_dated_ahead_are_told(shop: Settings, execute: Execute, postgres: str) -> None:
    execute(sold("9999-12-31", 1))
    (tried,) = try_sources(shop)
    assert tried.ok
    assert "1 rows on the last; newest row dated 9999-12-31" in tried.told
    said = terminal.works(
        shop.home, "sources", "pull", SHOP_DATABASE_URL=postgres,
        FORECAST_PLATFORM_START_DATE=str(shop.start_date),
    )  # fmt: skip
    assert "rows dated up to 9999-12-31 are left" in said


def test_one_answer_with_a_day_ahead_is_read_on(shop: Settings, service: FaultyService) -> None:
    def row(day: object, pieces: int) -> dict[str, object]:
        return {"date": str(day), "item_id": "A", "location_id": "M", "units": pieces}

    service.tables["lines"] = [row(TODAY - 9 * ONE_DAY, 1), row("9999-12-31", 1)]
    shop.sources_path.write_text(
        f"sources: {{till: {{kind: rest, address: '{service.address}', auth: {{kind: bearer, "
        "secret: {env: SHOP_TOKEN}}, tables: {sales: {path: lines, rows: rows}}}}"
    )
    assert pulled(shop).ahead == dt.date.max
    service.tables["lines"] += [row(TODAY - 8 * ONE_DAY, 2), row(TODAY, 3)]
    pulled(shop)
    assert [*units(shop).values()] == [1, 2, 3]
