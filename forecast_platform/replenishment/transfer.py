"""Stock that other locations can spare, moved before anything is bought."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from forecast_platform.replenishment.classic.allocation import transfers
from forecast_platform.replenishment.parameters import PlanParameters
from forecast_platform.replenishment.policy import order_of_review

FloatArray = NDArray[np.float64]

REVIEWED = (
    "reorder_point", "order_up_to_level", "min_order_quantity", "pack_size", "lot_size",
    "order_cap",
)  # fmt: skip
"""What a review decides by, beside the position, in the order of `order_of_review`."""


def with_transfers(lines: pl.DataFrame, parameters: PlanParameters) -> pl.DataFrame:
    """Move what a location has beyond its order-up-to level to where the same item is due.

    Whole units of counted stock are moved, to the location first that runs out first, where moving
    a unit costs less than buying it.

    Args:
        lines: Lines with position and levels, sorted by date, item and location.
        parameters: The cost of moving a unit; without one nothing is moved.

    Returns:
        The lines with `transfer_in`, `transfer_out` (empty without a cost), `transfer_from` (the
        locations, such as 'north=4,south=2') and `planned_position`, the inventory position after
        that.
    """
    position = _numbers(lines, "inventory_position")
    if parameters.transfer_cost is None:
        nothing = [pl.lit(None, pl.Float64).alias(name) for name in ("transfer_in", "transfer_out")]
        return lines.with_columns(
            *nothing, transfer_from=pl.lit(None, pl.String), planned_position="inventory_position"
        )
    counted = ~lines["simulated"].to_numpy()
    wanted, _ = order_of_review(position, *(_numbers(lines, name) for name in REVIEWED))
    dearer = _numbers(lines, "unit_cost") > parameters.transfer_cost
    need = np.where(counted & dearer, np.ceil(np.nan_to_num(wanted)), 0.0)
    here = _numbers(lines, "on_hand") - _numbers(lines, "reserved")
    beyond = np.minimum(here, position - _numbers(lines, "order_up_to_level"))
    spare = np.where(counted, np.floor(np.maximum(np.nan_to_num(beyond), 0.0)), 0.0)
    moved_in, moved_out, sources = _moved(lines, spare, need, parameters.transfer_cost)
    return lines.with_columns(
        pl.Series("transfer_in", moved_in),
        pl.Series("transfer_out", moved_out),
        pl.Series("transfer_from", sources, dtype=pl.String),
        pl.Series("planned_position", position + moved_in - moved_out),
    )


def _moved(
    lines: pl.DataFrame, spare: FloatArray, need: FloatArray, cost: float
) -> tuple[FloatArray, FloatArray, list[str | None]]:
    """(N,) units in, (N,) units out and where they come from."""
    moved_in, moved_out = np.zeros_like(need), np.zeros_like(need)
    sources: list[str | None] = [None] * lines.height
    places = lines["location_id"].to_list()
    for rows in _groups(lines, spare, need):
        ways = np.full((len(rows), len(rows)), cost)
        units = transfers(spare[None, rows], need[None, rows], ways, worth=2 * cost + 1)[0]
        moved_in[rows], moved_out[rows] = units.sum(axis=0), units.sum(axis=1)
        for at, row in enumerate(rows):
            given = [(places[source], n) for source, n in zip(rows, units[:, at], strict=True) if n]
            if given:
                sources[row] = ",".join(f"{place}={n:g}" for place, n in sorted(given))
    return moved_in, moved_out, sources


def _groups(lines: pl.DataFrame, spare: FloatArray, need: FloatArray) -> list[list[int]]:
    """Rows of each day's item that can spare or need units, of items that do both."""
    sides = lines.select("date", "item_id", "location_id", "stockout_in").with_columns(
        row=pl.int_range(pl.len()), spares=pl.Series(spare > 0), needs=pl.Series(need > 0)
    )
    groups = (
        sides.filter(pl.col("spares") | pl.col("needs"))
        .sort("date", "item_id", "stockout_in", "location_id", nulls_last=True)
        .group_by("date", "item_id", maintain_order=True)
        .agg("row", both=pl.col("spares").any() & pl.col("needs").any())
    )
    return groups.filter("both")["row"].to_list()


def _numbers(lines: pl.DataFrame, name: str) -> FloatArray:
    return lines[name].cast(pl.Float64).to_numpy()
