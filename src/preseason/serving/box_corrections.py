"""Boxes that a person put right, kept as a data set in YOLO's layout that `fit` reads.

FOLDER/MODEL/images/<digest>.jpg, FOLDER/MODEL/labels/<digest>.txt, FOLDER/MODEL/data.yaml.
"""

import json
import math
import shutil
import threading
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from preseason.data.boxes import LabelledBox
from preseason.media import content
from preseason.media.content import digest
from preseason.runtime.files import atomic_write, write_text
from preseason.serving.corrections import SUFFIXES, check_label
from preseason.serving.faults import RequestError

NAMES = "data.yaml"
MOST = 1000
"""Boxes of one picture."""
DIGITS = 6
LEAST = 1e-4
"""Of a box's side, in sides of the picture."""
EXPECTED = 'expected a JSON list such as [{"label": "ball", "x0": 0.1, "y0": 0.2, "x1": 0.3, "y1": 0.4}]'
_lock = threading.Lock()


def boxes_of(given: str, known: Sequence[str]) -> tuple[LabelledBox, ...]:
    """The boxes that a request brings, cut off at the edges of the picture.

    Raises:
        RequestError: they are no list of boxes, or one has no size, lies outside or bears no usable label.
    """
    try:
        found = json.loads(given)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list) or len(found) > MOST:
        raise RequestError(422, f"boxes: {EXPECTED}, of at most {MOST} boxes.")
    return tuple(_box(number, each, known) for number, each in enumerate(found, start=1))


def _box(number: int, given: Any, known: Sequence[str]) -> LabelledBox:
    values = [given.get(name) for name in ("x0", "y0", "x1", "y1")] if isinstance(given, dict) else []
    numbers = [float(v) for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    if len(numbers) != 4 or not all(map(math.isfinite, numbers)) or not isinstance(given.get("label"), str):
        raise RequestError(422, f"Box {number} is none: {EXPECTED}.")
    x0, y0, x1, y1 = (min(max(value, 0.0), 1.0) for value in numbers)
    if x1 - x0 < LEAST or y1 - y0 < LEAST:
        raise RequestError(422, f"Box {number} has no size on the picture: x0 < x1 and y0 < y1 in 0..1.")
    return LabelledBox(check_label(given["label"], known), x0, y0, x1, y1)


def keep_boxes(folder: Path, labels: Sequence[str], path: Path, boxes: Sequence[LabelledBox]) -> Path:
    """Keep a picture with its boxes, in place of what was kept of it before; gives its label file.

    Args:
        folder: of the model's corrections.
        labels: names of the model's classes; others are added behind them.
    """
    suffix = SUFFIXES.get(content.kind(content.read_head(path)) or "", "")
    stem = digest(path.read_bytes())[:20]
    with _lock:
        names = list(dict.fromkeys([*names_in(folder), *labels, *(box.label for box in boxes)]))
        picture, text = folder / "images" / f"{stem}{suffix}", folder / "labels" / f"{stem}.txt"
        for place in (picture, text):
            place.parent.mkdir(parents=True, exist_ok=True)
        # Names first and the picture last: whatever is there can be read at any moment.
        matter = {"path": ".", "train": "images", "names": dict(enumerate(names))}
        write_text(folder / NAMES, yaml.safe_dump(matter, sort_keys=False, allow_unicode=True))
        write_text(text, "".join(_line(box, names) for box in boxes))
        with atomic_write(picture) as part:
            shutil.copyfile(path, part)
    return text


def box_counts(folder: Path) -> dict[str, int]:
    """How many boxes of each class are kept."""
    with _lock:
        names = names_in(folder)
        counts: Counter[str] = Counter()
        for path in sorted((folder / "labels").glob("*.txt")):
            counts.update(names[int(row.split()[0])] for row in path.read_text("utf-8").splitlines())
    return dict(counts)


def names_in(folder: Path) -> list[str]:
    """Names of the classes of what is kept, in the order of their numbers."""
    if not (folder / NAMES).is_file():
        return []
    names = yaml.safe_load((folder / NAMES).read_text("utf-8"))["names"]
    return [str(names[number]) for number in sorted(names)]


def _line(box: LabelledBox, names: Sequence[str]) -> str:
    """Class, middle and sides in 0..1."""
    middle, sides = ((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2), (box.x1 - box.x0, box.y1 - box.y0)
    shown = " ".join(f"{value:.{DIGITS}f}" for value in (*middle, *sides))
    return f"{names.index(box.label)} {shown}\n"
