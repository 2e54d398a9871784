"""Explanations drawn: heat on the photo, bars under the frames, coloured words, the nearest known beside."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from preseason.arrays.types import Floats
from preseason.data.dataset import File, Sample
from preseason.models.explanation import Explanation, Near, Seen
from preseason.report.html import environment
from preseason.report.pictures import SIDE, small
from preseason.runtime.files import write_text
from preseason.tasks.base import Task

if TYPE_CHECKING:
    from PIL.Image import Image

CELLS = 112
WARM = np.array([230, 60, 20], np.float32)
COLD = np.array([30, 110, 200], np.float32)
MAX_TINT = 0.62
DRAWN = 480
MIN_VALUE = 0.02
"""Probability up to which a weight is drawn faintly: less is the noise of hiding anything at all."""


@dataclass(frozen=True)
class Known:
    """A known example as the page shows it."""

    label: str
    likeness: float
    name: str
    text: str | None
    picture: str | None


@dataclass(frozen=True)
class Card:
    """One explanation as the page shows it; `words` are pairs of text and colour."""

    name: str
    label: str
    probability: float
    unknown: bool
    kind: str
    picture: str | None
    words: tuple[tuple[str, str], ...]
    lead: str
    neighbours: tuple[Known, ...]
    seen: str = ""


def write_page(found: Sequence[Explanation], path: Path, job: Task) -> None:
    """One self-contained page of all explanations, written by rename."""
    cards = [_card(each, job) for each in found]
    page = environment().get_template("explained.html").render(cards=cards, boxes=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, page, errors="replace")


def write_pictures(found: Sequence[Explanation], folder: Path, job: Task) -> list[Path]:
    """A PNG for each explanation of a photo or a clip, named after its file."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for number, each in enumerate(found, 1):
        image = drawn(each, job)
        if image is not None:
            target = folder / f"{number:03}-{Path(each.input).stem}.png"
            image.save(target)
            made.append(target)
    return made


def drawn(each: Explanation, job: Task) -> "Image | None":
    """The picture with its weights on it; None of texts and of files that are gone."""
    data = job.picture(each.sample)
    image = None if data is None else small(data, DRAWN)
    if image is None:
        return None
    if each.boxes is not None:
        heat = heated(image, each.boxes, np.array(each.weights, np.float32))
        return heat if each.seen is None or each.seen.box is None else _outlined(heat, each.seen.box)
    return barred(image, np.array(each.weights, np.float32))


def heated(image: "Image", boxes: Floats, weights: Floats) -> "Image":
    """The picture tinted where hiding costs the answer (red) or helps it (blue).

    Args:
        image: RGB.
        boxes: float32 [p, 4], x0 y0 x1 y1 in 0..1.
        weights: float32 [p].
    """
    from PIL import Image, ImageFilter

    heat = heat_of(boxes, weights)
    strength = np.abs(heat) / max(float(np.abs(heat).max()), MIN_VALUE)
    size = image.size
    scaled = Image.fromarray((255 * strength).astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)
    sign = Image.fromarray(np.where(heat >= 0, 255, 0).astype(np.uint8)).resize(
        size, Image.Resampling.BILINEAR
    )
    soft = max(size) / 60
    scaled, sign = (layer.filter(ImageFilter.GaussianBlur(soft)) for layer in (scaled, sign))
    alpha = MAX_TINT * np.asarray(scaled, np.float32)[..., None] / 255
    warm = np.asarray(sign, np.float32)[..., None] / 255
    grey = np.asarray(image.convert("L").convert("RGB"), np.float32)
    base = 0.45 * np.asarray(image, np.float32) + 0.55 * grey
    mixed = (1 - alpha) * base + alpha * (warm * WARM + (1 - warm) * COLD)
    return Image.fromarray(mixed.clip(0, 255).astype(np.uint8))


