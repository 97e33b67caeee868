"""Great Expectations suites from contracts: one definition of what a table promises.

Great Expectations takes seconds to import, so it is imported inside functions only.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from forecast_platform.contracts import Column, Table
from forecast_platform.contracts.core import PROVENANCE
from forecast_platform.quality import rules

if TYPE_CHECKING:
    from great_expectations import ExpectationSuite

BLOCKING, WARNING = "critical", "warning"
"""Severities: later stages would be wrong; or values are implausible."""


def great_expectations() -> Any:
    """The package, imported with its usage statistics off."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations as gx

    return gx


def new_context() -> Any:
    """An empty context in memory: no folder, no data docs site, no progress bars."""
    gx = great_expectations()
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    config = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        progress_bars=ProgressBarsConfig(globally=False),
    )
    return gx.get_context(mode="ephemeral", project_config=config)


def suite(table: Table) -> ExpectationSuite:
    """What the contract of `table` promises, as expectations on a pandas frame of its columns.

    Columns, required values, closed sets, keys and date order are blocking; ranges are warnings
    about plausibility. Types are left out: the lake casts every table to its contract's types. So
    are file and row number, which the platform wrote itself and accounts for per file and day.

    Args:
        table: A table as stored, such as `contracts.validated(landed)` or a derived table.

    Returns:
        A suite named after the table.
    """
    expectations = [*_table_expectations(table)]
    for column in table.columns:
        if column not in PROVENANCE:
            expectations += _column_expectations(column)
    named: ExpectationSuite = great_expectations().ExpectationSuite(
        name=table.name, expectations=expectations
    )
    return named


def _table_expectations(table: Table) -> Iterator[Any]:
    gxe = great_expectations().expectations
    yield gxe.ExpectTableColumnsToMatchOrderedList(
        column_list=list(table.column_names), severity=BLOCKING
    )
    if len(table.key) == 1:
        yield gxe.ExpectColumnValuesToBeUnique(column=table.key[0], severity=BLOCKING)
    else:
        yield gxe.ExpectCompoundColumnsToBeUnique(
            column_list=list(table.key), ignore_row_if="never", severity=BLOCKING
        )
    for later, earlier in rules.NOT_BEFORE.get(rules.landed_name(table), ()):
        yield gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A=later,
            column_B=earlier,
            or_equal=True,
            ignore_row_if="either_value_is_missing",
            severity=BLOCKING,
        )


def _column_expectations(column: Column) -> Iterator[Any]:
    gxe = great_expectations().expectations
    if column.required or column.default is not None:
        yield gxe.ExpectColumnValuesToNotBeNull(column=column.name, severity=BLOCKING)
    if column.allowed:
        yield gxe.ExpectColumnValuesToBeInSet(
            column=column.name, value_set=list(column.allowed), severity=BLOCKING
        )
    minimum = 0 if column.positive else column.minimum
    if minimum is not None or column.maximum is not None:
        yield gxe.ExpectColumnValuesToBeBetween(
            column=column.name,
            min_value=minimum,
            max_value=column.maximum,
            strict_min=column.positive,
            severity=WARNING,
        )
