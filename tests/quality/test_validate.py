"""Every landed row is either accepted or rejected with its reasons, whatever is in it."""

from __future__ import annotations

import datetime as dt
import math

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast_platform import contracts
from forecast_platform.contracts import Column, DType, Table, landed_table
from forecast_platform.lake.schema import polars_schema
from forecast_platform.quality import validate

SALES = landed_table("sales")
COMMA = "is ambiguous: a comma may mean decimals or thousands (write 1234.5)"


def sale(units: str | None = "1", **others: object) -> dict[str, object]:
    return {"date": "2024-01-01", "item_id": "i", "location_id": "l", "units": units} | others


def only_reason(verdict) -> str:
    assert verdict.accepted.is_empty()
    return verdict.rejected["reasons"].item()


@pytest.mark.parametrize(
    ("text", "units"),
    [("1", 1), (" 2 ", 2), ("1e3", 1000), ("1E-2", 0.01), ("+5", 5), (".5", 0.5), ("-3", -3),
     ("7\u00a0", 7), ("-1000000", -1_000_000)],
)  # fmt: skip
def test_numbers_are_read(landed, text, units):
    accepted = validate(landed(SALES, [sale(text)]), SALES, {}).accepted
    assert accepted["units"].to_list() == [units]


def test_minus_zero_is_zero(landed):
    accepted = validate(landed(SALES, [sale("-0.0")]), SALES, {}).accepted
    assert math.copysign(1, accepted["units"].item()) == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("abc", "units: 'abc' is not a number"),
        ("1,5", f"units: '1,5' {COMMA}"),
        ("1,234.5", f"units: '1,234.5' {COMMA}"),
        ("1.234,5", f"units: '1.234,5' {COMMA}"),
        ("NaN", "units: 'NaN' is not a finite number"),
        ("inf", "units: 'inf' is not a finite number"),
        ("-Infinity", "units: '-Infinity' is not a finite number"),
        ("1e400", "units: '1e400' is not a finite number"),
        ("1 234", "units: '1 234' is not a number"),
        ("1_000", "units: '1_000' is not a number"),
        ("0x10", "units: '0x10' is not a number"),
        ("$5", "units: '$5' is not a number"),
        ("a\x00b", "units: 'a?b' is not a number"),
        ("9" * 70, f"units: {'9' * 60}... is above 1000000"),
        ("1e9", "units: 1e9 is above 1000000"),
        ("-1000001", "units: -1000001 is below -1000000"),
        ("", "units: a value is required"),
        (" \t ", "units: a value is required"),
        (None, "units: a value is required"),
    ],
)
def test_unusable_numbers_are_refused_with_the_reason(landed, text, reason):
    assert only_reason(validate(landed(SALES, [sale(text)]), SALES, {})) == reason


def test_a_row_carries_all_its_reasons(landed):
    row = sale("abc", item_id="ghost", location_id="", unit_price="-3")
    verdict = validate(landed(SALES, [row]), SALES, {"products": pl.Series(["i"])})
    assert only_reason(verdict) == (
        "item_id: 'ghost' is not in products; location_id: a value is required; "
        "units: 'abc' is not a number; unit_price: -3 is below 0"
    )


def test_rejected_rows_are_kept_as_landed(landed):
    raw = landed(SALES, [sale(" 1,5 ", extra='{"colour": "red"}')])
    rejected = validate(raw, SALES, {}).rejected
    assert rejected.select(raw.columns).equals(raw)
    assert rejected["outcome"].to_list() == ["rejected"]


