"""Nothing lost: every landed row is validated, rejected or an exact duplicate."""

from __future__ import annotations

import polars as pl

from forecast_platform.contracts import Table


def imbalance(
    landed: pl.DataFrame, accepted: pl.DataFrame, rejected: pl.DataFrame, table: Table
) -> pl.DataFrame:
    """Files and days whose rows do not add up.

    Args:
        landed: Raw rows.
        accepted: Validated rows made from them.
        rejected: Refused rows and exact duplicates made from them.
        table: The landed table.

    Returns:
        One row per file and day with `landed`, `validated`, `rejected` and `exact_duplicates`
        where landed is not their sum; no row where nothing is lost.
    """
    by = ["file", "day"]

    def count(frame: pl.DataFrame, day: str, name: str) -> pl.DataFrame:
        known = pl.col(day) if table.day else pl.lit(None, dtype=pl.Date)
        return frame.group_by("file", known.alias("day")).len(name)

    is_copy = pl.col("outcome") == "exact_duplicate"
    parts = [
        count(landed, "business_day", "landed"),
        count(accepted, table.day or "file", "validated"),
        count(rejected.filter(~is_copy), "business_day", "rejected"),
        count(rejected.filter(is_copy), "business_day", "exact_duplicates"),
    ]
    total = parts[0]
    for part in parts[1:]:
        total = total.join(part, on=by, how="full", coalesce=True, nulls_equal=True)
    counted = total.with_columns(pl.exclude(by).fill_null(0))
    others = pl.sum_horizontal("validated", "rejected", "exact_duplicates")
    return counted.filter(pl.col("landed") != others).sort(by)
