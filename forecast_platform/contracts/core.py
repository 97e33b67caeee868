"""The vocabulary of contracts: columns, tables and the stages a landed table goes through.

Belongs here: plain data types. Does not belong here: reading, casting, checking or writing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal

Fill = Literal["none", "zero", "mean", "median", "forward_fill", "interpolate"]


class DType(StrEnum):
    """Logical column types; `lake.schema` maps them to polars and Delta."""

    STRING = "string"
    DATE = "date"
    TIMESTAMP = "timestamp"
    FLOAT = "float"
    """64-bit: quantities and money as landed."""
    REAL = "real"
    """32-bit: what models and features compute with."""
    INT = "int"
    BOOL = "bool"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its type, meaning, unit and the expectations on every value.

    Args:
        name: Column name, the same everywhere.
        dtype: Logical type.
        description: One sentence for the data dictionary and the UI.
        unit: Physical unit ("units", "currency", "days", "share"), empty where there is none.
        required: Whether a row without a value is refused.
        minimum: Smallest accepted value, inclusive.
        maximum: Largest accepted value, inclusive.
        positive: Refuse zero as well as negative values.
        allowed: Closed set of accepted strings.
        default: Value given to rows (as text) where the source has none.
        fill: Named strategy by which cleaning closes gaps in this column.
        refers_to: Table whose key this column must be found in.
        personal: Whether it names a person: a pseudonym takes its place before a row is stored.
    """

    name: str
    dtype: DType
    description: str
    unit: str = ""
    required: bool = True
    minimum: float | None = None
    maximum: float | None = None
    positive: bool = False
    allowed: tuple[str, ...] = ()
    default: str | None = None
    fill: Fill = "none"
    refers_to: str | None = None
    personal: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """What one table is.

    Args:
        name: Table name, also the Dagster asset key and the Delta folder.
        description: What one row says.
        grain: The grain in words.
        columns: All columns, in order.
        key: Columns that identify a row.
        day: The business-day column by which the table is replaced, or None for whole tables.
        group: Stage shown as the asset group in the UI.
    """

    name: str
    description: str
    grain: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    day: str | None = "date"
    group: str = "landed"

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of all columns, in order."""
        return tuple(column.name for column in self.columns)

    @property
    def is_personal(self) -> bool:
        """Whether a column names a person."""
        return any(column.personal for column in self.columns)

    def column(self, name: str) -> Column:
        """Return the column called `name`.

        Raises:
            KeyError: If the table has no such column.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"table {self.name} has no column {name}; it has {self.column_names}")


PROVENANCE = (
    Column("file", DType.STRING, "Landed file the row came from, relative to the table's folder."),
    Column("row_number", DType.INT, "Row number in that file, the first data row is 1.", minimum=1),
)


def _as_landed(column: Column) -> str:
    return column.description if column.personal else f"{column.description} As landed."


def raw(table: Table) -> Table:
    """Contract of the raw stage: the landed text untouched, with its provenance."""
    texts = tuple(
        Column(c.name, DType.STRING, _as_landed(c), c.unit, required=False, personal=c.personal)
        for c in table.columns
    )
    technical = (
        Column(
            "extra", DType.STRING, "Columns the contract does not know, as JSON.", required=False
        ),
        *PROVENANCE,
        Column("checksum", DType.STRING, "SHA-256 of the landed file's bytes."),
        Column(
            "business_day",
            DType.DATE,
            "Business day read from the row; empty where none can be read.",
            required=False,
        ),
    )
    return Table(
        name=f"raw_{table.name}",
        description=f"Every landed row of {table.name}, untouched. {table.description}",
        grain="one row per landed row",
        columns=texts + technical,
        key=("file", "row_number"),
        day="business_day" if table.day else None,
        group="raw",
    )


def validated(table: Table) -> Table:
    """Contract of the validated stage: typed rows that meet every expectation."""
    return replace(
        table,
        name=f"validated_{table.name}",
        columns=table.columns + PROVENANCE,
        group="validated",
    )


def rejected(table: Table) -> Table:
    """Contract of the quarantine: every refused row as landed, with all its reasons."""
    base = raw(table)
    outcome = Column(
        "outcome",
        DType.STRING,
        "rejected, or exact_duplicate of a row that was kept.",
        allowed=("rejected", "exact_duplicate"),
    )
    reasons = Column("reasons", DType.STRING, "Why the row was refused, joined by '; '.")
    return replace(
        base,
        name=f"rejected_{table.name}",
        description=f"Refused rows of {table.name}, as landed, each with all its reasons.",
        columns=(*base.columns, outcome, reasons),
        group="validated",
    )
