"""Pictures of what was learned as PNG: how far above the optimum, beside the other yardsticks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from forecast_platform.drawing import canvas, png
from forecast_platform.replenishment.learned.guard import CAPPED, MYOPIC, OPTIMUM
from forecast_platform.replenishment.learned.study import Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ACROSS = 4
_STYLES = {MYOPIC: ":", CAPPED: "--"}
_NEAR = 0.1
"""Per cent above the optimum below which the axis is linear, and above which logarithmic."""


def curves(studies: Sequence[Study]) -> bytes:
    """Exact cost of the greedy policy on the way, above the optimum, one panel per study.

    Args:
        studies: One at least.
    """
    across = min(_ACROSS, len(studies))
    down = math.ceil(len(studies) / across)
    figure = canvas(3.6 * across + 1, 3 * down)
    panels = figure.subplots(down, across, squeeze=False, sharey=True).ravel()
    for axes, study in zip(panels, studies, strict=False):
        _draw(axes, study)
    # Only now, since it fixes the upper end of the shared axis too.
    panels[0].set_ylim(bottom=0)
    panels[0].legend(fontsize=7)
    for empty in panels[len(studies) :]:
        empty.set_axis_off()
    return png(figure)


def _draw(axes: Axes, study: Study) -> None:
    known = study.curve.drop_nulls("gap")
    axes.plot(known["periods"].to_list(), (100 * known["gap"]).to_list(), "o-", label="learned")
    optimum = study.yardsticks.get(OPTIMUM, math.nan)
    for name, style in _STYLES.items():
        gap = 100 * (study.yardsticks.get(name, math.nan) / optimum - 1)
        axes.axhline(gap, color="black", linestyle=style, linewidth=0.9, label=name)
    axes.set_yscale("symlog", linthresh=_NEAR)
    axes.set_title(f"{study.name}: {study.method}", fontsize=9)
    axes.set_xlabel("review periods of experience", fontsize=8)
    axes.set_ylabel("% above the optimum", fontsize=8)
    axes.yaxis.set_major_formatter("{x:g}")
    axes.tick_params(labelsize=7)
