"""How a picture lies on what the network is fed: its aspect kept, padded to sides the network divides."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from preseason.arrays.types import Floats
from preseason.engine.passes import WHOLE, Box

STRIDE = 32
"""Sides of a canvas are multiples of it: the coarsest map has a cell for so many pixels."""


@dataclass(frozen=True)
class Canvas:
    """A part of a picture, resized and laid in the upper left corner of what is fed; the rest is padding.

    Attributes:
        height, width: of what is fed, in pixels, multiples of `STRIDE`.
        inner_height, inner_width: of the resized part.
        part: of the picture, in 0..1; x1 < x0 means mirrored.
    """

    height: int
    width: int
    inner_height: int
    inner_width: int
    part: Box = WHOLE

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of what is fed."""
        return self.height, self.width

    def placed(self, boxes: Floats) -> Floats:
        """Boxes of the picture, float32 [n, 4] in 0..1, in pixels of the canvas."""
        x = (boxes[:, [0, 2]] - self.part.x0) / (self.part.x1 - self.part.x0) * self.inner_width
        y = (boxes[:, [1, 3]] - self.part.y0) / (self.part.y1 - self.part.y0) * self.inner_height
        x.sort(axis=1)
        return np.stack([x[:, 0], y[:, 0], x[:, 1], y[:, 1]], axis=1).astype(np.float32)

    def lifted(self, boxes: Floats) -> Floats:
        """Boxes in pixels of the canvas, float32 [n, 4], as edges of the picture in 0..1, cut off there."""
        x = self.part.x0 + boxes[:, [0, 2]] / self.inner_width * (self.part.x1 - self.part.x0)
        y = self.part.y0 + boxes[:, [1, 3]] / self.inner_height * (self.part.y1 - self.part.y0)
        x.sort(axis=1)
        return np.stack([x[:, 0], y[:, 0], x[:, 1], y[:, 1]], axis=1).clip(0, 1).astype(np.float32)


def canvas_for(size: tuple[int, int], longest: int, part: Box = WHOLE) -> Canvas:
    """The canvas of a part of a picture of `size` (height, width) whose longer side becomes `longest` pixels.

    Example:
        >>> canvas_for((480, 640), 640).shape, canvas_for((1080, 1920), 960).shape
        ((480, 640), (544, 960))
    """
    high = size[0] * (part.y1 - part.y0)
    wide = size[1] * abs(part.x1 - part.x0)
    scale = longest / max(high, wide)
    inner = [max(1, round(side * scale)) for side in (high, wide)]
    return Canvas(_rounded(inner[0]), _rounded(inner[1]), inner[0], inner[1], part)


def painted(picture: NDArray[np.uint8], canvas: Canvas) -> NDArray[np.uint8]:
    """What is fed of a decoded picture: uint8 [height, width, 3], grey where the picture does not reach."""
    from PIL import Image

    high, wide = picture.shape[:2]
    part = canvas.part
    left, right = sorted((part.x0, part.x1))
    corners = (left * wide, part.y0 * high, right * wide, part.y1 * high)
    inner = (canvas.inner_width, canvas.inner_height)
    resized = Image.fromarray(picture).resize(inner, Image.Resampling.BILINEAR, box=corners, reducing_gap=2.0)
    out = np.full((*canvas.shape, 3), 124, np.uint8)
    pixels = np.asarray(resized)
    out[: canvas.inner_height, : canvas.inner_width] = pixels[:, ::-1] if part.x1 < part.x0 else pixels
    return out


def _rounded(side: int) -> int:
    return -(-side // STRIDE) * STRIDE
