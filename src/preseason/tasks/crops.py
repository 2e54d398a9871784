"""What the tasks of photos and clips share: crops of pictures, and views."""

from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from preseason.engine.passes import WHOLE, Box, grid

if TYPE_CHECKING:
    from PIL.Image import Image


def cut_out(picture: "Image | NDArray[np.uint8]", box: Box, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """A region of a picture resized to uint8 [h, w, 3] of a shape (h, w), mirrored where the box is."""
    from PIL import Image

    shown = Image.fromarray(picture) if isinstance(picture, np.ndarray) else picture
    left, right = sorted((box.x0, box.x1))
    width, height = shown.size
    corners = (left * width, box.y0 * height, right * width, box.y1 * height)
    resized = shown.resize(shape[::-1], Image.Resampling.BILINEAR, box=corners, reducing_gap=2.0)
    crop = np.asarray(resized)
    return crop[:, ::-1] if box.x1 < box.x0 else crop


def views(count: int) -> tuple[Box, ...]:
    """The whole, its mirror image, then corners of 0.85 of the side, every second one mirrored."""
    found = [WHOLE, WHOLE.mirrored()]
    for index, corner in enumerate(cycle(grid(2, 0.85))):
        if len(found) >= count:
            return tuple(found[:count])
        found.append(corner.mirrored() if index % 2 else corner)
    raise AssertionError("cycle never ends")
