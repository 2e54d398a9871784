"""Small pictures for the report: thumbnails, and where the model looked drawn on the photo."""

import base64
import io
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from preseason.arrays.types import Floats
from preseason.data.dataset import Sample
from preseason.errors import MediaError
from preseason.media.image import decode

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE = 320
QUALITY = 78
MAX_PICTURES = 60
MAX_BYTES = 1_200_000
MAX_PIXELS = 120_000_000
MAX_SOUNDS = 40
GRID = 96
ZOOM, NARROWEST = 3.0, 96
"""Of what is cut out: how much larger than the boxes it is, and its side in pixels at least."""
OUTLINE = (255, 214, 64)


@dataclass(frozen=True)
class Shown:
    """A picture in the page.

    Attributes:
        uri: data URI of the picture.
        width, height: in pixels.
        sound: data URI of what can be played under it; empty where there is nothing.
    """

    uri: str
    width: int
    height: int
    sound: str = ""


@dataclass(frozen=True)
class Mark:
    """A box x0 y0 x1 y1 in 0..1 that is drawn in a colour."""

    box: tuple[float, float, float, float]
    colour: tuple[int, int, int]


class Album:
    """The report's pictures, counted so that the page stays small.

    Args:
        picture: gives the encoded picture of a sample (any format that Pillow reads), or None.
        excerpt: gives a WAV file to play under its picture; None where examples cannot be heard.

    Attributes:
        sounds: how many excerpts the page holds.
    """

    def __init__(
        self,
        picture: Callable[[Sample], bytes | None] | None,
        excerpt: Callable[[Sample], bytes | None] | None = None,
    ) -> None:
        self._picture, self._excerpt, self.sounds = picture, excerpt, 0
        self._pictures = 0
        self._bytes = 0

    def thumbnail(self, sample: Sample) -> "Shown | None":
        """The sample's picture, or None: unreadable, not a picture, or the page is full."""
        return self._add(self._open(sample), sample)

    def attention_spec(self, sample: Sample, boxes: Floats, weights: Floats) -> "Shown | None":
        """Like `thumbnail`, with the parts that counted kept bright (boxes [p, 4], weights [p])."""
        image = self._open(sample)
        return self._add(None if image is None else spotlight(image, boxes, weights), sample)

    def marked(self, sample: Sample, marks: "Sequence[Mark]") -> "Shown | None":
        """Like `thumbnail`, with boxes drawn."""
        image = self._open(sample)
        return self._add(None if image is None else outlined(image, marks), sample)

    def close_up(self, sample: Sample, marks: "Sequence[Mark]") -> "Shown | None":
        """What lies around the boxes, cut out of the picture's file, with the boxes drawn."""
        return self._add(None if self._full else around(sample, marks), sample)

    @property
    def _full(self) -> bool:
        return self._picture is None or self._pictures >= MAX_PICTURES or self._bytes >= MAX_BYTES

    def _open(self, sample: Sample) -> "Image | None":
        if self._full or self._picture is None:
            return None
        data = self._picture(sample)
        return None if data is None else small(data)

    def _add(self, image: "Image | None", sample: Sample) -> "Shown | None":
        if image is None:
            return None
        data = jpeg(image)
        if self._bytes + len(data) > MAX_BYTES:
            return None
        self._pictures += 1
        self._bytes += len(data)
        uri = "data:image/jpeg;base64," + base64.b64encode(data).decode("ascii")
        return Shown(uri, image.width, image.height, self._heard(sample))

    def _heard(self, sample: Sample) -> str:
        data = None if self._excerpt is None or self.sounds >= MAX_SOUNDS else self._excerpt(sample)
        if data is None:
            return ""
        self.sounds += 1
        return "data:audio/wav;base64," + base64.b64encode(data).decode("ascii")


