"""Regions of a picture, each resized on its own from the decoded picture."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from preseason.engine.passes import Box, frame_of, within
from preseason.media.image import decode

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_SIDE = 1600
"""Photos are decoded no larger than this: the closest window is then still sharp."""


def crops_of(
    photo: Path | bytes,
    boxes: Sequence[Box],
    shape: tuple[int, int],
    frame: str = "whole",
    white: float = 0.0,
) -> NDArray[np.uint8]:
    """Regions of a photo's frame, uint8 [boxes, h, w, 3] of a shape (h, w); `white` as of `decode`.

    Raises:
        MediaError: it cannot be decoded.
    """
    from PIL import Image

    narrowest = min(min(abs(box.x1 - box.x0), box.y1 - box.y0) for box in boxes)
    # How much longer than its square a picture is shows only when it is decoded.
    longest = MAX_SIDE if frame != "whole" else min(MAX_SIDE, round(1.5 * shape[1] / narrowest))
    picture = Image.fromarray(decode(photo, longest, white))
    place = frame_of(frame, picture.height, picture.width)
    return np.stack([cut_out(picture, within(place, box), shape) for box in boxes])


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
