"""Columns of boxes in data sets of the library `datasets`, such as `objects` with `bbox` and `category`.

The library's guides use COCO's form (left, top, width, height in pixels); data sets on the hub also hold
corners, and fractions of the picture. Values tell, as in tables of boxes: where both forms fit every row, the
data set is refused.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from preseason.data.box_columns import CORNERS, SIDES, Reading
from preseason.data.box_reading import BoxReading, Drawn, Edges, Frame, faulty, frame_of, number
from preseason.data.column_names import plain
from preseason.data.dataset import Dataset, Skipped
from preseason.data.files import Accept
from preseason.errors import DataError, MediaError
from preseason.media import image

BOXES = ("bbox", "bboxes", "box", "boxes")
FORMS = {"xywh": SIDES, "xyxy": CORNERS}
"""Endings of a column's name that say the form of its boxes."""
CLASSES = (
    "category",
    "categories",
    "label",
    "labels",
    "class",
    "classes",
    "categoryid",
    "categoryids",
    "name",
)
FRACTION = 1.5
"""The largest number of boxes in fractions of the picture, some of which reach beyond it a little."""
SLACK = 0.02
OFTEN = 0.05
"""Share of boxes that may contradict a reading: some are wrong."""


@dataclass(frozen=True)
class Objects:
    """Where the boxes are.

    Attributes:
        column: of structures, or of lists of them; None where boxes and classes are columns of their own.
        box, label: the field or column of the four numbers, and of the class.
        names: class names by number; empty where classes are named as they are.
    """

    column: str | None
    box: str
    label: str
    names: tuple[str, ...]

    @property
    def forms(self) -> tuple[tuple[str, ...], ...]:
        """The forms that the name of the boxes leaves open."""
        named = [form for ending, form in FORMS.items() if plain(self.box).endswith(ending)]
        return tuple(named) or (SIDES, CORNERS)

    def of(self, row: Mapping[str, Any]) -> list[tuple[str, Edges]] | None:
        """Class and numbers of each box of a row; None where the row has none, not even an empty list."""
        held = row if self.column is None else row[self.column]
        if isinstance(held, Mapping):
            boxes, labels = held.get(self.box), held.get(self.label)
        elif held is not None:
            boxes, labels = [each[self.box] for each in held], [each[self.label] for each in held]
        if held is None or boxes is None or labels is None:
            return None
        return [(self._name(label), _four(box)) for label, box in zip(labels, boxes, strict=False)]

    def _name(self, value: Any) -> str:
        if not self.names:
            return "" if value is None else str(value)
        return self.names[value] if isinstance(value, int) and 0 <= value < len(self.names) else ""


@dataclass(frozen=True)
class Picture:
    """A row.

    Attributes:
        name: `row 3 of train`.
        sides: width and height that the row tells, in pixels; 0 where it does not.
    """

    name: str
    path: Path
    boxes: Sequence[tuple[str, Edges]]
    sides: tuple[float, float]
    split: str | None
    group: str | None


def objects_of(features: Mapping[str, Any], column: str | None = None) -> Objects | None:
    """The columns of boxes, where pictures have such.

    Args:
        features: of a data set.
        column: the one that the user named for labels; None looks at all.
    """
    if all(type(each).__name__ != "Image" for each in features.values()):
        return None
    for name in (column,) if column is not None else features:
        fields = _fields(features.get(name))
        found = _among(fields, name) if fields is not None else None
        if found is not None:
            return found
    return _among(features, None) if column is None else None


def sides_of(row: Mapping[str, Any]) -> tuple[float, float]:
    """Width and height of the picture that columns of these names tell."""
    wide, high = number(row.get("width")), number(row.get("height"))
    return (wide, high) if math.isfinite(wide + high) else (0.0, 0.0)


def read_pictures(
    pictures: Sequence[Picture], objects: Objects, root: Path, skipped: Iterable[Skipped], layout: str
) -> Dataset:
    """Labelled pictures; boxes that cannot be used are named, the others kept.

    Raises:
        DataError: two readings fit all boxes, or there are two units.
    """
    names = {str(each.path): each.name for each in pictures}
    boxes = BoxReading(root, Accept(image.check, "pictures"))
    frames = {each.path: _frame(each) for each in pictures}
    reading = _reading(pictures, objects, frames)
    for each in pictures:
        frame = frames[each.path]
        if isinstance(frame, str):
            boxes.skip(each.path, frame)
            continue
        unit = Frame(1, 1) if reading.fractions else frame
        drawn = [_drawn(place, box, reading, unit) for place, box in enumerate(each.boxes, 1)]
        boxes.picture(each.path, drawn, each.split, each.group)
    boxes.skipped = [
        *skipped,
        *(Skipped(names.get(item.path, item.path), item.reason) for item in boxes.skipped),
    ]
    shown = "left, top, width, height" if reading.form == SIDES else "left, top, right, bottom"
    unit_named = "fractions of the picture" if reading.fractions else "pixels"
    boxes.notes.append(f"Boxes read from {objects.column or objects.box!r}: {shown} in {unit_named}.")
    return boxes.dataset(layout)


