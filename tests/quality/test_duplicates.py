"""Of rows with the same key the last one says what is right."""

from __future__ import annotations

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast_platform.contracts import landed_table
from forecast_platform.quality import validate
from forecast_platform.quality.duplicates import order_code

SALES = landed_table("sales")


def total(units: str, file: str, row_number: int = 1) -> dict[str, object]:
    place = {"file": file, "row_number": row_number}
    return {"item_id": "i", "location_id": "l", "units": units} | place


def outcomes(verdict) -> list[tuple[str, int, str, str]]:
    return verdict.rejected.select("file", "row_number", "outcome", "reasons").rows()


def test_the_first_of_rows_that_mean_the_same_is_kept(landed):
    raw = landed(SALES, [total("1.0", "b.csv"), total("1", "a.csv", 2), total("1e0", "a.csv", 7)])
    verdict = validate(raw, SALES, {})
    assert verdict.accepted.select("file", "row_number").rows() == [("a.csv", 2)]
    reason = "exact duplicate of a.csv row 2"
    assert outcomes(verdict) == [
        ("a.csv", 7, "exact_duplicate", reason),
        ("b.csv", 1, "exact_duplicate", reason),
    ]


def test_a_later_file_name_corrects_an_earlier_one(landed):
    raw = landed(SALES, [total("5", "2024-02.csv"), total("3", "2024-01.csv")])
    verdict = validate(raw, SALES, {})
    assert verdict.accepted["units"].to_list() == [5.0]
    assert outcomes(verdict) == [("2024-01.csv", 1, "rejected", "superseded by 2024-02.csv row 1")]


def test_the_last_line_of_a_file_corrects_those_before(landed):
    raw = landed(SALES, [total("3", "a.csv", 9), total("5", "a.csv", 10)])
    assert validate(raw, SALES, {}).accepted["units"].to_list() == [5.0]


def test_a_correction_can_be_taken_back(landed):
    raw = landed(SALES, [total("3", "a.csv"), total("5", "b.csv"), total("3", "c.csv")])
    verdict = validate(raw, SALES, {})
    assert verdict.accepted.select("units", "file").rows() == [(3.0, "a.csv")]
    assert outcomes(verdict) == [
        ("b.csv", 1, "rejected", "superseded by c.csv row 1"),
        ("c.csv", 1, "exact_duplicate", "exact duplicate of a.csv row 1"),
    ]


def test_an_unusable_correction_corrects_nothing(landed):
    raw = landed(SALES, [total("3", "a.csv"), total("oops", "b.csv")])
    assert validate(raw, SALES, {}).accepted["units"].to_list() == [3.0]


def test_order_lines_do_not_supersede_each_other(landed):
    lines = [total("1", "a.csv", n) | {"order_id": "o", "order_line": str(n)} for n in (1, 2)]
    assert validate(landed(SALES, lines), SALES, {}).accepted.height == 2


@settings(deadline=None, max_examples=50)
@given(
    st.lists(
        st.tuples(st.sampled_from("kl"), st.sampled_from("123"), st.sampled_from("abc")),
        max_size=15,
    )
)
def test_the_kept_row_has_the_values_of_the_last(landed, rows):
    raw = landed(
        SALES,
        [total(units, file, n) | {"item_id": item} for n, (item, units, file) in enumerate(rows)],
    )
    last = {
        item: float(units)
        for _, _, item, units in sorted((file, n, i, u) for n, (i, u, file) in enumerate(rows))
    }
    accepted = validate(raw, SALES, {}).accepted
    assert dict(accepted.select("item_id", "units").iter_rows()) == last


_TUPLES = st.lists(
    st.tuples(
        st.none() | st.text(max_size=3),
        st.none() | st.integers(-(2**61), 2**61),
        st.none() | st.dates(),
        st.integers(0, 2**61),
    ),
    max_size=12,
)


@settings(deadline=None, max_examples=50)
@given(_TUPLES)
def test_one_number_orders_rows_as_all_their_columns_do(tuples):
    schema = {"a": pl.String, "b": pl.Int64, "c": pl.Date, "d": pl.Int64}
    rows = pl.DataFrame(tuples, schema=schema, orient="row")
    by_code = rows[order_code(rows, rows.columns).arg_sort()]
    assert by_code.equals(rows.sort(rows.columns, nulls_last=False))
    assert order_code(rows, rows.columns).n_unique() == rows.n_unique()
