"""Sentences over rows."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest

from forecast_platform.text import filled

ROWS = pl.DataFrame(
    {
        "name": ["bread", "", None, "ä {} $"],
        "units": [1, -2, 3, None],
        "price": [2.5, 0.25, float("nan"), 10],
        "date": [dt.date(2024, 2, 29), None, dt.date(1, 1, 1), dt.date(2031, 1, 1)],
        "new": [True, False, None, True],
    }
)


@pytest.mark.parametrize("rows", [ROWS, ROWS.clear(), ROWS.head(1)])
@pytest.mark.parametrize(
    ("template", "parts", "said"),
    [
        ("{} row {}", ("name", "units"), ["bread row 1", " row -2", None, None]),
        ("on '{}' it", ("date",), ["on '2024-02-29' it", None, "on '0001-01-01' it",
                                   "on '2031-01-01' it"]),
        ("{}", ("price",), ["2.5", "0.25", "NaN", "10.0"]),
        ("{} %, {} and {}", (pl.col("price").round(1), "new", pl.lit("{}")),
         ["2.5 %, true and {}", "0.2 %, false and {}", None, "10.0 %, true and {}"]),
    ],
)  # fmt: skip
def test_every_place_is_filled(
    rows: pl.DataFrame, template: str, parts: tuple[str, ...], said: list[str | None]
) -> None:
    assert rows.select(filled(template, *parts)).to_series().to_list() == said[: rows.height]


@pytest.mark.parametrize("parts", [(), ("name", "units")])
def test_parts_have_to_fit_their_places(parts: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="1 parts"):
        filled("item {}", *parts)
