"""What all pictures share: a canvas, its PNG, and the shop's own words shown as they are."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plain(text: str) -> str:
    """The text as a picture's title or label; matplotlib takes what dollars enclose for maths."""
    return text.replace("$", r"\$")


def canvas(
    width: float = 11, height: float = 3.4, layout: Literal["constrained", "tight"] = "constrained"
) -> Figure:
    """An empty figure of a size in inches that needs no screen."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout=layout)
    FigureCanvasAgg(figure)
    return figure


def png(figure: Figure, dots_per_inch: int = 100) -> bytes:
    """The figure as a PNG of few colours: a quarter of the bytes that each event with it keeps."""
    from PIL import Image

    drawn, image = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=dots_per_inch, pil_kwargs={"compress_level": 1})
    colours = Image.open(drawn).convert("RGB").quantize(128, dither=Image.Dither.NONE)
    colours.save(image, format="PNG", optimize=True)
    return image.getvalue()
