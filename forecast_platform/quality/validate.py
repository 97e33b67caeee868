"""Split landed rows into accepted and rejected. Nothing is lost, no order matters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import polars as pl

from forecast_platform import contracts
from forecast_platform.contracts import Table
from forecast_platform.quality import cells, rules
from forecast_platform.quality.duplicates import resolve

_PLACE = "raw row"
"""Position of a candidate in the raw frame."""


class Verdict(NamedTuple):
    """What became of the landed rows.

    Attributes:
        accepted: Rows that meet the contract; conforms to `contracts.validated(table)`, sorted by
            key, file and row number, nulls first.
        rejected: All other rows as landed, each with outcome and reasons; conforms to
            `contracts.rejected(table)`, sorted by file and row number.
    """

    accepted: pl.DataFrame
    rejected: pl.DataFrame


def validate(raw: pl.DataFrame, table: Table, references: Mapping[str, pl.Series]) -> Verdict:
    """Type, check and deduplicate all landed rows of the days (or of the whole table).

    A row is refused with every reason that applies. Of rows that mean the same the first by
    (file, row number) is kept. Of rows that have the same key but other values, the last by
    (file, row number) is right and the others are superseded: a later file name corrects an
    earlier one, and the last line of a file corrects those before it.

    Args:
        raw: Rows that conform to `contracts.raw(table)`, from all files that hold these days; of a
            daily table only rows with a business day.
        table: The landed table.
        references: Known keys by table name, such as {"products": item ids}. A reference to a
            table that is not given is not checked.

    Returns:
        Accepted and rejected rows; together as many as `raw` has.
    """
    rows = typed_rows(raw, table).with_row_index(_PLACE)
    found = [[*rules.column_rules(column, table, rows, references)] for column in table.columns]
    found.append([*rules.row_rules(table)])
    broken = [rule.broken for column_rules in found for rule in column_rules]
    is_refused = rows.select(pl.any_horizontal(broken).fill_null(False)).to_series()
    wanted = [_PLACE, *contracts.validated(table).column_names]
    if not is_refused.any():
        candidates, refused = rows.select(wanted), _refused(rows.clear(), found)
    else:
        candidates = rows.select(wanted).filter(~is_refused)
        refused = _refused(rows.filter(is_refused), found)
    accepted, repeated = resolve(candidates, table)
    rejected = _rejected(raw, table, pl.concat([refused, repeated.select(refused.columns)]))
    return Verdict(accepted.drop(_PLACE), rejected)


def typed_rows(raw: pl.DataFrame, table: Table) -> pl.DataFrame:
    """Typed values of every raw row, beside the landed text they were read from.

    The day of a daily table was read when the row landed, with the date formats of its file.
    """
    texts = raw.select(
        *(cells.text(column).alias(rules.landed(column.name)) for column in table.columns),
        pl.col("file", "row_number", "business_day"),
    )
    return texts.with_columns(
        pl.col("business_day").alias(column.name)
        if column.name == table.day
        else cells.typed(column, pl.col(rules.landed(column.name)))
        for column in table.columns
    )


def _refused(rows: pl.DataFrame, found: Sequence[Sequence[rules.Rule]]) -> pl.DataFrame:
    """Place, outcome and reasons; one reason per column at most, all columns that are wrong."""
    reasons = [
        pl.coalesce(pl.when(rule.broken).then(rule.reason) for rule in column_rules)
        for column_rules in found
        if column_rules
    ]
    return rows.select(
        _PLACE,
        pl.lit("rejected").alias("outcome"),
        pl.concat_str(reasons, separator="; ", ignore_nulls=True).alias("reasons"),
    )


def _rejected(raw: pl.DataFrame, table: Table, refused: pl.DataFrame) -> pl.DataFrame:
    as_landed = raw.select(contracts.raw(table).column_names)[refused[_PLACE]]
    rejected = as_landed.hstack(refused.select("outcome", "reasons"))
    return rejected.sort("file", "row_number")
