"""Great Expectations and the row splitter judge by the same contract."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast_platform import contracts
from forecast_platform.contracts import Column, DType, Table
from forecast_platform.contracts.core import PROVENANCE
from forecast_platform.lake.schema import polars_schema
from forecast_platform.quality import check, validate
from forecast_platform.quality.check import run_suite
from forecast_platform.quality.suite import suite
from forecast_platform.quality.validate import typed_rows

TICKETS = Table(
    name="tickets",
    description="",
    grain="",
    key=("date", "ticket_id"),
    columns=(
        Column("date", DType.DATE, ""),
        Column("ticket_id", DType.STRING, ""),
        Column("state", DType.STRING, "", required=False, allowed=("open", "shut")),
        Column("hours", DType.FLOAT, "", minimum=-1, maximum=8),
        Column("price", DType.FLOAT, "", required=False, positive=True),
        Column("people", DType.INT, "", required=False, minimum=1, default="1"),
    ),
)
ROW_EXPECTATIONS = {
    "expect_column_values_to_not_be_null",
    "expect_column_values_to_be_between",
    "expect_column_values_to_be_in_set",
}
# Text that is no number is left out: a typed row cannot hold it, so only the splitter sees it.
_CELLS = {
    "ticket_id": ["t", "u", None],
    "state": ["open", "shut", "ajar", None],
    "hours": ["-1", "-1.01", "0", "8", "8.5", "1e300", None],
    "price": ["0", "-0.0", "0.001", "-2", None],
    "people": ["1", "0", "-5", None],
}
TICKET_ROWS = st.lists(
    st.fixed_dictionaries({name: st.sampled_from(cells) for name, cells in _CELLS.items()}),
    min_size=1,
    max_size=30,
)


@settings(deadline=None, max_examples=15)
@given(rows=TICKET_ROWS)
def test_great_expectations_and_the_splitter_refuse_the_same_rows(landed, rows):
    raw = landed(TICKETS, rows)
    stored = contracts.validated(TICKETS)
    result = run_suite(
        typed_rows(raw, TICKETS).select(stored.column_names),
        stored,
        {"result_format": "COMPLETE", "unexpected_index_column_names": ["row_number"]},
    )
    unexpected = {
        place["row_number"]
        for outcome in result.results
        if outcome.expectation_config.type in ROW_EXPECTATIONS
        for place in outcome.result.get("unexpected_index_list") or ()
    }
    rejected = validate(raw, TICKETS, {}).rejected
    by_rule = rejected.filter(~pl.col("reasons").str.contains("duplicate of|superseded by"))
    assert unexpected == set(by_rule["row_number"])


@settings(deadline=None, max_examples=10)
@given(rows=TICKET_ROWS)
def test_great_expectations_agrees_with_every_accepted_row(landed, rows):
    accepted = validate(landed(TICKETS, rows), TICKETS, {}).accepted
    assert check(accepted, contracts.validated(TICKETS)).success


@pytest.mark.parametrize("table", contracts.tables().values(), ids=lambda table: table.name)
def test_every_contract_makes_a_suite_that_its_empty_table_passes(table):
    report = check(pl.DataFrame(schema=polars_schema(table)), table)
    assert report.success
    promised = set(table.columns) - set(PROVENANCE)
    required = {column.name for column in promised if column.required}
    assert required <= {outcome.column for outcome in report.outcomes}


def test_structure_is_blocking_and_plausibility_warns():
    severities = {e.expectation_type: e.severity for e in suite(TICKETS).expectations}
    warnings = {name for name, severity in severities.items() if severity == "warning"}
    assert warnings == {"expect_column_values_to_be_between"}
    assert set(severities.values()) == {"critical", "warning"}


def test_dates_out_of_order_are_found():
    table = contracts.validated(contracts.landed_table("promotions"))
    day = dt.date(2024, 1, 1)
    row = {"date": day, "item_id": "i", "start_date": day, "end_date": dt.date(2023, 1, 1)}
    row |= {"kind": "discount", "file": "a.csv", "row_number": 1}
    frame = pl.DataFrame([row], schema=polars_schema(table))
    (failure,) = check(frame, table).failures
    assert (failure.column, failure.unexpected) == ("end_date, start_date", 1)
