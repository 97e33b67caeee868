"""A shop's Postgres database feeds the landing folder."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import psycopg2
import pytest
from pydantic import SecretStr

from forecast_platform.connect.pull import Pulled, configured, pull
from forecast_platform.connect.reader import SourceError
from forecast_platform.connect.sql import SqlReader
from forecast_platform.connect.trial import try_source, try_sources
from forecast_platform.contracts import landed_table, raw
from forecast_platform.errors import ConfigurationError, LandingError
from forecast_platform.lake import Lake
from forecast_platform.settings import Settings
from forecast_platform.sources import land
from tests.connect.conftest import Execute

ORDERS = """
create table shop.lines (sold_at timestamptz, item text, shop text, pieces numeric, bill text,
                         line integer, changed timestamptz default '2026-03-01');
insert into shop.lines
select day, item, 'MAIN', 2, 'B' || day::date, row_number() over (partition by day),
       day + interval '1 hour'
from generate_series('2026-03-01 12:00Z'::timestamptz, '2026-03-10 12:00Z', '1 day') day,
     unnest(array['A', 'B', 'C']) item;
"""
SOURCES = """
sources:
  till:
    kind: sql
    address: {env: SHOP_DATABASE_URL}
    tables:
      sales:
        table: shop.lines
        columns: {sold_at: date, item: item_id, shop: location_id, pieces: units, bill: order_id,
                  line: order_line}
        watermark: changed
        reread_days: 2
