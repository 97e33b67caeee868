"""ABC classes by annual value and XYZ classes by the variation of demand."""

from __future__ import annotations

import polars as pl


def abc_classes(lines: pl.DataFrame, cuts: tuple[float, float] = (0.8, 0.95)) -> pl.Series:
    """ABC class of every line among the lines of its date.

    Lines are ranked by value; those before which less than `cuts[0]` of the value lies are A,
    then B up to `cuts[1]`, then C. Ties are broken by item and location. Without any value all
    lines are C.

    Args:
        lines: Columns `date`, `item_id`, `location_id`, `annual_value` (currency per year; empty
            counts as none).
        cuts: Cumulative shares of value at which A and B end.

    Returns:
        "A", "B" or "C" per line, in the order of `lines`.
    """
    value = pl.col("annual_value").fill_nan(None).fill_null(0.0)
    ranked = (
        lines.select("date", "item_id", "location_id", value)
        .with_row_index("row")
        .sort(
            "date", "annual_value", "item_id", "location_id", descending=[False, True, False, False]
        )
        .with_columns(upto=pl.col("annual_value").cum_sum().over("date"))
        .with_columns(
            before=pl.col("upto").shift(1, fill_value=0.0).over("date"),
            total=pl.col("upto").last().over("date"),
        )
    )
    before, total = pl.col("before"), pl.col("total")
    named = (
        pl.when((total > 0) & (pl.col("annual_value") > 0) & (before < cuts[0] * total))
        .then(pl.lit("A"))
        .when((total > 0) & (pl.col("annual_value") > 0) & (before < cuts[1] * total))
        .then(pl.lit("B"))
        .otherwise(pl.lit("C"))
    )
    return ranked.with_columns(abc_class=named).sort("row")["abc_class"]


def xyz_classes(
    mean: pl.Series, std: pl.Series, cuts: tuple[float, float] = (0.5, 1.0)
) -> pl.Series:
    """XYZ class by the coefficient of variation of daily demand, std / mean.

    Args:
        mean: Mean demand per day, units.
        std: Its standard deviation, units.
        cuts: Largest coefficients of X and of Y.

    Returns:
        "X", "Y" or "Z" per value; Z where the mean is not positive.
    """
    frame = pl.DataFrame({"mean": mean, "std": std})
    known = pl.col("mean") > 0
    named = (
        pl.when(known & (pl.col("std") <= cuts[0] * pl.col("mean")))
        .then(pl.lit("X"))
        .when(known & (pl.col("std") <= cuts[1] * pl.col("mean")))
        .then(pl.lit("Y"))
        .otherwise(pl.lit("Z"))
    )
    return frame.select(named.alias("xyz_class"))["xyz_class"]
