"""Answers of an exported model of photos: numpy, Pillow and onnxruntime (or openvino) are all it needs.

    python run.py PHOTO... [--json]

or from a program of your own, with this folder on its path:

    from run import Exported
    Exported("FOLDER").predict("photo.jpg")

The folder holds exported.json (settings), known.npz (vectors) and one graph for each pass over the
photo. A graph takes looks uint8 [n, looks, side, side, 3] (RGB squares cut out of the photo) and gives
probabilities; what stands here is how the looks are cut out and where the closer ones lie. How the answers
are put together stands in answers.py. Both were written by `preseason export` and need nothing of preseason.
"""

import hashlib
import math
import sys
import warnings
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFile, JpegImagePlugin
from PIL.Image import Resampling, Transpose

from preseason.exporting.answers import Array, Runner, digest, main

Box = tuple[float, float, float, float]
"""x0 y0 x1 y1 in units of the whole photo, y downwards; x1 < x0 means mirrored."""

FORMATS = ("PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
PIXEL_LIMIT = 180_000_000
MAX_SIDE = 1600
TURNS = {2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE"}
TURNS |= {6: "ROTATE_270", 7: "TRANSVERSE", 8: "ROTATE_90"}
CELLS, NEAR_PEAK = 14, 0.97
FIRST_SIDES, SECOND_SIDES = (0.36, 0.24), (0.30,)


class Exported(Runner):
    """An exported model of photos."""

    noun = "photos"

    def content(self, source: str) -> bytes:
        """The photo's file."""
        return Path(source).read_bytes()

    def inputs(self, content: bytes, stage: dict[str, Any], found: dict[str, Array]) -> dict[str, Array]:
        """The looks that a stage's graph takes."""
        seed = int(hashlib.blake2b(digest(content).encode(), digest_size=4).hexdigest(), 16)
        boxes = stage["looks"] or windows(found[stage["looks_from"]][0], stage["parts"], seed)
        given = {"pictures": crops(content, boxes, stage["size"])[None]}
        return given | ({"before": found[stage["before"]]} if stage["before"] else {})


def crops(data: bytes, boxes: Sequence[Box], size: int) -> Array:
    """Regions of the photo in a file, uint8 [boxes, size, size, 3]."""
    narrowest = min(min(abs(x1 - x0), y1 - y0) for x0, y0, x1, y1 in boxes)
    picture = Image.fromarray(decode(data, min(MAX_SIDE, round(1.5 * size / narrowest))))
    return np.stack([cut_out(picture, box, size) for box in boxes])


def cut_out(picture: Image.Image, box: Box, size: int) -> Array:
    """A region resized to uint8 [size, size, 3], mirrored where the box is."""
    x0, y0, x1, y1 = box
    left, right = sorted((x0, x1))
    corners = (left * picture.width, y0 * picture.height, right * picture.width, y1 * picture.height)
    square = np.asarray(picture.resize((size, size), Resampling.BILINEAR, box=corners, reducing_gap=2.0))
    return square[:, ::-1] if x1 < x0 else square


def decode(data: bytes, longest_side: int) -> Array:
    """A photo as uint8 [h, w, 3], RGB, the right way up, no larger than `longest_side`.

    Raises:
        ValueError: it is no photo, is damaged, or has too many pixels.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _decoded(data, longest_side)
    except Exception as error:  # Pillow lets out nearly every type on damaged files
        raise ValueError(f"it cannot be decoded ({str(error) or type(error).__name__})") from error


def _decoded(data: bytes, longest_side: int) -> Array:
    with _opened(data) as image:
        _shorten(image, longest_side)
        if image.width * image.height > PIXEL_LIMIT:
            raise ValueError(f"{image.width} x {image.height} pixels are too many")
        image.load()
        shown = _on_white(_shrunk(_eight_bit(image), longest_side))
        turn = TURNS.get(_orientation(image))
        return np.array(shown.transpose(Transpose[turn]) if turn else shown, np.uint8)


def _opened(data: bytes) -> ImageFile.ImageFile:
    Image.MAX_IMAGE_PIXELS = None
    if data[:3] == b"\xff\xd8\xff":
        return JpegImagePlugin.JpegImageFile(BytesIO(data))
    return Image.open(BytesIO(data), formats=FORMATS)


def _shorten(image: ImageFile.ImageFile, longest_side: int) -> None:
    """Let a large JPEG be decoded at 1/2, 1/4 or 1/8 of its size."""
    scale = 2 * longest_side / max(image.size)
    if image.format == "JPEG" and scale < 1:
        image.draft(image.mode, (math.ceil(image.width * scale), math.ceil(image.height * scale)))


def _eight_bit(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        return _from_deep(image)
    if image.mode in ("PA", "La", "RGBa", "LA") or "transparency" in image.info:
        return image.convert("RGBA")
    return image if image.mode in ("L", "RGB", "RGBA", "CMYK") else image.convert("RGB")


def _from_deep(image: Image.Image) -> Image.Image:
    """16-bit, 32-bit and float grey to 8 bit."""
    values = np.nan_to_num(np.asarray(image).astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    least, largest = float(values.min()), float(values.max())
    full = next((top for top in (255.0, 4095.0, 65535.0) if largest <= top), None)
    if image.mode == "F" or least < 0 or full is None:
        values, full = values - least, max(largest - least, 1e-12)
    return Image.fromarray(np.rint(values * (255.0 / full)).clip(0, 255).astype(np.uint8))


def _shrunk(image: Image.Image, longest_side: int) -> Image.Image:
    if max(image.size) <= longest_side:
        return image
    scale = longest_side / max(image.size)
    width, height = (max(1, round(side * scale)) for side in image.size)
    return image.resize((width, height), Resampling.BICUBIC, reducing_gap=3.0)


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode != "RGBA":
        return image.convert("RGB")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(0x0112, 1)
    except Exception:  # a damaged EXIF block counts as upright
        return 1
    return value if isinstance(value, int) else 1


def windows(attention: Array, regions: Sequence[Box], seed: int) -> list[Box]:
    """Windows on the two peaks of a photo's attention [parts], each plain and shifted and mirrored."""
    heat = _smooth(_heat_map(attention, regions))
    rng = np.random.default_rng(seed)
    found: list[Box] = []
    for sides in (FIRST_SIDES, SECOND_SIDES):
        x, y = _peak(heat)
        for side in sides:
            found += [_square(x, y, side), _mirrored(_shifted(x, y, side, rng))]
        row, column = int(y * CELLS), int(x * CELLS)
        heat[max(0, row - 2) : row + 3, max(0, column - 2) : column + 3] = -1
    return found


def _heat_map(attention: Array, regions: Sequence[Box]) -> Array:
    heat = np.zeros((CELLS, CELLS))
    for weight, (x0, y0, x1, y1) in zip(attention, regions, strict=True):
        if x1 - x0 < 1 or y1 - y0 < 1:
            rows = slice(round(y0 * CELLS), max(round(y1 * CELLS), round(y0 * CELLS) + 1))
            columns = slice(round(x0 * CELLS), max(round(x1 * CELLS), round(x0 * CELLS) + 1))
            heat[rows, columns] += weight / heat[rows, columns].size
    return heat


def _smooth(heat: Array) -> Array:
    """Mean of each cell and its neighbours."""
    padded = np.pad(heat, 1, mode="edge")
    over = [padded[y : y + CELLS] for y in range(3)]
    return np.asarray(np.mean([row[:, x : x + CELLS] for row in over for x in range(3)], axis=0))


def _peak(heat: Array) -> tuple[float, float]:
    rows, columns = np.nonzero(heat >= NEAR_PEAK * heat.max() if heat.max() > 0 else heat >= 0)
    return (float(columns.mean()) + 0.5) / CELLS, (float(rows.mean()) + 0.5) / CELLS


def _square(x: float, y: float, side: float) -> Box:
    x0, y0 = (float(np.clip(centre - side / 2, 0, 1 - side)) for centre in (x, y))
    return round(x0, 4), round(y0, 4), round(x0 + side, 4), round(y0 + side, 4)


def _shifted(x: float, y: float, side: float, rng: np.random.Generator) -> Box:
    other = side * float(rng.uniform(0.8, 1.25))
    dx, dy = rng.uniform(-0.12, 0.12, 2) * other
    return _square(x + float(dx), y + float(dy), other)


def _mirrored(box: Box) -> Box:
    x0, y0, x1, y1 = box
    return x1, y0, x0, y1


if __name__ == "__main__":
    sys.exit(main(Exported))
