"""Why a row is refused: the contract's expectations as polars expressions with human reasons.

Expressions read two columns per contract column: the typed value under the column's own name and
the stripped landed text under `landed(name)`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from forecast_platform.contracts import Column, DType, Table
from forecast_platform.text import filled

LONGEST_IDENTIFIER = 200
FIRST_DAY, LAST_DAY = dt.date(1900, 1, 1), dt.date(2200, 12, 31)

NOT_BEFORE: Mapping[str, tuple[tuple[str, str], ...]] = {
    "promotions": (("end_date", "start_date"),),
    "purchase_orders": (("received_date", "date"),),
    "campaigns": (("end_date", "start_date"),),
    "weather_forecasts": (("target_date", "date"),),
}
"""Per landed table, pairs (later, earlier) of date columns that must be in this order."""

_CONTROL_CHARACTER = r"\p{Cc}"
_LONGEST_QUOTE = 60
_IS_CALLED = {
    DType.FLOAT: "a number",
    DType.INT: "a whole number",
    DType.BOOL: "true or false",
    DType.DATE: "a date (write YYYY-MM-DD)",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition under which a row is refused, and the sentence that says why."""

    broken: pl.Expr
    reason: pl.Expr


def landed(name: str) -> str:
    """Name of the helper column with the stripped landed text of column `name`."""
    return f"landed {name}"


def landed_name(table: Table) -> str:
    """Name of the landed table that `table` is the validated stage of."""
    return table.name.removeprefix("validated_")


def is_identifier(column: Column, table: Table) -> bool:
    """Whether the column's text names a thing, so that it must be short and printable."""
    text = column.dtype is DType.STRING
    return text and (column.name in table.key or column.name.endswith("_id"))


def column_rules(
    column: Column, table: Table, rows: pl.DataFrame, references: Mapping[str, pl.Series]
) -> Iterator[Rule]:
    """Yield the rules of one column, the most telling first.

    Args:
        column: The column.
        table: Its landed table.
        rows: Typed values and landed text; looked at only to find the few distinct bad identifiers.
        references: Known keys of other tables, by table name.
    """
    value, text = pl.col(column.name), pl.col(landed(column.name))
    if column.dtype is not DType.STRING:
        yield Rule(text.is_not_null() & value.is_null(), _unreadable(column, text))
    if column.required:
        yield Rule(value.is_null(), _sentence(column, "a value is required"))
    if column.dtype is DType.DATE:
        wrong = ~value.is_between(FIRST_DAY, LAST_DAY)
        yield Rule(wrong, _quoting(column, text, f"is outside {FIRST_DAY:%Y} to {LAST_DAY:%Y}"))
    if column.minimum is not None:
        reason = _quoting(column, text, f"is below {_plain(column.minimum)}", quote="")
        yield Rule(value < column.minimum, reason)
    if column.maximum is not None:
        reason = _quoting(column, text, f"is above {_plain(column.maximum)}", quote="")
        yield Rule(value > column.maximum, reason)
    if column.positive:
        yield Rule(value <= 0, _quoting(column, text, "is not above 0", quote=""))
    if column.allowed:
        wrong = ~value.is_in(column.allowed)
        yield Rule(wrong, _quoting(column, text, f"is none of {', '.join(column.allowed)}"))
    if is_identifier(column, table):
        yield from _identifier_rules(column, rows[column.name].unique().drop_nulls(), references)


def row_rules(table: Table) -> Iterator[Rule]:
    """Yield the rules between columns of the landed `table`."""
    for later, earlier in NOT_BEFORE.get(table.name, ()):
        reason = filled(f"{later}: {{}} is before {earlier} {{}}", pl.col(later), pl.col(earlier))
        yield Rule(pl.col(later) < pl.col(earlier), reason)


def _identifier_rules(
    column: Column, distinct: pl.Series, references: Mapping[str, pl.Series]
) -> Iterator[Rule]:
    """Rules that are decided on distinct values: identifiers repeat in millions of rows."""
    value = pl.col(column.name)
    too_long = distinct.str.len_chars() > LONGEST_IDENTIFIER
    unprintable = distinct.str.contains(_CONTROL_CHARACTER)
    verdicts = [
        (too_long, f"is longer than {LONGEST_IDENTIFIER} characters"),
        (unprintable, "has control characters"),
    ]
    if column.refers_to is not None and column.refers_to in references:
        known = references[column.refers_to].cast(pl.String)
        verdicts.append((~distinct.is_in(known.implode()), f"is not in {column.refers_to}"))
    for wrong, complaint in verdicts:
        if wrong.any():
            broken = value.is_in(distinct.filter(wrong).implode())
            yield Rule(broken, _quoting(column, value, complaint))


def _unreadable(column: Column, text: pl.Expr) -> pl.Expr:
    plain = _quoting(column, text, f"is not {_IS_CALLED[column.dtype]}")
    if column.dtype not in (DType.FLOAT, DType.INT):
        return plain
    comma = _quoting(
        column, text, "is ambiguous: a comma may mean decimals or thousands (write 1234.5)"
    )
    endless = _quoting(column, text, "is not a finite number")
    return (
        pl.when(text.str.contains(r"^[+-]?[\d.,]*\d,\d[\d.,]*$"))
        .then(comma)
        .when(text.cast(pl.Float64, strict=False).is_finite().not_())
        .then(endless)
        .otherwise(plain)
    )


def _sentence(column: Column, complaint: str) -> pl.Expr:
    return pl.lit(f"{column.name}: {complaint}")


def _quoting(column: Column, text: pl.Expr, complaint: str, quote: str = "'") -> pl.Expr:
    shown = (
        pl.when(text.str.len_chars() > _LONGEST_QUOTE)
        .then(text.str.slice(0, _LONGEST_QUOTE) + "...")
        .otherwise(text)
        .str.replace_all(_CONTROL_CHARACTER, "?")
    )
    return pl.concat_str(pl.lit(f"{column.name}: {quote}"), shown, pl.lit(f"{quote} {complaint}"))


def _plain(bound: float) -> str:
    return str(int(bound)) if float(bound).is_integer() else str(bound)
