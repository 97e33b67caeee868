import io

import numpy as np
from PIL import Image

from forecast_platform.drawing import canvas, png


def test_a_picture_keeps_its_size_and_few_colours() -> None:
    figure = canvas(4, 3)
    figure.subplots().imshow(np.arange(10_000).reshape(100, 100), cmap="hsv")
    with Image.open(io.BytesIO(png(figure, dots_per_inch=50))) as image:
        assert image.size == (200, 150)
        assert len(image.convert("RGB").getcolors() or ()) in range(50, 129)
