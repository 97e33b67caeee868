"""What checks tell of a shop's rows is shown by pages, not obeyed."""

from __future__ import annotations

import polars as pl

from forecast_platform.contracts import landed_table, raw
from forecast_platform.defs.verdicts import Tally
from forecast_platform.lake.schema import polars_schema
from forecast_platform.quality import validate

HOSTILE = "<script>alert(1)</script> [here](javascript:alert(2)) | `x`"


def test_reasons_and_names_of_files_are_text() -> None:
    table = landed_table("products")
    row = {"item_id": "A", "unit_cost": HOSTILE, "file": f"{HOSTILE}.csv", "row_number": 1}
    landed = pl.DataFrame([row], schema=polars_schema(raw(table)))
    verdict = validate(landed, table, {})
    assert verdict.rejected.height == 1
    tally = Tally(table)
    tally.add(landed, verdict)
    told = tally.accounting().metadata["reasons"].value
    assert "alert(1)" in told
    assert "<" not in told
    assert "[here](" not in told
    assert {line.count("|") for line in told.splitlines()} == {5}
