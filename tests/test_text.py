"""Sentences over rows say what `pl.format` would say, where it says anything."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest

from forecast_platform.text import filled

ROWS = pl.DataFrame(
    {
        "name": ["bread", "", None, "ä {} $"],
        "units": [1, -2, 3, None],
        "price": [2.5, 1e-7, float("nan"), 1e20],
        "date": [dt.date(2024, 2, 29), None, dt.date(1, 1, 1), dt.date(2031, 1, 1)],
        "new": [True, False, None, True],
    }
)


@pytest.mark.parametrize("rows", [ROWS, ROWS.clear(), ROWS.head(1)])
@pytest.mark.parametrize(
    ("template", "parts"),
    [
        ("{} row {}", ("name", "units")),
        ("date '{}' cannot be read", ("date",)),
        ("{}", ("price",)),
        ("costs {} % more, {} and {}", (pl.col("price").round(1), "new", pl.lit("much"))),
    ],
)
def test_every_place_is_filled(rows: pl.DataFrame, template: str, parts: tuple[str, ...]) -> None:
    said = rows.select(said=filled(template, *parts))
    assert said.equals(rows.select(said=pl.format(template, *parts)), null_equal=True)


@pytest.mark.parametrize("parts", [(), ("name", "units")])
def test_parts_have_to_fit_their_places(parts: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="1 parts"):
        filled("item {}", *parts)
