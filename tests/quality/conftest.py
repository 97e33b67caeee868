"""Landed rows as the validated stage gets them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence

import polars as pl
import pytest

from forecast_platform import contracts
from forecast_platform.contracts import Table
from forecast_platform.lake.schema import polars_schema

Landed = Callable[..., pl.DataFrame]


def land(table: Table, rows: Sequence[Mapping[str, object]], file: str = "a.csv") -> pl.DataFrame:
    """A raw frame in which every row has only what is given; numbered from 1."""
    names = contracts.raw(table).column_names
    defaults = {"file": file, "checksum": "0", "business_day": dt.date(2024, 1, 1)}
    filled = [
        dict.fromkeys(names) | defaults | {"row_number": n} | dict(row)
        for n, row in enumerate(rows, start=1)
    ]
    return pl.DataFrame(filled, schema=polars_schema(contracts.raw(table)))


@pytest.fixture(scope="session")
def landed() -> Landed:
    return land
