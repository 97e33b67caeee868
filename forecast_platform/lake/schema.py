"""From contracts to polars schemas and back: the only place that maps logical types."""

from __future__ import annotations

import polars as pl

from forecast_platform.contracts import DType, Table
from forecast_platform.errors import ContractError

MONTH = "month"
"""Physical partition column of daily tables; never part of a contract or of what a scan returns."""

UNDATED = "undated"
"""Month of rows in which no business day could be read."""

_POLARS: dict[DType, pl.DataType] = {
    DType.STRING: pl.String(),
    DType.DATE: pl.Date(),
    DType.TIMESTAMP: pl.Datetime("us", "UTC"),
    DType.FLOAT: pl.Float64(),
    DType.REAL: pl.Float32(),
    DType.INT: pl.Int64(),
    DType.BOOL: pl.Boolean(),
}


def polars_schema(table: Table) -> pl.Schema:
    """Column names and polars types of `table`, in the contract's order."""
    return pl.Schema({column.name: _POLARS[column.dtype] for column in table.columns})


def conform(frame: pl.DataFrame, table: Table) -> pl.DataFrame:
    """Return `frame` with exactly the contract's columns, order and types.

    Raises:
        ContractError: If a column is missing or cannot be cast without loss.
    """
    schema = polars_schema(table)
    missing = [name for name in schema if name not in frame.columns]
    if missing:
        raise ContractError(f"{table.name} lacks {missing}; it came with {frame.columns}.")
    try:
        return frame.select(pl.col(name).cast(dtype) for name, dtype in schema.items())
    except pl.exceptions.PolarsError as error:
        raise ContractError(f"{table.name} does not fit its contract: {error}") from error


def month_of(day: pl.Expr) -> pl.Expr:
    """The partition a day belongs to, as 'YYYY-MM'."""
    return day.dt.strftime("%Y-%m").fill_null(UNDATED).alias(MONTH)
