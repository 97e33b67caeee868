"""A search of hyper-parameters as a picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from forecast_platform.drawing import canvas, png
from forecast_platform.forecasting.search import Choice, Range, Space, Tried

_COLOURS = {"judged": "tab:blue", "stopped": "tab:gray", "failed": "tab:red"}
_PER_ROW = 4
_WIDE, _TICKS = 100, 6
"""From this ratio of its ends on a range is marked by powers of ten alone, and by how many."""


def search_plot(tried: Sequence[Tried], space: Space, present: float) -> bytes:
    """PNG of the loss over trials, and over each setting.

    Args:
        tried: The trials; those stopped early are shown at the mean of the folds they had.
        space: What was searched.
        present: Loss of the settings in use.
    """
    from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

    shown = [one for one in tried if one.losses]
    losses = [float(np.mean(one.losses)) for one in shown]
    colours = [_COLOURS[one.outcome] for one in shown]
    across = min(1 + len(space), _PER_ROW)
    rows = -(-(1 + len(space)) // across)
    figure = canvas(4 * across, 3 * rows)
    first, *others = figure.subplots(rows, across, squeeze=False).ravel()
    first.scatter([one.number for one in shown], losses, c=colours)
    judged = [np.inf if one.loss is None else one.loss for one in tried]
    first.step(range(len(tried)), np.minimum.accumulate(judged), where="post", label="best so far")
    first.axhline(present, color="black", linestyle=":", label="as it is now")
    first.set(title="loss over trials (gray: stopped early)", xlabel="trial", ylabel="pinball loss")
    first.xaxis.set_major_locator(MaxNLocator(integer=True))
    first.legend(fontsize=8)
    for axes, (name, among) in zip(others, space.items(), strict=False):
        values = [one.params[name] for one in shown]
        if isinstance(among, Choice):
            values = [str(value) for value in values]
        axes.scatter(values, losses, c=colours)
        if isinstance(among, Range) and among.log:
            axes.set_xscale("log")
            parts = (1.0, 2.0, 5.0) if among.high < _WIDE * among.low else (1.0,)
            axes.xaxis.set_major_locator(LogLocator(subs=parts, numticks=_TICKS))
            axes.xaxis.set_major_formatter("{x:g}")
            axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_title(name)
    for axes in others[len(space) :]:
        axes.set_axis_off()
    return png(figure)
