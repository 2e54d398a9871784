"""Boxes on a picture: those a person drew, and those a model found; edges in fractions of the picture."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class LabelledBox:
    """One thing on a picture, as a person labelled it.

    Attributes:
        label: its class.
        x0, y0, x1, y1: edges in 0..1 of the picture as it is shown (turned by its EXIF tag), y downwards.
    """

    label: str
    x0: float
    y0: float
    x1: float
    y1: float


@dataclass(frozen=True)
class FoundBox:
    """One thing on a picture, as a model found it.

    Attributes:
        label: its class.
        score: calibrated, 0..1: the share of such boxes that are right.
        x0, y0, x1, y1: edges in 0..1, as of `LabelledBox`.
    """

    label: str
    score: float
    x0: float
    y0: float
    x1: float
    y1: float


def pixels_of(box: LabelledBox | FoundBox, width: int, height: int) -> tuple[int, int, int, int]:
    """Whole pixels x0, y0, x1, y1 of a box, inside the picture and at least one wide and high.

    Example:
        >>> pixels_of(LabelledBox("ball", 0.25, 0.5, 0.25, 1.2), 100, 10)
        (25, 5, 26, 10)
    """
    x0 = min(max(int(box.x0 * width), 0), width - 1)
    y0 = min(max(int(box.y0 * height), 0), height - 1)
    x1 = min(max(round(box.x1 * width), x0 + 1), width)
    y1 = min(max(round(box.y1 * height), y0 + 1), height)
    return x0, y0, x1, y1


def coco_values(
    pictures: Iterable[tuple[str, int, int, Sequence[FoundBox]]], labels: Sequence[str]
) -> dict[str, Any]:
    """What was found as a data set in COCO's form, in pixels; scores are rounded to four digits.

    Args:
        pictures: of each the name of the file, width, height and boxes.
        labels: names of the classes, numbered from 1.
    """
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, (name, width, height, boxes) in enumerate(pictures, start=1):
        images.append({"id": number, "file_name": name, "width": width, "height": height})
        for box in boxes:
            x, y = box.x0 * width, box.y0 * height
            wide, high = box.x1 * width - x, box.y1 * height - y
            annotations.append(
                {"id": len(annotations) + 1, "image_id": number, "category_id": labels.index(box.label) + 1,
                 "bbox": [round(value, 3) for value in (x, y, wide, high)], "area": round(wide * high, 3),
                 "iscrowd": 0, "score": round(box.score, 4)}
            )  # fmt: skip
    categories = [{"id": number, "name": label} for number, label in enumerate(labels, start=1)]
    return {"images": images, "annotations": annotations, "categories": categories}
