"""Data Docs show the newest result of every table that was checked."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import polars as pl
import pytest

from forecast_platform import contracts
from forecast_platform.contracts import landed_table
from forecast_platform.lake.schema import polars_schema
from forecast_platform.quality import check, table_page, write_data_docs

LOCATIONS = contracts.validated(landed_table("locations"))


@pytest.fixture(scope="module")
def good():
    return check(pl.DataFrame(schema=polars_schema(LOCATIONS)), LOCATIONS)


@pytest.fixture(scope="module")
def bad():
    return check(pl.DataFrame({"location_id": [None]}), LOCATIONS)


def status(table: str, folder: Path) -> str:
    """The status that the table's page shows."""
    page = table_page(table, folder).read_text("utf-8")
    words = re.sub(r"<[^>]*>", " ", page).split()
    return words[words.index("Status:") + 1]


def test_the_overview_leads_to_a_page_per_table(good, tmp_path):
    other = dataclasses.replace(good, table="validated_prices")
    overview = write_data_docs([good, other], tmp_path)
    links = re.findall(
        r'<td><a href="([^"]+)">([^<]+)</a></td><td>holds</td>', overview.read_text()
    )
    assert [name for _, name in links] == ["validated_locations", "validated_prices"]
    for link, name in links:
        assert overview.parent / link == table_page(name, tmp_path)
        assert status(name, tmp_path) == "Succeeded"


def test_the_overview_names_what_is_broken(bad, tmp_path):
    overview = write_data_docs([bad], tmp_path).read_text("utf-8")
    assert "expect_column_values_to_not_be_null(location_id) critical" in overview


def test_what_rows_hold_is_shown_and_not_obeyed(tmp_path):
    hostile = "<script>alert(1)</script>"
    report = check(pl.DataFrame({"location_id": [hostile] * 2, hostile: ["x"] * 2}), LOCATIONS)
    write_data_docs([report], tmp_path)
    pages = [page.read_text("utf-8") for page in tmp_path.rglob("*.html")]
    assert any("alert(1)" in page for page in pages)
    assert [page for page in pages if hostile in page] == []


def test_a_newer_result_replaces_the_older_and_leaves_other_tables(good, bad, tmp_path):
    other = dataclasses.replace(good, table="validated_prices")
    write_data_docs([good, other], tmp_path)
    write_data_docs([bad], tmp_path)
    assert status("validated_locations", tmp_path) == "Failed"
    assert status("validated_prices", tmp_path) == "Succeeded"