def _fields(feature: Any) -> Mapping[str, Any] | None:
    """The fields of a structure, or of a list of structures."""
    inner = getattr(feature, "feature", feature)
    return inner if isinstance(inner, Mapping) else None


def _among(fields: Mapping[str, Any], column: str | None) -> Objects | None:
    box = next((name for name in fields if _is_box(plain(name)) and _is_list(fields[name], column)), None)
    known = {plain(name): name for name in reversed(list(fields))}
    label = next((known[name] for name in CLASSES if name in known), None)
    if box is None or label is None:
        return None
    return Objects(column, box, label, _names(fields[label]))


def _is_box(name: str) -> bool:
    return any(name in (known, *(known + ending for ending in FORMS)) for known in BOXES)


def _is_list(feature: Any, column: str | None) -> bool:
    """Whether it holds lists of numbers; outside of structures lists of these."""
    inner = getattr(feature, "feature", None)
    return inner is not None and (column is not None or getattr(inner, "feature", None) is not None)


def _names(feature: Any) -> tuple[str, ...]:
    """Names of a ClassLabel, also inside of lists."""
    while getattr(feature, "feature", None) is not None:
        feature = feature.feature
    return tuple(getattr(feature, "names", None) or ())


def _four(box: Any) -> Edges:
    values = [number(value) for value in box] if isinstance(box, Sequence) else []
    if len(values) != 4:
        return (math.nan, math.nan, math.nan, math.nan)
    return values[0], values[1], values[2], values[3]


def _frame(each: Picture) -> Frame | str:
    """How its boxes lie on the picture, or why it cannot be used."""
    try:
        return frame_of(each.path, *each.sides)
    except MediaError as error:
        return str(error)


def _reading(pictures: Sequence[Picture], objects: Objects, frames: Mapping[Path, Frame | str]) -> Reading:
    rows = [
        (frame, numbers)
        for each in pictures
        if isinstance(frame := frames[each.path], Frame)
        for _, numbers in each.boxes
        if all(map(math.isfinite, numbers))
    ]
    small = sum(max(map(abs, numbers)) <= FRACTION for _, numbers in rows) / max(len(rows), 1)
    if OFTEN < small < 1 - OFTEN:
        raise DataError(
            f"The boxes in {objects.box!r} are in two units: {100 * small:.0f} % of them look like fractions "
            "of the picture, the others like pixels. Write all of them in one unit."
        )
    fractions = small > 0.5
    fitting = [form for form in objects.forms if _fits(Reading(form, fractions), rows)]
    if len(fitting) > 1 and rows:
        raise DataError(
            f"The boxes in {objects.box!r} may be left, top, width, height or left, top, right, bottom: both "
            f"fit every row, e.g. {list(rows[0][1])}. Call the column bbox_xywh or bbox_xyxy."
        )
    return Reading((fitting or objects.forms)[0], fractions)


def _fits(reading: Reading, rows: Iterable[tuple[Frame, Edges]]) -> bool:
    """Whether nearly all boxes have a size and lie on their pictures."""
    wrong = known = 0
    for frame, numbers in rows:
        wide, high = (1.0, 1.0) if reading.fractions else (frame.width, frame.height)
        x0, y0, x1, y1 = reading.edges(numbers)
        outside = x1 > (1 + SLACK) * wide or y1 > (1 + SLACK) * high or min(x0 / wide, y0 / high) < -SLACK
        wrong += outside or x1 <= x0 or y1 <= y0
        known += 1
    return wrong <= OFTEN * known


def _drawn(place: int, box: tuple[str, Edges], reading: Reading, frame: Frame) -> Drawn:
    label, numbers = box
    if not all(map(math.isfinite, numbers)):
        return faulty(f"box {place}", "no four numbers")
    return Drawn(label, frame.fractions(*reading.edges(numbers)), f"box {place}")
