"""Which of several rows with the same key counts."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from forecast_platform.contracts import Table
from forecast_platform.text import filled

_KEY = "key code"
_LARGEST_CODE = 2**62


def resolve(candidates: pl.DataFrame, table: Table) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Keep one row per key.

    The last row by (file, row number) says what is right. The first row with the same values as
    the last is kept, so that landing the same content again changes nothing; further rows with
    values that came before are exact duplicates, the first of other values is superseded.

    Args:
        candidates: Typed rows with `file` and `row_number`. Nulls in key columns compare equal.
        table: The landed table.

    Returns:
        The kept rows, sorted by key, file and row number; and the others with the columns
        `outcome` and `reasons` added.
    """
    key = order_code(candidates, table.key)
    coded = candidates.with_columns(key.alias(_KEY))
    code = order_code(coded, (_KEY, "file", "row_number"))
    if not code.is_sorted():
        coded = coded[code.arg_sort()]
    key = coded[_KEY]
    if not (key == key.shift(1)).any():
        return coded.drop(_KEY), _losers(coded.clear(), table).drop(_KEY)
    losers = _losers(coded.filter(pl.col(_KEY).is_duplicated()), table)
    kept = coded.join(losers, on=("file", "row_number"), how="anti", maintain_order="left")
    return kept.drop(_KEY), losers.drop(_KEY)


def _losers(rows: pl.DataFrame, table: Table) -> pl.DataFrame:
    """All rows but the kept one of each key; `rows` are sorted by key, file and row number."""
    values = [_KEY, *(name for name in table.column_names if name not in table.key)]
    place = filled("{} row {}", "file", "row_number")
    ranked = rows.with_columns(place.alias("place")).with_columns(
        pl.col("place").first().over(values).alias("first with these values"),
        pl.col("place").last().over(_KEY).alias("last"),
    )
    ranked = ranked.with_columns(pl.col("first with these values").last().over(_KEY).alias("kept"))
    repeats = pl.col("place") != pl.col("first with these values")
    return (
        ranked.filter(pl.col("place") != pl.col("kept"))
        .with_columns(
            pl.when(repeats)
            .then(pl.lit("exact_duplicate"))
            .otherwise(pl.lit("rejected"))
            .alias("outcome"),
            pl.when(repeats)
            .then(filled("exact duplicate of {}", "first with these values"))
            .otherwise(filled("superseded by {}", "last"))
            .alias("reasons"),
        )
        .drop("place", "first with these values", "last", "kept")
    )


def order_code(rows: pl.DataFrame, columns: Sequence[str]) -> pl.Series:
    """One number per row that sorts and compares as the tuple of `columns` does, nulls first.

    Sorting millions of rows by one number is several times faster than by columns of text.
    """
    code = pl.zeros(rows.height, dtype=pl.UInt64, eager=True)
    for name in columns:
        digit = _digit(rows[name])
        if _base(code) * _base(digit) > _LARGEST_CODE:
            code, digit = (part.rank("dense").cast(pl.UInt64) for part in (code, digit))
        code = code * _base(digit) + digit
    return code


def _base(digit: pl.Series) -> int:
    """One more than the largest digit."""
    largest = digit.max()
    return 1 + largest if isinstance(largest, int) else 1


def _digit(values: pl.Series) -> pl.Series:
    """Non-negative integers in the order of `values`; null is 0."""
    if values.dtype == pl.String:
        distinct = values.unique().drop_nulls().sort()
        number = values.cast(pl.Enum(distinct)).to_physical().cast(pl.UInt64)
    else:
        physical = values.to_physical()
        number = (physical - physical.min()).cast(pl.UInt64)
    return (number + 1).fill_null(0)