def _outlined(image: "Image", box: tuple[float, float, float, float]) -> "Image":
    """The picture with a frame around what counted, x0 y0 x1 y1 in 0..1; white on dark, for any ground."""
    from PIL import ImageDraw

    draw = ImageDraw.Draw(image)
    x0, y0, x1, y1 = (side * length for side, length in zip(box, image.size * 2, strict=True))
    for margin, colour, width in ((1, (20, 24, 22), 5), (0, (255, 255, 255), 3)):
        draw.rectangle((x0 - margin, y0 - margin, x1 + margin, y1 + margin), outline=colour, width=width)
    return image


def heat_of(boxes: Floats, weights: Floats) -> Floats:
    """Mean weight of the boxes over each cell, float32 [cells, cells]."""
    total, count = np.zeros((CELLS, CELLS), np.float32), np.zeros((CELLS, CELLS), np.float32)
    for (x0, y0, x1, y1), weight in zip((boxes * CELLS).round().astype(int), weights, strict=True):
        total[y0:y1, x0:x1] += weight
        count[y0:y1, x0:x1] += 1
    return np.asarray(total / np.maximum(count, 1), np.float32)


def barred(sheet: "Image", weights: Floats) -> "Image":
    """A sheet of frames in two rows, under each frame a bar of its weight."""
    from PIL import Image, ImageDraw

    columns = len(weights) // 2
    width, height = sheet.width // columns, sheet.height // 2
    band = max(height // 7, 10)
    out = Image.new("RGB", (width * columns, 2 * (height + band)), (24, 30, 27))
    draw = ImageDraw.Draw(out)
    largest = max(float(np.abs(weights).max()), MIN_VALUE)
    for number, weight in enumerate(weights):
        row, column = divmod(number, columns)
        x, y = column * width, row * (height + band)
        frame = (x, row * height, x + width, (row + 1) * height)
        out.paste(sheet.crop(frame), (x, y))
        colour = tuple(int(value) for value in (WARM if weight >= 0 else COLD))
        length = max(int((width - 8) * abs(float(weight)) / largest), 1)
        draw.rectangle((x + 4, y + height + 3, x + 4 + length, y + height + band - 4), fill=colour)
    return out


def _card(each: Explanation, job: Task) -> Card:
    image = drawn(each, job)
    return Card(
        each.input if each.kind == "words" else Path(each.input).name,
        each.label,
        each.probability,
        each.unknown,
        each.kind,
        None if image is None else picture_uri(image),
        _coloured(each) if each.kind == "words" else (),
        lead(each),
        tuple(_known(near, job) for near in each.neighbours),
        _framed(each.seen),
    )


def _framed(seen: Seen | None) -> str:
    """What the frame on the picture is; empty without one."""
    if seen is None:
        return ""
    return seen.said() if seen.box is None else f"The frame is around the {seen.thing} that counted."


def lead(each: Explanation) -> str:
    """The heaviest part in a sentence."""
    heaviest = int(np.argmax(each.weights))
    weight = 100 * each.weights[heaviest]
    if weight < 100 * MIN_VALUE:
        return "No single part carries the answer: hiding any one of them does not change it."
    part = each.parts[heaviest]
    named = {"words": f"Without “{part}”", "moments": f"Without the moment from {part} of the clip"}
    subject = named.get(each.kind, f"With the {part} hidden")
    return f"{subject} {each.label} loses {weight:.0f} points of {100 * each.probability:.0f}."


def _coloured(each: Explanation) -> tuple[tuple[str, str], ...]:
    largest = max((abs(weight) for weight in each.weights), default=0.0)
    scale = max(largest, MIN_VALUE)
    return tuple((part, _colour(weight / scale)) for part, weight in each)


def _colour(share: float) -> str:
    red, green, blue = (int(value) for value in (WARM if share >= 0 else COLD))
    return f"rgba({red},{green},{blue},{0.6 * abs(share):.2f})"


def _known(near: Near, job: Task) -> Known:
    data = None if near.path is None else job.picture(Sample(File(Path(near.path))))
    image = None if data is None else small(data, SIDE // 2)
    picture = None if image is None else picture_uri(image)
    return Known(near.label, near.likeness, near.name, near.text, picture)


def picture_uri(image: "Image") -> str:
    """The picture as a data URI."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=82, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
