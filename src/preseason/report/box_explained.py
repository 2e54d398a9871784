"""Why boxes were found, drawn: the whole picture, and each box close up with what drove it."""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from preseason.media.image import decode
from preseason.models.box_explanation import BoxExplanation
from preseason.report.drawn import draw_boxes
from preseason.report.explained import MIN_VALUE, Card, heated, picture_uri
from preseason.report.html import environment
from preseason.report.lettering import font_for, names_on_pictures
from preseason.report.pictures import OUTLINE, Mark, cut_out, outlined
from preseason.runtime.files import write_text

if TYPE_CHECKING:
    from PIL.Image import Image

WHOLE, CLOSE, LINE, COLUMNS, SIZE = 720, 240, 34, 3, 12
PAPER, INK = (24, 30, 27), (235, 240, 236)
MARGIN = 0.75
"""What is shown around a box on each side, in sides of it."""
LEAST_MARGIN = 0.4
"""The same, in longer sides of it."""


def write_box_page(found: Sequence[BoxExplanation], path: Path) -> None:
    """One self-contained page: each box close up, written by rename."""
    cards = []
    for each in found:
        uri = picture_uri(close_up(each, 2 * CLOSE))
        name = Path(each.input).name
        cards.append(Card(name, each.box.label, each.box.score, False, "places", uri, (), lead(each), ()))
    page = environment().get_template("explained.html").render(cards=cards, boxes=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, page, errors="replace")


def write_box_pictures(found: Sequence[BoxExplanation], labels: Sequence[str], folder: Path) -> list[Path]:
    """A PNG for each picture: the whole with its boxes, below it each box close up."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for number, (name, boxes) in enumerate(groupby(found, key=lambda each: each.input), 1):
        target = folder / f"{number:03}-{Path(name).stem}.png"
        sheet(list(boxes), labels).save(target)
        made.append(target)
    return made


def sheet(found: Sequence[BoxExplanation], labels: Sequence[str]) -> "Image":
    """The whole picture above the boxes, each with a sentence."""
    from PIL import Image, ImageDraw

    whole = Image.fromarray(decode(found[0].sample.path))
    whole.thumbnail((WHOLE, WHOLE))
    draw_boxes(whole, [each.box for each in found], labels)
    rows = -(-len(found) // COLUMNS)
    width = max(whole.width, COLUMNS * CLOSE)
    out = Image.new("RGB", (width, whole.height + rows * (CLOSE + LINE)), PAPER)
    out.paste(whole, ((width - whole.width) // 2, 0))
    pen, names = ImageDraw.Draw(out), names_on_pictures(labels, SIZE)
    for number, each in enumerate(found):
        row, column = divmod(number, COLUMNS)
        x, y = column * CLOSE, whole.height + row * (CLOSE + LINE)
        shown = close_up(each, CLOSE - 8)
        out.paste(shown, (x + (CLOSE - shown.width) // 2, y + 4 + (CLOSE - 8 - shown.height) // 2))
        named = f"{names.get(each.box.label, each.box.label)} {100 * each.box.score:.0f} %"
        text = f"{named}\n{_short(each)}"
        pen.text((x + 6, y + CLOSE), text, fill=INK, font=font_for(text, SIZE))
    return out


def close_up(each: BoxExplanation, side: int) -> "Image":
    """The box and what lies around it, red where hiding costs the score and blue where it helps."""
    from PIL import Image

    picture = Image.fromarray(decode(each.sample.path))
    box, (wide, high) = each.box, picture.size
    longer = max((box.x1 - box.x0) * wide, (box.y1 - box.y0) * high)
    x0, x1 = _stretch(box.x0, box.x1, wide, longer)
    y0, y1 = _stretch(box.y0, box.y1, high, longer)
    boxes = np.array([*each.boxes, (box.x0, box.y0, box.x1, box.y1)])
    cut, placed = cut_out(picture, (x0, y0, x1, y1), boxes, side)
    tinted = heated(cut, placed[:-1].clip(0, 1).astype(np.float32), np.array(each.weights, np.float32))
    own = placed[-1].tolist()
    return outlined(tinted, [Mark((own[0], own[1], own[2], own[3]), OUTLINE)])


def lead(each: BoxExplanation) -> str:
    """The heaviest part in a sentence, and whether what lies around the box counts."""
    heaviest = int(np.argmax(each.weights))
    weight, score = 100 * each.weights[heaviest], 100 * each.box.score
    if weight < 100 * MIN_VALUE:
        return "No single part carries the box: hiding any one of them does not change its score."
    first = (
        f"With {each.parts[heaviest]} hidden the {each.box.label} loses {weight:.0f} points of {score:.0f}."
    )
    beside = 100 * each.around
    if beside < 100 * MIN_VALUE or each.parts[heaviest].startswith("what"):
        return first
    return f"{first} What lies around it counts for up to {beside:.0f}."


def _short(each: BoxExplanation) -> str:
    heaviest = int(np.argmax(each.weights))
    return f"{each.parts[heaviest]}: {100 * each.weights[heaviest]:+.0f}; around: {100 * each.around:+.0f}"


def _stretch(low: float, high: float, pixels: int, longer: float) -> tuple[int, int]:
    """First and last pixel of what is shown along one side of a box whose longer side is `longer` pixels."""
    margin = max(MARGIN * (high - low) * pixels, LEAST_MARGIN * longer)
    first = max(0, int(low * pixels - margin))
    return first, max(min(pixels, round(high * pixels + margin)), first + 1)
