"""A shop's web service feeds the landing folder, however badly it answers."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from forecast_platform.connect.config import (
    Pages,
    RestFeed,
    RestSource,
    SqlFeed,
    SqlSource,
    load_sources,
)
from forecast_platform.connect.demo_service import Rows
from forecast_platform.connect.pull import Pulled, configured, pull
from forecast_platform.connect.reader import SourceError
from forecast_platform.connect.trial import try_source, try_sources
from forecast_platform.errors import ConfigurationError
from forecast_platform.settings import Settings
from tests.connect.conftest import TOKEN, Faulty, FaultyService

DAYS = [f"2026-03-{day:02}" for day in range(1, 11)]
SOURCES = """
sources:
  web:
    kind: rest
    address: ADDRESS
    auth: {kind: bearer, secret: {env: SHOP_TOKEN}}
    requests_per_second: 1000
    attempts: 3
    backoff_seconds: 0
    tables:
      sales:
        path: lines
        params: {day: "{day}"}
        rows: rows
        pages: {kind: number, size: 2, size_parameter: size, total: total}
        columns: {sku: item_id, branch: location_id, pieces: units}
        watermark: changed_at
        changed: {since: "{since}"}
        reread_days: 2
"""


def lines() -> Rows:
    """Three order lines on each of ten days."""
    return [
        {"date": day, "sku": item, "branch": "MAIN", "pieces": 2.5, "changed_at": day}
        for day in DAYS
        for item in "ABC"
    ]


@pytest.fixture
def shop(home: Settings, service: FaultyService) -> Settings:
    """A home that reads the web service, two rows a page."""
    service.tables["lines"] = lines()
    home.sources_path.write_text(SOURCES.replace("ADDRESS", service.address))
    return home


def pulled(shop: Settings) -> Pulled:
    (done,) = pull(shop, "web")
    return done


def in_landing(shop: Settings) -> set[tuple[str, ...]]:
    files = sorted((shop.landing / "sales").glob("*.parquet"))
    rows = pl.concat(pl.read_parquet(file) for file in files)
    return {*rows.select("date", "item_id", "units").iter_rows()}


def in_service(service: FaultyService) -> set[tuple[str, ...]]:
    rows = service.tables["lines"]
    return {(row["date"], row["sku"], json.dumps(row["pieces"])) for row in rows}


def test_pages_of_every_day_become_a_file_per_day(shop: Settings, service: FaultyService) -> None:
    done = pulled(shop)
    assert (done.rows, done.days, done.files) == (30, 10, 10)
    assert in_landing(shop) == in_service(service)
    assert pulled(shop).files == 0


def too_many(request: Faulty) -> None:
    body = b"later"
    request.send_response(429)
    request.send_header("Retry-After", "0")
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


def broken(request: Faulty) -> None:
    request.answer(500, {"error": "sesame"})


def half_a_page(request: Faulty) -> None:
    request.send_response(200)
    request.send_header("Content-Length", "1000")
    request.end_headers()
    request.wfile.write(b'{"total": 3, "rows": [{"date": "2026-')
    request.close_connection = True


def wrong_json(request: Faulty) -> None:
    body = b"<html>maintenance</html>"
    request.send_response(200)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


def hung_up(request: Faulty) -> None:
    request.close_connection = True


FAULTS = [too_many, broken, half_a_page, wrong_json, hung_up]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_request_that_fails_is_made_again(
    shop: Settings, service: FaultyService, fault: Callable[[Faulty], None]
) -> None:
    service.faults = [fault, fault]
    pulled(shop)
    assert in_landing(shop) == in_service(service)


@pytest.mark.parametrize("fault", FAULTS)
def test_what_was_read_before_a_failure_is_kept_and_not_read_again(
    shop: Settings, service: FaultyService, fault: Callable[[Faulty], None]
) -> None:
    def on_the_fifth(request: Faulty) -> bool | None:
        return fault(request) if DAYS[4] in request.path else False

    service.faults = [on_the_fifth] * 3
    with pytest.raises(SourceError, match="pull again to go on") as refused:
        pulled(shop)
    assert TOKEN not in str(refused.value)
    files = sorted(path.name for path in shop.landing.rglob("*.parquet"))
    assert files == [f"web-{day}.parquet" for day in DAYS[:4]]
    service.asked.clear()
    assert pulled(shop).files == 6
    assert in_landing(shop) == in_service(service)
    assert not any(f"day={DAYS[1]}" in path for path in service.asked)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"error": "not today"}, "has no list of rows"),
        ({"rows": {"sku": "A"}}, "has no list of rows"),
        ({"rows": [1, 2, 3]}, "are not rows"),
        ({"rows": [[{"sku": "A"}]]}, "are not rows"),
    ],
)
def test_an_answer_that_is_no_table_empties_no_day(
    shop: Settings, service: FaultyService, answer: dict[str, Any], told: str
) -> None:
    pulled(shop)
    before = in_landing(shop)
    service.faults = [lambda request: request.answer(200, answer)] * 4
    with pytest.raises(SourceError, match=told):
        pulled(shop)
    assert in_landing(shop) == before


def test_rows_that_were_announced_and_did_not_come_are_missed(
    shop: Settings, service: FaultyService
) -> None:
    service.faults = [lambda request: request.answer(200, {"total": 3, "rows": []})]
    with pytest.raises(SourceError, match="0 rows came of 3"):
        pulled(shop)


def test_a_change_of_an_old_day_is_seen(shop: Settings, service: FaultyService) -> None:
    pulled(shop)
    service.tables["lines"][0] |= {"pieces": 9, "changed_at": "9999-01-01"}
    assert pulled(shop).files == 1
    assert in_landing(shop) == in_service(service)


def test_deletes_among_the_newest_days_are_seen(shop: Settings, service: FaultyService) -> None:
    pulled(shop)
    del service.tables["lines"][-4:]
    assert pulled(shop).files == 2
    assert in_landing(shop) == in_service(service)


def test_a_secret_stays_with_its_host(shop: Settings, service: FaultyService) -> None:
    shop.sources_path.write_text(
        shop.sources_path.read_text().replace("kind: number", "kind: link")
    )
    there = {"next": "http://127.0.0.1:1/steal", "rows": lines()[:1]}
    service.faults = [lambda request: request.answer(200, there)]
    with pytest.raises(SourceError, match=r"said to lie at http://127\.0\.0\.1:1"):
        pulled(shop)


def test_a_short_page_before_others_is_no_end(home: Settings, service: FaultyService) -> None:
    home.sources_path.write_text(
        SOURCES.replace("ADDRESS", service.address).replace("kind: number", "kind: offset")
        .replace(", total: total", "")
    )  # fmt: skip
    answers = [{"rows": lines()[:1]}, {"rows": lines()[1:3]}]
    service.faults = [
        lambda request, answer=answer: request.answer(200, answer) for answer in answers
    ]
    with pytest.raises(SourceError, match="fewer rows than asked for"):
        pulled(home)


@pytest.mark.parametrize("kind", ["offset", "cursor", "link"])
def test_other_ways_to_page(home: Settings, service: FaultyService, kind: str) -> None:
    """The service answers the first two pages of one question in the way that is asked for."""
    home.sources_path.write_text(
        f"sources: {{web: {{kind: rest, address: '{service.address}', tables: {{products: "
        f"{{path: goods, rows: data.rows, pages: {{kind: {kind}, size: 2, next: more}}}}}}}}}}"
    )
    more = {"cursor": "abc", "link": f"{service.address}/goods?cursor=abc"}.get(kind)
    first = {"data": {"rows": [{"item_id": "A"}, {"item_id": "B"}]}, "more": more}
    second = {"data": {"rows": [{"item_id": "C"}]}, "more": None}
    empty: dict[str, Any] = {"data": {"rows": []}}
    service.faults = [
        lambda request, answer=answer: request.answer(200, answer)
        for answer in (first, second, empty)
    ]
    pull(home, "web")
    assert pl.read_parquet(home.landing / "products" / "web.parquet").rows() == [
        ("A",), ("B",), ("C",),
    ]  # fmt: skip
    assert ("offset=2" if kind == "offset" else "cursor=abc") in service.asked[1]


def test_one_answer_with_all_days_is_split_by_day(home: Settings, service: FaultyService) -> None:
    service.tables["stock"] = [
        {"date": f"{day}T18:00:00", "item_id": "A", "location_id": "M", "open": True, "on_hand": n}
        for n, day in enumerate(DAYS)
    ]
    home.sources_path.write_text(
        f"sources: {{web: {{kind: rest, address: '{service.address}', auth: {{kind: bearer, "
        "secret: {env: SHOP_TOKEN}}, requests_per_second: 1000, tables: {inventory: {path: stock, "
        "rows: rows}}}}"
    )
    (done,) = pull(home, "web")
    assert (done.rows, done.files) == (10, 10)


def test_the_library_tells_its_makers_nothing(shop: Settings, service: FaultyService) -> None:
    pulled(shop)
    tracker = importlib.import_module("dlt.common.runtime.anon_tracker")
    assert tracker._ANON_TRACKER_ENDPOINT is None


def test_trying_tells_what_was_found(shop: Settings) -> None:
    (tried,) = try_source("web", configured(shop)["web"], shop)
    assert tried.ok, tried.told
    assert "4 of 7 columns matched" in tried.told
    assert "3 rows on the last" in tried.told


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("SHOP_TOKEN", "HOME"), "401 Unauthorized"),
        (("path: lines", "path: nowhere"), "404 Not Found"),
        (("sku: item_id", "gone: item_id"), "no column ['gone']"),
        (("rows: rows", "rows: data"), "no list of rows at 'data'"),
    ],
)
def test_trying_tells_what_is_wrong(shop: Settings, change: tuple[str, str], told: str) -> None:
    shop.sources_path.write_text(shop.sources_path.read_text().replace(*change))
    (tried,) = try_source("web", configured(shop)["web"], shop)
    assert not tried.ok
    assert told in tried.told


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (("rows: rows", "rows: '$..['"), "web.tables.sales.rows"),
        (("total: total", "total: 'a b'"), "web.tables.sales.pages.total"),
        (("total: total", "next: ''"), "web.tables.sales.pages.next"),
        (("rows: rows", "rows: '$.a.`sub(/x/`'"), "web.tables.sales.rows"),
    ],
)
def test_what_is_no_json_path_is_told_before_anything_is_asked(
    shop: Settings, service: FaultyService, change: tuple[str, str], key: str
) -> None:
    shop.sources_path.write_text(shop.sources_path.read_text().replace(*change))
    with pytest.raises(ConfigurationError, match=f"{key} is .*, which is no JSON path"):
        pulled(shop)
    (tried,) = try_sources(shop)
    assert not tried.ok
    assert key in tried.told
    assert service.asked == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("sources: [1]", "sources"),
        ("sources: {Till: {kind: rest, address: 'http://h', tables: {sales: {path: x}}}}", "Till"),
        ("sources: {a: {kind: ftp}}", "ftp"),
        ("sources: {a: {kind: rest, address: 'http://u:p@h', tables: {sales: {path: x}}}}",
         "pattern"),
        ("sources: {a: {kind: rest, address: 'http://shop.example', auth: {kind: bearer, secret: "
         "{env: A}}, tables: {sales: {path: x}}}}", "https://"),
        ("sources: {a: {kind: rest, address: 'http://h', tables: {tales: {path: x}}}}", "tales"),
        ("sources: {a: {kind: rest, address: 'http://h', tables: {sales: {path: x, columns: "
         "{a: b}}}}}", "['b'] not known"),
        ("sources: {a: {kind: sql, address: 'postgresql://u:p@h/d', tables: {sales: {table: x}}}}",
         "address"),
        ("sources: {a: {kind: sql, address: {env: A, file: b}, tables: {sales: {table: x}}}}",
         "either `env`"),
        ("sources: {a: {kind: sql, address: {env: A}, tables: {sales: {table: x, query: y}}}}",
         "either `table`"),
        ("sources: {a: {kind: sql, address: {env: A}, tables: {products: {table: x, "
         "watermark: w}}}}", "no `watermark`"),
        ("sources: {a: {kind: sql, address: {env: A}, schedule: often, "
         "tables: {sales: {table: x}}}}", "sources.a.sql.schedule: Value error, is no cron"),
        ("sources: {a: {kind: rest, address: 'http://h', tables: {sales: {path: x, "
         "watermark: w}}}}", "`watermark` needs `changed`"),
        ("sources: {", "YAML"),
        ("", "names no source"),
    ],
)  # fmt: skip
def test_a_configuration_that_does_not_fit_is_told(home: Settings, text: str, told: str) -> None:
    home.sources_path.write_text(text)
    with pytest.raises(ConfigurationError) as refused:
        configured(home)
    assert told in str(refused.value)
    assert "u:p@" not in str(refused.value)


def test_the_example_of_the_docs_fits_and_names_every_key() -> None:
    path = Path(__file__).parents[2] / "docs" / "examples" / "sources.yaml"
    sources = load_sources(path)
    assert [source.kind for source in sources.values()] == ["sql", "rest"]
    text = path.read_text()
    parts = (SqlSource, RestSource, SqlFeed, RestFeed, Pages)
    keys = {key for part in parts for key in part.model_fields}
    assert {key for key in keys if f"{key}:" not in text} == set()
