"""From landed text to typed values.

Every function returns expressions over one text column and gives null where the text is no value
of the type, so that the caller can tell "nothing landed" from "cannot be read".
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from forecast_platform.contracts import Column, DType

_TRUE = ("true", "1", "yes")
_FALSE = ("false", "0", "no")
_LARGEST_EXACT_INTEGER = 2**53
_DATE_FORMATS = ("%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y")
_TIME_OF_DAY = r"[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?$"


def text(column: Column) -> pl.Expr:
    """Landed text without surrounding spaces; empty text is no value; then the default."""
    stripped = pl.col(column.name).str.strip_chars()
    value = pl.when(stripped.str.len_bytes() > 0).then(stripped)
    return value if column.default is None else value.fill_null(pl.lit(column.default))


def typed(column: Column, landed: pl.Expr) -> pl.Expr:
    """Values of the column's type read from `landed` text, null where it cannot be read."""
    return _CASTS[column.dtype](landed).alias(column.name)


def _number(landed: pl.Expr) -> pl.Expr:
    value = landed.cast(pl.Float64, strict=False)
    # -0.0 becomes 0.0, so that rows that mean the same are the same bytes.
    return pl.when(value == 0).then(0.0).when(value.is_finite()).then(value)


def _integer(landed: pl.Expr) -> pl.Expr:
    value = _number(landed)
    whole = (value == value.floor()) & (value.abs() <= _LARGEST_EXACT_INTEGER)
    return pl.when(whole).then(value).cast(pl.Int64)


def _boolean(landed: pl.Expr) -> pl.Expr:
    word = landed.str.to_lowercase()
    is_true, is_false = word.is_in(_TRUE), word.is_in(_FALSE)
    return pl.when(is_true).then(True).when(is_false).then(False)


def _date(landed: pl.Expr) -> pl.Expr:
    day = landed.str.replace(_TIME_OF_DAY, "")
    return pl.coalesce(day.str.to_date(f, strict=False) for f in _DATE_FORMATS)


_CASTS: dict[DType, Callable[[pl.Expr], pl.Expr]] = {
    DType.STRING: lambda landed: landed,
    DType.FLOAT: _number,
    DType.INT: _integer,
    DType.BOOL: _boolean,
    DType.DATE: _date,
}