"""


@pytest.fixture
def shop(home: Settings, execute: Execute) -> Settings:
    """A home whose till has three order lines on each of ten days."""
    execute(ORDERS)
    home.sources_path.write_text(SOURCES)
    return home


def pulled(shop: Settings) -> Pulled:
    (done,) = pull(shop, "till")
    return done


def day_file(shop: Settings, day: str) -> Path:
    return shop.landing / "sales" / f"till-{day}.parquet"


def landed(shop: Settings) -> pl.DataFrame:
    """What the files in the landing folder hold, day taken from their names."""
    files = sorted((shop.landing / "sales").glob("*.parquet"))
    return pl.concat(pl.read_parquet(file) for file in files)


def in_database(postgres: str) -> set[tuple[str, ...]]:
    connection = psycopg2.connect(postgres, options="-ctimezone=Europe/Berlin")
    with connection, connection.cursor() as cursor:
        cursor.execute("select sold_at::date::text, item, pieces::text, line::text from shop.lines")
        rows = {*cursor.fetchall()}
    connection.close()
    return rows


def in_landing(shop: Settings) -> set[tuple[str, ...]]:
    rows = landed(shop).select(pl.col("date").str.head(10), "item_id", "units", "order_line")
    return {*rows.iter_rows()}


def raw_units(shop: Settings) -> float:
    """Units in the raw table once all files have landed."""
    lake = Lake(shop.lake)
    assert not land(lake, shop).tables["sales"].refused
    rows = lake.scan(raw(landed_table("sales"))).collect()
    return float(rows["units"].cast(pl.Float64).sum())


def test_first_pull_makes_a_file_per_day(shop: Settings, postgres: str) -> None:
    done = pulled(shop)
    assert (done.rows, done.days, done.files) == (30, 10, 10)
    assert in_landing(shop) == in_database(postgres)
    assert raw_units(shop) == 3 * 10 * 2


def test_any_text_comes_as_it_is(home: Settings, execute: Execute, postgres: str) -> None:
    texts = [
        "a\tb",
        "a\\tb",
        "\\N",
        "",
        "\r\n",
        "\"q\" 'r'",
        "ä€😀",
        "\\",
        "a\x0b\x08\x0c",
        "%s %",
        ":x",
    ]
    execute("create table shop.goods (item_id text, name text)")
    connection = psycopg2.connect(postgres)
    with connection, connection.cursor() as cursor:
        for number, text in enumerate([*texts, None]):
            cursor.execute("insert into shop.goods values (%s, %s)", (f"{number:02}", text))
    connection.close()
    home.sources_path.write_text(
        "sources: {erp: {kind: sql, address: {env: SHOP_DATABASE_URL}, "
        "tables: {products: {table: shop.goods}}}}"
    )
    pull(home, "erp")
    rows = pl.read_parquet(home.landing / "products" / "erp.parquet").sort("item_id")
    assert rows["name"].to_list() == [*texts, None]


def test_visitors_are_pseudonyms_before_a_file_is_written(home: Settings, execute: Execute) -> None:
    execute("create table shop.events (date date, user_id text, item_id text, location_id text, "
            "event text, event_id text); insert into shop.events values "
            "('2026-03-02', 'alice@example.org', 'A', 'N', 'view', 'alice@example.org-1'), "
            "('2026-03-02', 'alice@example.org', 'A', 'N', 'BOB-77', null)")  # fmt: skip
    home.sources_path.write_text(
        "sources: {web: {kind: sql, address: {env: SHOP_DATABASE_URL}, "
        "tables: {user_events: {table: shop.events}}}}"
    )
    with pytest.raises(LandingError, match="set pseudonym_key"):
        pull(home, "web")
    assert not home.landing.exists()
    keyed = home.model_copy(update={"pseudonym_key": SecretStr("k" * 32)})
    (done,) = pull(keyed, "web")
    assert (done.rows, done.files) == (2, 1)
    (again,) = pull(keyed, "web")
    assert again.files == 0
    (path,) = home.landing.rglob("*.parquet")
    rows = pl.read_parquet(path)
    assert rows["user_id"].str.starts_with("p_").all()
    assert "BOB-77" not in str(rows.rows())
    lake = Lake(home.lake)
    land(lake, keyed, now=time.time() + 60)
    landed_ids = lake.scan(raw(landed_table("user_events"))).collect()["user_id"]
    assert {*landed_ids} == {*rows["user_id"]}
    stored = b"".join(path.read_bytes() for path in home.home.rglob("*") if path.is_file())
    assert b"alice" not in stored


def test_a_delivery_and_a_deleted_line_of_an_order_are_seen(
    home: Settings, execute: Execute
) -> None:
    execute("create table shop.orders (sent date, number text, item_id text, location_id text, "
            "quantity numeric, expected date, received date, changed timestamptz); "
            "insert into shop.orders values "
            "('2026-03-01', 'P1', 'A', 'N', 5, '2026-03-04', null, '2026-03-01 10:00Z'), "
            "('2026-03-09', 'P2', 'A', 'N', 5, '2026-03-12', null, '2026-03-09 10:00Z'), "
            "('2026-03-09', 'P2', 'B', 'N', 5, '2026-03-12', null, '2026-03-09 10:00Z')"
            )  # fmt: skip
    home.sources_path.write_text(
        "sources: {erp: {kind: sql, address: {env: SHOP_DATABASE_URL}, "
        "tables: {purchase_orders: "
        "{table: shop.orders, watermark: changed, reread_days: 2, columns: {sent: date, "
        "number: order_id, expected: expected_date, received: received_date}}}}}"
    )
    pull(home, "erp")
    execute("update shop.orders set received = '2026-03-05', changed = '2026-03-10 10:00Z' "
            "where number = 'P1'; delete from shop.orders where item_id = 'B'")  # fmt: skip
    (done,) = pull(home, "erp")
    assert done.files == 2
    files = sorted((home.landing / "purchase_orders").glob("*.parquet"))
    rows = pl.concat(pl.read_parquet(file) for file in files)
    assert rows.select("order_id", "item_id", "received_date").rows() == [
        ("P1", "A", "2026-03-05"), ("P2", "A", None)
    ]  # fmt: skip


def test_nothing_new_writes_nothing(shop: Settings) -> None:
    pulled(shop)
    times = {file: file.stat().st_mtime_ns for file in shop.landing.rglob("*.parquet")}
    again = pulled(shop)
    assert (again.days, again.files) == (2, 0)
    assert {file: file.stat().st_mtime_ns for file in times} == times


def test_update_of_an_old_day_replaces_its_file_alone(
    shop: Settings, execute: Execute, postgres: str
) -> None:
    pulled(shop)
    raw_units(shop)
    execute("update shop.lines set pieces = 5, changed = '2026-03-11' where bill = 'B2026-03-02' "
            "and item = 'A'")  # fmt: skip
    done = pulled(shop)
    assert done.files == 1
    assert in_landing(shop) == in_database(postgres)
    assert raw_units(shop) == 3 * 10 * 2 + 3


def test_change_committed_late_is_seen_within_the_overlap(
    shop: Settings, execute: Execute, postgres: str
) -> None:
    execute("update shop.lines set changed = '2026-03-11 12:00Z' where bill = 'B2026-03-10'")
    pulled(shop)
    # Older than the newest watermark already pulled: its transaction took half an hour.
    execute("insert into shop.lines values ('2026-03-03 12:00Z', 'D', 'MAIN', 1, 'L', 9, "
            "'2026-03-11 11:30Z')")  # fmt: skip
    assert pulled(shop).files == 1
    assert in_landing(shop) == in_database(postgres)


def test_deletes_among_the_newest_days_are_seen(
    shop: Settings, execute: Execute, postgres: str
) -> None:
    pulled(shop)
    execute("delete from shop.lines where bill = 'B2026-03-10' or (bill = 'B2026-03-09' "
            "and item = 'A')")  # fmt: skip
    assert pulled(shop).files == 2
    assert in_landing(shop) == in_database(postgres)
    emptied = pl.read_parquet(day_file(shop, "2026-03-10"))
    assert (emptied.height, emptied.columns[:2]) == (0, ["date", "item_id"])
    assert pulled(shop).files == 0


def test_older_deletes_are_seen_when_asked_for(
    shop: Settings, execute: Execute, postgres: str
) -> None:
    pulled(shop)
    execute("delete from shop.lines where bill = 'B2026-03-04'")
    assert pulled(shop).files == 0
    pull(shop, "till", again_from=dt.date(2026, 3, 4))
    assert in_landing(shop) == in_database(postgres)


def test_days_are_those_of_the_shops_time_zone(shop: Settings, execute: Execute) -> None:
    execute("insert into shop.lines values ('2026-03-04 23:30Z', 'NIGHT', 'MAIN', 1, 'N', 1)")
    pulled(shop)
    assert "NIGHT" in pl.read_parquet(day_file(shop, "2026-03-05"))["item_id"].to_list()


def test_broken_off_pull_goes_on_with_the_day_it_had_come_to(
    shop: Settings, execute: Execute, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = SqlReader.days

    def broken(
        self: SqlReader, table: str, days: list[dt.date]
    ) -> Iterator[tuple[dt.date, pl.DataFrame]]:
        for number, found in enumerate(whole(self, table, days)):
            if number == 4:
                raise KeyboardInterrupt
            yield found

    with monkeypatch.context() as patch:
        patch.setattr(SqlReader, "days", broken)
        with pytest.raises(KeyboardInterrupt):
            pulled(shop)
    assert len(list(shop.landing.rglob("*.parquet"))) == 4
    # A day that was read already changes before the pull goes on.
    execute("update shop.lines set pieces = 7, changed = '2026-03-11' where bill = 'B2026-03-01'")
    done = pulled(shop)
    assert done.files == 7
    assert in_landing(shop) == in_database(postgres)


def test_table_without_days_is_one_file(home: Settings, execute: Execute) -> None:
    execute("create table shop.goods (sku text, name text, cost numeric); "
            "insert into shop.goods values ('A', null, 2.50), ('B', null, null)")  # fmt: skip
    home.sources_path.write_text(
        "sources: {erp: {kind: sql, address: {env: SHOP_DATABASE_URL}, tables: {products: "
        "{table: shop.goods, columns: {sku: item_id, cost: unit_cost}}}}}"
    )
    pull(home, "erp")
    rows = pl.read_parquet(home.landing / "products" / "erp.parquet")
    assert rows.rows() == [("A", None, "2.50"), ("B", None, None)]
    execute("delete from shop.goods")
    pull(home, "erp")
    assert pl.read_parquet(home.landing / "products" / "erp.parquet").is_empty()


@pytest.mark.parametrize(
    "hostile",
    ['item"; drop table shop.lines; --', "item; drop table shop.lines", "item) from x; --", "%s:x"],
)
def test_names_in_the_configuration_cannot_be_sql(
    shop: Settings, postgres: str, hostile: str
) -> None:
    before = in_database(postgres)
    for text in (
        SOURCES.replace("item: item_id", f"'{hostile}': item_id"),
        SOURCES.replace("table: shop.lines", f"table: 'shop.{hostile}'"),
        SOURCES.replace("table: shop.lines", f"table: '{hostile}'"),
        SOURCES.replace("watermark: changed", f"watermark: '{hostile}'"),
    ):
        shop.sources_path.write_text(text)
        with pytest.raises(SourceError):
            pulled(shop)
    assert in_database(postgres) == before


def test_odd_but_true_names_are_read(home: Settings, execute: Execute) -> None:
    execute('create table shop."odd; ""name" ("Item %s" text, "a:b" text); '
            "insert into shop.\"odd; \"\"name\" values ('A', 'x''; drop')")  # fmt: skip
    home.sources_path.write_text(
        "sources: {erp: {kind: sql, address: {env: SHOP_DATABASE_URL}, tables: {products: "
        "{table: 'shop.odd; \"name', columns: {'Item %s': item_id, 'a:b': name}}}}}"
    )
    pull(home, "erp")
    rows = pl.read_parquet(home.landing / "products" / "erp.parquet")
    assert rows.rows() == [("A", "x'; drop")]


def test_a_query_can_only_read(shop: Settings, postgres: str) -> None:
    query = "select *, '10:30'::text as at, 5 % 3 as rest from shop.lines"
    shop.sources_path.write_text(SOURCES.replace("table: shop.lines", f'query: "{query}"'))
    assert pulled(shop).rows == 30
    before = in_database(postgres)
    query = "select * from shop.lines) x; commit; drop table shop.lines"
    shop.sources_path.write_text(SOURCES.replace("table: shop.lines", f'query: "{query}"'))
    with pytest.raises(ConfigurationError, match="without a semicolon"):
        pulled(shop)
    assert in_database(postgres) == before


def test_a_function_of_a_query_can_only_read(
    shop: Settings, execute: Execute, postgres: str
) -> None:
    execute("create function shop.wipe() returns int language sql as "
            "'delete from shop.lines; select 1'")  # fmt: skip
    before = in_database(postgres)
    query = "select *, shop.wipe() as wiped from shop.lines"
    shop.sources_path.write_text(
        SOURCES.replace("table: shop.lines", f'query: "{query}"').replace(
            "line: order_line", "line: order_line, wiped: unit_price"
        )
    )
    with pytest.raises(SourceError, match="read-only"):
        pulled(shop)
    assert in_database(postgres) == before


def test_trying_tells_what_was_found(shop: Settings) -> None:
    (tried,) = try_source("till", configured(shop)["till"], shop)
    assert tried.ok
    assert "6 of 7 columns matched; without the optional unit_price" in tried.told
    assert "days 2026-03-01 to 2026-03-10; 3 rows on the last" in tried.told
    assert "newest change 2026-03-10 14:00:00+01" in tried.told
    assert not shop.landing.exists()


def test_what_is_wrong_with_all_sources_is_one_list(home: Settings, execute: Execute) -> None:
    assert try_sources(home) == []
    execute(ORDERS)
    home.sources_path.write_text(
        SOURCES + SOURCES.split("sources:\n")[1].replace("till:", "lost:").replace(
            "shop.lines", "shop.nowhere")
    )  # fmt: skip
    good, bad = try_sources(home)
    assert (good.what, good.ok, bad.what, bad.ok) == ("till.sales", True, "lost.sales", False)
    assert "does not exist" in bad.told
    home.sources_path.write_text("sources: [")
    (unreadable,) = try_sources(home)
    assert not unreadable.ok
    assert "cannot be read as YAML" in unreadable.told


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("shop.lines", "shop.nowhere"), "does not exist"),
        (("pieces: units", "parts: units"), "no column ['parts']"),
        (("pieces: units, ", ""), "nothing gives the columns ['units']"),
        (("SHOP_DATABASE_URL", "NO_SUCH_VARIABLE"), "NO_SUCH_VARIABLE, which is empty"),
    ],
)
def test_trying_tells_what_is_wrong(shop: Settings, change: tuple[str, str], told: str) -> None:
    shop.sources_path.write_text(SOURCES.replace(*change))
    (tried,) = try_source("till", configured(shop)["till"], shop)
    assert not tried.ok
    assert told in tried.told
    assert "sesame" not in tried.told


@pytest.mark.parametrize(
    "address", ["mysql://u:sesame@h/d", "sesame", "postgresql://u:sesame@/d?host=/nowhere"]
)
def test_an_address_that_serves_nothing_is_told_without_its_password(
    shop: Settings, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("SHOP_DATABASE_URL", address)
    (tried,) = try_source("till", configured(shop)["till"], shop)
    assert not tried.ok
    assert "sesame" not in tried.told