@pytest.mark.parametrize(
    "item",
    ["two words", "🍞 bread", "it's \"quoted\"", "../../etc/passwd", "a\\b", "1; DROP TABLE sales",
     "Ärger", "x" * 200],
)  # fmt: skip
def test_unusual_identifiers_are_accepted_unchanged(landed, item):
    raw = landed(SALES, [sale(item_id=f" {item} ")])
    verdict = validate(raw, SALES, {"products": pl.Series([item])})
    assert verdict.accepted["item_id"].to_list() == [item]


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ("", "item_id: a value is required"),
        ("   ", "item_id: a value is required"),
        ("a\nb", "item_id: 'a?b' has control characters"),
        ("a\x00b", "item_id: 'a?b' has control characters"),
        ("x" * 201, f"item_id: '{'x' * 60}...' is longer than 200 characters"),
    ],
)
def test_unusable_identifiers_are_refused(landed, item, reason):
    assert only_reason(validate(landed(SALES, [sale(item_id=item)]), SALES, {})) == reason


def test_references_are_checked_only_against_tables_that_are_given(landed):
    raw = landed(SALES, [sale()])
    assert validate(raw, SALES, {}).accepted.height == 1
    nothing = pl.Series([], dtype=pl.String)
    assert only_reason(validate(raw, SALES, {"locations": nothing})) == (
        "location_id: 'l' is not in locations"
    )


def test_the_day_of_a_daily_table_is_the_one_read_when_the_row_landed(landed):
    day = dt.date(2024, 2, 1)
    raw = landed(SALES, [sale(date="01/02/2024", business_day=day)])
    assert validate(raw, SALES, {}).accepted["date"].to_list() == [day]


@pytest.mark.parametrize(
    "text",
    ["2024-01-05", "2024/01/05", "05.01.2024", "2024-01-05 00:00:00", "2024-01-05T10:30:00Z"],
)
def test_other_dates_are_read_in_unambiguous_formats(landed, text):
    calendar = landed_table("calendar")
    raw = landed(calendar, [{"date": text, "event": "fair", "business_day": None}])
    assert validate(raw, calendar, {}).accepted["date"].to_list() == [dt.date(2024, 1, 5)]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("05/01/2024", "is not a date (write YYYY-MM-DD)"),
        ("2024-02-30", "is not a date (write YYYY-MM-DD)"),
        ("soon", "is not a date (write YYYY-MM-DD)"),
        ("0024-01-01", "is outside 1900 to 2200"),
        ("9999-12-31", "is outside 1900 to 2200"),
    ],
)
def test_unusable_dates_are_refused(landed, text, complaint):
    calendar = landed_table("calendar")
    raw = landed(calendar, [{"date": text, "event": "fair"}])
    assert only_reason(validate(raw, calendar, {})) == f"date: '{text}' {complaint}"


def test_a_promotion_cannot_end_before_it_starts(landed):
    promotions = landed_table("promotions")
    row = {"item_id": "i", "start_date": "2024-02-01", "end_date": "2024-01-31"}
    assert only_reason(validate(landed(promotions, [row]), promotions, {})) == (
        "end_date: 2024-01-31 is before start_date 2024-02-01"
    )


def test_truth_has_three_spellings(landed):
    products = landed_table("products")
    words = ["true", "YES", "1", "False", "no", "0", None, "maybe"]
    raw = landed(products, [{"item_id": f"i{n}", "is_product": w} for n, w in enumerate(words)])
    verdict = validate(raw, products, {})
    assert verdict.accepted["is_product"].to_list() == [True] * 3 + [False] * 3 + [True]
    assert verdict.rejected["reasons"].to_list() == ["is_product: 'maybe' is not true or false"]


def test_defaults_fill_what_the_source_has_not(landed):
    suppliers = landed_table("suppliers")
    raw = landed(suppliers, [{"supplier_id": "s", "lead_time_days": "3"}])
    row = validate(raw, suppliers, {}).accepted.row(0, named=True)
    assert (row["review_days"], row["pack_size"], row["min_order_quantity"]) == (7, 1.0, 0.0)
    assert row["order_cost"] is None


@pytest.mark.parametrize("text", ["7.5", "x", "99999999999999999999"])
def test_whole_numbers_must_be_whole_and_exact(landed, text):
    suppliers = landed_table("suppliers")
    row = {"supplier_id": "s", "lead_time_days": "3", "review_days": text}
    assert only_reason(validate(landed(suppliers, [row]), suppliers, {})) == (
        f"review_days: '{text}' is not a whole number"
    )


