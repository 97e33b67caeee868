"""The groups that are watched: everything, each category and each location."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

CATEGORY, LOCATION = "category", "location_id"


class Group(NamedTuple):
    """Which rows belong together; category and location are None where it holds all of them."""

    level: str
    category: str | None = None
    location_id: str | None = None


TOTAL = Group("total")


def with_category(rows: pl.LazyFrame, products: pl.DataFrame) -> pl.LazyFrame:
    """Rows with item_id, and the category of each; empty where none is known."""
    known = products.lazy().select("item_id", CATEGORY)
    return rows.join(known, on="item_id", how="left", maintain_order="left")


def split(rows: pl.DataFrame) -> Iterator[tuple[Group, NDArray[np.intp]]]:
    """Every group with the positions of its rows; one category or location alone is no group.

    Args:
        rows: With category and location_id.
    """
    if rows.height:
        yield TOTAL, np.arange(rows.height)
    for name, level in ((CATEGORY, "category"), (LOCATION, "location")):
        found = (
            rows.select(name).with_row_index("at").drop_nulls(name)
            .group_by(name).agg("at").sort(name)
        )  # fmt: skip
        if found.height > 1:
            for value, at in zip(found[name], found["at"], strict=True):
                yield Group(level, **{name: value}), at.to_numpy()
