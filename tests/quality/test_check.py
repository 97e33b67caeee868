"""The report of a suite's run: what was found, how bad it is, how much was looked at."""

from __future__ import annotations

import socket
import subprocess
import sys

import polars as pl
import pytest

from forecast_platform import contracts
from forecast_platform.contracts import landed_table
from forecast_platform.lake.schema import polars_schema
from forecast_platform.quality import check
from forecast_platform.quality.check import evenly_spread

LOCATIONS = contracts.validated(landed_table("locations"))
PRODUCTS = contracts.validated(landed_table("products"))


def shops(identifiers: list[str | None]) -> pl.DataFrame:
    rows = {"location_id": identifiers, "file": "a.csv", "row_number": range(len(identifiers))}
    empty = pl.DataFrame(schema=polars_schema(LOCATIONS))
    return pl.concat([empty, pl.DataFrame(rows)], how="diagonal_relaxed")


def test_failures_name_column_count_and_sample():
    report = check(shops(["a", "b", "b", None]), LOCATIONS)
    found = {(o.name, o.column, o.unexpected, o.sample) for o in report.failures}
    assert found == {
        ("expect_column_values_to_be_unique", "location_id", 2, ("b", "b")),
        ("expect_column_values_to_not_be_null", "location_id", 1, ("null",)),
    }
    assert not report.success


def test_an_implausible_value_is_a_warning():
    known = {"category": "", "department": "", "is_product": True}
    rows = pl.DataFrame({"item_id": ["a", "b"], "unit_cost": [1.0, -1.0]})
    products = rows.with_columns(pl.lit(value).alias(name) for name, value in known.items())
    empty = pl.DataFrame(schema=polars_schema(PRODUCTS))
    report = check(pl.concat([empty, products], how="diagonal_relaxed"), PRODUCTS)
    (warning,) = report.warnings
    assert (warning.column, warning.unexpected, warning.percent) == ("unit_cost", 1, 50.0)
    assert report.failures == ()
    assert report.statistics["warnings"] == 1


def test_a_frame_of_other_columns_fails_with_a_sentence():
    report = check(pl.DataFrame({"shop": ["a"]}), LOCATIONS)
    samples = {sample for outcome in report.failures for sample in outcome.sample}
    assert 'Error: The column "location_id" in BatchData does not exist.' in samples
    assert not any("Traceback" in sample for sample in samples)


def test_large_tables_are_sampled_and_the_report_says_so():
    report = check(shops([str(n) for n in range(1000)]), LOCATIONS, most_rows=100)
    assert (report.rows, report.rows_seen) == (1000, 100)


@pytest.mark.parametrize(("rows", "most"), [(5, 10), (10, 10), (1000, 7), (10, 9)])
def test_a_sample_is_evenly_spread_and_always_the_same(rows, most):
    frame = pl.DataFrame({"n": range(rows)})
    sample = evenly_spread(frame, most)
    assert sample.height == min(rows, most)
    assert sample.equals(evenly_spread(frame, most))
    gaps = sample["n"].diff().drop_nulls()
    assert gaps.max() - gaps.min() <= 1
    assert gaps.min() >= 1


def test_nothing_is_sent_anywhere(monkeypatch):
    def refuse(*address: object) -> None:
        raise AssertionError(f"a connection was opened: {address}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert check(shops(["a"]).with_columns(row_number=1), LOCATIONS).rows_seen == 1


def test_loading_the_room_loads_no_heavy_library():
    program = "import sys, forecast_platform.quality; print(*sys.modules)"
    command = [sys.executable, "-c", program]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert "forecast_platform.quality" in loaded
    assert not {"great_expectations", "pandas"} & set(loaded)