def test_closed_sets_and_positive_numbers(landed):
    table = Table(
        name="tickets",
        description="",
        grain="",
        key=("id",),
        day=None,
        columns=(
            Column("id", DType.STRING, ""),
            Column("state", DType.STRING, "", allowed=("open", "shut")),
            Column("price", DType.FLOAT, "", positive=True),
        ),
    )
    rows = [
        {"id": "a", "state": "open", "price": "0.01"},
        {"id": "b", "state": "ajar", "price": "0"},
    ]
    verdict = validate(landed(table, rows), table, {})
    assert verdict.accepted["id"].to_list() == ["a"]
    assert verdict.rejected["reasons"].to_list() == [
        "state: 'ajar' is none of open, shut; price: 0 is not above 0"
    ]


@pytest.mark.parametrize("table", contracts.LANDED, ids=lambda table: table.name)
def test_both_parts_conform_to_their_contracts_even_without_rows(landed, table):
    empty = validate(landed(table, []), table, {})
    refused = validate(landed(table, [{"business_day": dt.date(2024, 1, 1)}]), table, {})
    for verdict in (empty, refused):
        assert verdict.accepted.schema == polars_schema(contracts.validated(table))
        assert verdict.rejected.schema == polars_schema(contracts.rejected(table))
    assert refused.rejected.height == 1


_CELLS = {
    "item_id": ["i", " i", "j", "ghost", "", None],
    "location_id": ["l", "m"],
    "units": ["1", "1.0", "2", "abc", "1,5", "NaN", "1e9", None],
    "unit_price": ["3", "-1", None],
    "order_id": ["o", None],
    "file": ["a.csv", "b.csv", "c/a.csv"],
    "business_day": [dt.date(2024, 1, 1), dt.date(2024, 1, 2)],
}
DIRTY_ROWS = st.lists(
    st.fixed_dictionaries({name: st.sampled_from(cells) for name, cells in _CELLS.items()}),
    max_size=25,
)
KNOWN = {"products": pl.Series(["i", "j"]), "locations": pl.Series(["l", "m"])}


@settings(deadline=None, max_examples=50)
@given(rows=DIRTY_ROWS)
def test_nothing_is_lost_and_no_key_is_there_twice(landed, rows):
    raw = landed(SALES, rows)
    accepted, rejected = validate(raw, SALES, KNOWN)
    place = ["file", "row_number"]
    places = pl.concat([accepted.select(place), rejected.select(place)])
    assert places.sort(place).equals(raw.select(place).sort(place))
    assert not accepted.select(SALES.key).is_duplicated().any()
    assert rejected["reasons"].str.len_chars().gt(0).all()


@settings(deadline=None, max_examples=50)
@given(rows=DIRTY_ROWS, data=st.data())
def test_the_order_of_rows_does_not_matter(landed, rows, data):
    raw = landed(SALES, rows)
    order = data.draw(st.permutations(range(raw.height)))
    straight, shuffled = validate(raw, SALES, KNOWN), validate(raw[order], SALES, KNOWN)
    assert straight.accepted.equals(shuffled.accepted)
    assert straight.rejected.equals(shuffled.rejected)


@settings(deadline=None, max_examples=50)
@given(rows=DIRTY_ROWS)
def test_accepted_rows_landed_again_are_accepted_unchanged(landed, rows):
    accepted = validate(landed(SALES, rows), SALES, KNOWN).accepted
    texts = accepted.with_columns(pl.col("units", "unit_price").cast(pl.String)).to_dicts()
    again = [row | {"date": str(row["date"]), "business_day": row["date"]} for row in texts]
    verdict = validate(landed(SALES, again), SALES, KNOWN)
    assert verdict.accepted.equals(accepted)
    assert verdict.rejected.is_empty()
