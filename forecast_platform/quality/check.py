"""Run the Great Expectations suite of a table over a frame, in process and off the network."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import polars as pl

from forecast_platform.contracts import Table
from forecast_platform.quality.suite import BLOCKING, great_expectations, new_context, suite

MOST_ROWS = 10_000
"""Enough to see, with 99 % probability, a fault of one row in 2,000."""
_SAMPLE_VALUES = 5


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one expectation found.

    Attributes:
        name: Name of the expectation.
        column: Column, or columns joined by ", "; empty for the table as a whole.
        blocking: Whether later stages would be wrong; else it is a warning.
        success: Whether it holds.
        unexpected: Rows against it, among the rows seen.
        percent: Share of them in percent of the rows seen that have a value.
        sample: A few unexpected values, or why it could not be evaluated.
    """

    name: str
    column: str
    blocking: bool
    success: bool
    unexpected: int
    percent: float
    sample: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class QualityReport:
    """What a suite found in a table.

    Attributes:
        table: Name of the table.
        rows: Rows of the frame.
        rows_seen: Rows that were checked: all, or an evenly spread sample.
        outcomes: One per expectation.
        result: Great Expectations' own validation result as JSON, the input of Data Docs.
    """

    table: str
    rows: int
    rows_seen: int
    outcomes: tuple[Outcome, ...]
    result: dict[str, Any]

    @property
    def success(self) -> bool:
        """Whether every expectation holds."""
        return all(outcome.success for outcome in self.outcomes)

    @property
    def failures(self) -> tuple[Outcome, ...]:
        """Blocking expectations that do not hold."""
        return tuple(o for o in self.outcomes if o.blocking and not o.success)

    @property
    def warnings(self) -> tuple[Outcome, ...]:
        """Plausibility expectations that do not hold."""
        return tuple(o for o in self.outcomes if not o.blocking and not o.success)

    @property
    def statistics(self) -> dict[str, int]:
        """Counts for metadata: rows, rows seen, expectations, failures, warnings."""
        return {
            "rows": self.rows,
            "rows_seen": self.rows_seen,
            "expectations": len(self.outcomes),
            "failures": len(self.failures),
            "warnings": len(self.warnings),
        }


def check(
    frame: pl.DataFrame, table: Table, most_rows: int = MOST_ROWS, rows: int | None = None
) -> QualityReport:
    """Check `frame` against the suite of `table`.

    The cost is that of about `most_rows` rows whatever the size: beyond it, rows at even distances
    are checked. This is a second opinion on stored tables; `validate` looks at every row.

    Args:
        frame: Rows of the table.
        table: The stored table, such as `contracts.validated(landed)`.
        most_rows: Largest number of rows checked.
        rows: Rows of the table where `frame` is a sample of it.
    """
    seen = evenly_spread(frame, most_rows)
    basic = {"result_format": "BASIC", "partial_unexpected_count": _SAMPLE_VALUES}
    result = run_suite(seen, table, basic)
    outcomes = tuple(_outcome(r, seen.height) for r in result.results)
    held = frame.height if rows is None else rows
    return QualityReport(table.name, held, seen.height, outcomes, result.to_json_dict())


def evenly_spread(frame: pl.DataFrame, most_rows: int) -> pl.DataFrame:
    """At most `most_rows` rows at even distances, always the same ones, in order."""
    if frame.height <= most_rows:
        return frame
    return frame[pl.int_range(most_rows, eager=True) * frame.height // most_rows]


def run_suite(frame: pl.DataFrame, table: Table, result_format: dict[str, Any]) -> Any:
    """Great Expectations' result of the table's suite on all rows of `frame`."""
    great_expectations()
    from great_expectations.validator.v1_validator import Validator

    # A batch of one's own (`get_batch`, `validate`) would hash every row of the frame once more.
    validator = Validator(
        _batch_definition(), result_format, batch_parameters={"dataframe": frame.to_pandas()}
    )
    return validator.validate_expectation_suite(suite(table))


@lru_cache(maxsize=1)
def _batch_definition() -> Any:
    asset = new_context().data_sources.add_pandas("lake").add_dataframe_asset("table")
    return asset.add_batch_definition_whole_dataframe("rows")


def _outcome(result: Any, rows: int) -> Outcome:
    config, found = result.expectation_config, result.result
    kwargs = config.kwargs
    columns = kwargs.get("column_list") or [
        kwargs[name] for name in ("column", "column_A", "column_B") if name in kwargs
    ]
    sample = [
        "null" if value is None or value != value else str(value)
        for value in found.get("partial_unexpected_list", ())
    ]
    if not result.success and not sample:
        sample = [str(found.get("observed_value") or _exception(result.exception_info))]
    unexpected = int(found.get("unexpected_count", 0 if result.success else rows))
    return Outcome(
        name=config.type,
        column=", ".join(columns),
        blocking=config.severity == BLOCKING,
        success=bool(result.success),
        unexpected=unexpected,
        percent=float(found.get("unexpected_percent") or 0.0),
        sample=tuple(sample),
    )


def _exception(info: dict[str, Any]) -> str:
    """Why an expectation could not be evaluated; one entry per failed metric."""
    if "exception_message" in info:
        return str(info["exception_message"])
    return "; ".join(sorted({_exception(entry) for entry in info.values()}))
