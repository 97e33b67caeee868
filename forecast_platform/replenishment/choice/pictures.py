"""Pictures of a choice as PNG: what each policy would cost a class, and which SKUs got which."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from forecast_platform.contracts.choice import POLICIES
from forecast_platform.drawing import canvas, png

if TYPE_CHECKING:
    pass

_PARTS = {
    "holding_cost": "holding",
    "ordering_cost": "ordering",
    "shortage_cost": "margin of lost sales",
}
_CLASSES = ("A", "B", "C")


def cost_picture(rows: pl.DataFrame) -> bytes:
    """Expected cost per day of every ABC class, would all of it order by one policy, and as chosen.

    Args:
        rows: Rows of `policy_choice` of one cutoff.
    """
    names = [*POLICIES, "as chosen"]
    figure = canvas()
    for axes, group in zip(figure.subplots(1, len(_CLASSES)), _CLASSES, strict=True):
        known = rows.filter(pl.col("abc_class") == group, pl.col("cost").is_not_null())
        bottom = np.zeros(len(names))
        for part, label in _PARTS.items():
            sums = dict(known.group_by("policy").agg(pl.col(part).sum()).iter_rows())
            chosen = known.filter("is_chosen")[part].sum()
            height = np.array([*(sums.get(name, 0.0) for name in POLICIES), chosen])
            axes.bar(names, height, bottom=bottom, label=label)
            bottom += height
        axes.set_title(f"class {group}: {known.filter('is_chosen').height} SKUs, cost per day")
        axes.set_xticks(range(len(names)), names, rotation=40, ha="right", fontsize=7)
    figure.axes[0].legend(fontsize=7)
    return png(figure)


def shares_picture(rows: pl.DataFrame) -> bytes:
    """Share of the SKUs of every ABC class that each policy orders.

    Args:
        rows: Rows of `policy_choice` of one cutoff.
    """
    chosen = rows.filter("is_chosen")
    counts = {
        (group, name): count
        for group, name, count in chosen.group_by("abc_class", "policy").len().iter_rows()
    }
    sizes = {group: max(chosen.filter(abc_class=group).height, 1) for group in _CLASSES}
    figure = canvas()
    axes = figure.subplots()
    left = np.zeros(len(_CLASSES))
    for name in POLICIES:
        width = np.array([counts.get((group, name), 0) / sizes[group] for group in _CLASSES])
        axes.barh(_CLASSES, width, left=left, label=name)
        left += width
    axes.invert_yaxis()
    axes.set(title="share of SKUs by chosen policy", xlim=(0, 1), ylabel="class")
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return png(figure)