def small(data: bytes, side: int = SIDE) -> "Image | None":
    """The picture in RGB, upright, its longer side at most `side` pixels; None when it cannot be read."""
    from PIL import Image, ImageOps

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(data))
            if image.width * image.height > MAX_PIXELS:
                return None
            image.draft("RGB", (2 * side, 2 * side))
            upright = ImageOps.exif_transpose(image)
            upright.thumbnail((side, side))
            return _flat(upright)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def jpeg(image: "Image") -> bytes:
    """The picture as JPEG bytes."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=QUALITY, optimize=True)
    return buffer.getvalue()


def spotlight(image: "Image", boxes: Floats, weights: Floats) -> "Image":
    """The picture bright where the weight lies and grey elsewhere, the heaviest part outlined.

    Args:
        image: RGB.
        boxes: float32 [p, 4], x0 y0 x1 y1 in 0..1.
        weights: float32 [p], at least 0; a small part shines more than a large one of the same weight.
    """
    from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

    heat = Image.fromarray((255 * _heat(boxes, weights)).astype(np.uint8))
    mask = heat.resize(image.size, Image.Resampling.BICUBIC)
    mask = mask.filter(ImageFilter.GaussianBlur(max(image.size) / 40))
    dim = ImageEnhance.Brightness(image.convert("L").convert("RGB")).enhance(0.5)
    drawn = Image.composite(image, dim, mask)
    width, height = drawn.size
    x0, y0, x1, y1 = np.clip(boxes[int(np.argmax(weights))], 0, 1)
    frame = (x0 * (width - 1) + 1, y0 * (height - 1) + 1, x1 * (width - 1) - 1, y1 * (height - 1) - 1)
    if frame[2] > frame[0] and frame[3] > frame[1]:
        ImageDraw.Draw(drawn).rounded_rectangle(frame, radius=6, outline=OUTLINE, width=2)
    return drawn


def outlined(image: "Image", marks: "Sequence[Mark]") -> "Image":
    """The picture with boxes drawn."""
    from PIL import ImageDraw

    drawn = image.copy()
    pen = ImageDraw.Draw(drawn)
    for mark in marks:
        x0, y0, x1, y1 = mark.box
        edges = (x0 * drawn.width, y0 * drawn.height, x1 * drawn.width - 1, y1 * drawn.height - 1)
        if edges[2] >= edges[0] and edges[3] >= edges[1]:
            pen.rectangle(edges, outline=mark.colour, width=2)
    return drawn


def around(sample: Sample, marks: "Sequence[Mark]") -> "Image | None":
    """A part of a picture's file, three times as large as its boxes; None where it cannot be read."""
    from PIL import Image

    try:
        picture = Image.fromarray(decode(sample.path))
    except (MediaError, OSError):
        return None
    edges = np.array([mark.box for mark in marks]) * np.tile(picture.size, 2)
    low, high = edges[:, :2].min(axis=0), edges[:, 2:].max(axis=0)
    middle, half = (low + high) / 2, max(float((high - low).max()) * ZOOM / 2, NARROWEST / 2)
    x0, y0 = (max(0, int(edge - half)) for edge in middle)
    x1, y1 = (min(side, int(edge + half)) for side, edge in zip(picture.size, middle, strict=True))
    cut, placed = cut_out(picture, (x0, y0, x1, y1), np.array([mark.box for mark in marks]), SIDE)
    own = [
        Mark((box[0], box[1], box[2], box[3]), m.colour)
        for box, m in zip(placed.tolist(), marks, strict=True)
    ]
    return outlined(cut, own)


def cut_out(
    picture: "Image", frame: tuple[int, int, int, int], boxes: Floats, side: int
) -> "tuple[Image, Floats]":
    """A part of a picture, `side` pixels along its longer side, and where boxes lie on it.

    Args:
        frame: the part, x0 y0 x1 y1 in pixels.
        boxes: float [n, 4] in 0..1 of the picture; those given back are in units of the part.
    """
    x0, y0, x1, y1 = frame
    cut = picture.crop(frame)
    scale = side / max(cut.size)
    cut = cut.resize((max(1, round(cut.width * scale)), max(1, round(cut.height * scale))))
    pixels = boxes * np.tile(picture.size, 2)
    return cut, (pixels - np.array([x0, y0, x0, y0])) / np.array([x1 - x0, y1 - y0] * 2)


def place_of(box: Floats) -> str:
    """Where a box [x0 y0 x1 y1 in 0..1] lies, in words: `the upper left`, `the whole picture`."""
    x0, y0, x1, y1 = (float(value) for value in box)
    if (x1 - x0) * (y1 - y0) > 0.8:
        return "the whole picture"
    across = ("left", "", "right")[min(int((x0 + x1) / 2 * 3), 2)]
    down = ("upper", "", "lower")[min(int((y0 + y1) / 2 * 3), 2)]
    return f"the {' '.join(filter(None, (down, across))) or 'middle'}"


def moment_of(box: Floats) -> str:
    """When a box of a picture whose time runs to the right lies, in words: `the beginning`.

    Example:
        >>> moment_of(np.array([0.5, 0.0, 0.75, 1.0]))
        'the middle'
    """
    start, end = float(box[0]), float(box[2])
    if end - start > 0.8:
        return "the whole of it"
    return ("the beginning", "the middle", "the end")[min(int((start + end) / 2 * 3), 2)]


def _heat(boxes: Floats, weights: Floats) -> NDArray[np.float64]:
    heat = np.zeros((GRID, GRID))
    edges = np.clip(boxes, 0, 1) * GRID
    for (x0, y0, x1, y1), weight in zip(edges, np.maximum(weights, 0), strict=True):
        rows, columns = _span(y0, y1), _span(x0, x1)
        heat[rows, columns] += weight / max((x1 - x0) * (y1 - y0), 1.0) ** 0.5
    low, high = np.quantile(heat, 0.05), np.quantile(heat, 0.97)
    spread: NDArray[np.float64] = np.clip((heat - low) / (0.8 * (high - low) + 1e-12), 0, 1)
    return spread if high - low > 1e-9 else np.ones_like(heat)


def _span(start: float, stop: float) -> slice:
    first = min(int(start), GRID - 1)
    return slice(first, max(int(np.ceil(stop)), first + 1))


def _flat(image: Any) -> "Image":
    from PIL import Image

    if image.mode not in ("RGBA", "LA", "PA") and "transparency" not in image.info:
        return _eight_bit(image).convert("RGB")
    clear = image.convert("RGBA")
    paper = Image.new("RGBA", clear.size, (255, 255, 255, 255))
    return Image.alpha_composite(paper, clear).convert("RGB")


def _eight_bit(image: Any) -> "Image":
    from PIL import Image

    if not image.mode.startswith(("I", "F")):
        return image  # type: ignore[no-any-return]
    values = np.asarray(image, np.float64)
    scale = 255 / max(float(values.max()), 1e-12)
    return Image.fromarray((np.maximum(values, 0) * scale).astype(np.uint8))
