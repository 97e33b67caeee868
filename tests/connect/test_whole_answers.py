"""A service that answers with all days at once: each of its days is read again by every pull."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
import pytest

from forecast_platform.connect.pull import Pulled, pull
from forecast_platform.connect.reader import SourceError
from forecast_platform.settings import Settings
from tests.connect.conftest import FaultyService

SOURCES = """
sources:
  web:
    kind: rest
    address: ADDRESS
    auth: {kind: bearer, secret: {env: SHOP_TOKEN}}
    requests_per_second: 1000
    attempts: 1
    tables:
      promotions: {path: promotions, rows: rows, reread_days: 2}
"""


def announced(day: int, until: str = "2026-03-20") -> dict[str, Any]:
    """A promotion announced on a day of March."""
    return {"date": f"2026-03-{day:02}", "item_id": "A", "start_date": "2026-03-12",
            "end_date": until}  # fmt: skip


@pytest.fixture
def shop(home: Settings, service: FaultyService) -> Settings:
    """A home that reads promotions announced on the 2nd, 4th and 10th, all in one answer."""
    service.tables["promotions"] = [announced(2), announced(4), announced(10)]
    home.sources_path.write_text(SOURCES.replace("ADDRESS", service.address))
    return home


def pulled(shop: Settings) -> Pulled:
    (done,) = pull(shop, "web")
    return done


def in_landing(shop: Settings) -> dict[str, list[str]]:
    """Last days of the promotions of each file."""
    files = sorted((shop.landing / "promotions").glob("*.parquet"))
    return {file.stem[-2:]: pl.read_parquet(file)["end_date"].to_list() for file in files}


def test_a_promotion_announced_long_ago_and_extended_today_is_read(
    shop: Settings, service: FaultyService
) -> None:
    pulled(shop)
    service.tables["promotions"][0] = announced(2, until="2026-03-31")
    assert pulled(shop).files == 1
    assert in_landing(shop)["02"] == ["2026-03-31"]


def test_a_day_that_the_answer_no_longer_holds_is_emptied(
    shop: Settings, service: FaultyService
) -> None:
    pulled(shop)
    del service.tables["promotions"][1]
    assert pulled(shop).files == 1
    assert in_landing(shop) == {"02": ["2026-03-20"], "04": [], "10": ["2026-03-20"]}


def test_a_row_added_to_an_old_day_is_read(shop: Settings, service: FaultyService) -> None:
    pulled(shop)
    service.tables["promotions"].append(announced(3))
    assert pulled(shop).files == 1
    assert in_landing(shop)["03"] == ["2026-03-20"]


def test_days_before_the_first_of_the_answer_are_kept(
    shop: Settings, service: FaultyService
) -> None:
    """Many services tell the newest days alone."""
    pulled(shop)
    del service.tables["promotions"][:2]
    assert pulled(shop).files == 0
    assert in_landing(shop)["02"] == ["2026-03-20"]
    pull(shop, "web", again_from=shop.start_date)
    assert in_landing(shop) == {"02": [], "04": [], "10": ["2026-03-20"]}


def test_days_with_the_same_rows_keep_their_files(shop: Settings) -> None:
    pulled(shop)
    times = {file: file.stat().st_mtime_ns for file in shop.landing.rglob("*.parquet")}
    assert pulled(shop).files == 0
    assert {file: file.stat().st_mtime_ns for file in times} == times


def test_an_answer_that_was_broken_off_is_asked_for_again(
    shop: Settings, service: FaultyService
) -> None:
    service.faults = [lambda request: request.answer(500, {})]
    with pytest.raises(SourceError):
        pulled(shop)
    assert pulled(shop).files == 3
    state = json.loads((shop.home / "sources" / "web.json").read_text())
    assert state["promotions"]["remaining"] == []
