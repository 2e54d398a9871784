"""What a fit found as plain pictures, for whoever watches it: the confusions, mistakes, boxes."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from preseason.arrays.types import Ints
from preseason.data.dataset import Sample
from preseason.evaluation.metrics import confusion
from preseason.inference.answers import BatchPredictions, BoxPredictions
from preseason.report.drawn import draw_boxes
from preseason.report.lettering import font_for, names_on_pictures
from preseason.report.pictures import small, spotlight
from preseason.results import FitRecord

if TYPE_CHECKING:
    from PIL import ImageDraw
    from PIL.Image import Image

Pixels = NDArray[np.uint8]
Picture = Callable[[Sample], bytes | None]
MOST = 12
"""Pictures of examples."""
MOST_CLASSES = 60
CELL, LINE, SIZE = 44, 18, 13
AXES = ("rows: true class", "columns: predicted")
INK, PAPER, RIGHT, WRONG = (30, 30, 30), (255, 255, 255), (42, 120, 214), (214, 90, 60)


def answer_pictures(record: FitRecord, picture: Picture) -> Iterator[tuple[str, Pixels]]:
    """Names and pictures, uint8 RGB [h, w, 3]: of labels the confusions and the most confident mistakes, of
    boxes some pictures with what was found; nothing of other answers.

    Args:
        picture: gives the encoded picture of a sample, or None.
    """
    answers = record.answers
    if isinstance(answers, BatchPredictions):
        if 0 < len(answers.labels) <= MOST_CLASSES and len(answers.targets):
            table = confusion(answers.probabilities, answers.targets)
            yield "confusions", np.asarray(drawn_confusions(table, answers.labels))
        yield from _mistakes(record, answers, picture)
    elif isinstance(answers, BoxPredictions):
        yield from _found(answers, picture)


def _mistakes(record: FitRecord, answers: BatchPredictions, picture: Picture) -> Iterator[tuple[str, Pixels]]:
    said = answers.probabilities.argmax(axis=1)
    sure = answers.probabilities.max(axis=1)
    wrong = [int(i) for i in np.argsort(-sure, kind="stable") if said[i] != answers.targets[i]]
    for number, index in enumerate(wrong[:MOST], 1):
        sample = answers.samples[index]
        image = _opened(sample, picture)
        if image is None:
            continue
        if answers.attention is not None and record.boxes is not None:
            image = spotlight(image, record.boxes, answers.attention[index])
        name = f"mistakes/{number} {sample.label} taken for {answers.labels[said[index]]}"
        yield name, np.asarray(image)


def _found(answers: BoxPredictions, picture: Picture) -> Iterator[tuple[str, Pixels]]:
    for number, (sample, boxes) in enumerate(
        list(zip(answers.samples, answers.counted(), strict=True))[:MOST], 1
    ):
        image = _opened(sample, picture)
        if image is not None:
            draw_boxes(image, boxes, answers.labels)
            yield f"found/{number}", np.asarray(image)


def _opened(sample: Sample, picture: Picture) -> "Image | None":
    data = picture(sample)
    return None if data is None else small(data)


def drawn_confusions(table: Ints, labels: tuple[str, ...]) -> "Image":
    """Counts int64 [c, c] as a picture: truth in rows, answers in columns, darker where a share is larger."""
    from PIL import Image, ImageDraw

    names = list(names_on_pictures(labels, SIZE).values())
    left = 2 * LINE + int(max(font_for(text, SIZE).getlength(text) for text in (*names, *AXES)))
    side = len(names) * CELL
    image = Image.new("RGB", (left + side + LINE, left + side + LINE), PAPER)
    pen = ImageDraw.Draw(image)
    pen.text((LINE // 2, LINE // 2), "\n".join(AXES), INK, font=font_for("".join(AXES), SIZE))
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    for row, name in enumerate(names):
        place = left + row * CELL
        pen.text((left - LINE // 2, place + CELL // 2), name, INK, font=font_for(name, SIZE), anchor="rm")
        image.paste(_upright(name, left - LINE // 2), (place + (CELL - LINE) // 2, 0))
        for column, count in enumerate(table[row]):
            _cell(pen, (left + column * CELL, place), int(count), float(shares[row, column]), row == column)
    return image


def _cell(pen: "ImageDraw.ImageDraw", at: tuple[int, int], count: int, share: float, right: bool) -> None:
    colour = RIGHT if right else WRONG
    ground = tuple(round(255 + (value - 255) * share) for value in colour)
    pen.rectangle((*at, at[0] + CELL - 2, at[1] + CELL - 2), fill=ground)
    if count:
        ink = PAPER if share > 0.6 else INK
        middle = (at[0] + CELL // 2, at[1] + CELL // 2)
        pen.text(middle, str(count), ink, font=font_for(str(count), SIZE), anchor="mm")


def _upright(text: str, height: int) -> "Image":
    """The text from below to above, on a strip LINE wide."""
    from PIL import Image, ImageDraw

    strip = Image.new("RGB", (height, LINE), PAPER)
    ImageDraw.Draw(strip).text((0, LINE // 2), text, INK, font=font_for(text, SIZE), anchor="lm")
    return strip.rotate(90, expand=True)
