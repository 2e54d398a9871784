"""Lines of YOLO label files: a class and a box each, in fractions of the picture."""

import math
from collections import Counter
from itertools import islice
from pathlib import Path

from preseason.data.box_reading import Drawn, Edges, faulty, number
from preseason.data.class_names import Names
from preseason.data.files import readable
from preseason.errors import MediaError
from preseason.media import content
from preseason.media.text import MAX_BYTES, decoded

MOST_BOXES = 10_000
"""More lines than this are no labels of one picture."""
PEEKED = 5


def boxes_in(path: Path, names: Names, said: Counter[str], keypoints: int = 0) -> list[Drawn]:
    """The boxes of one label file; a line that cannot be read is one with a fault.

    Lines are `class x y w h`, also with a score behind; `class x1 y1 x2 y2 x3 y3 ...` is an outline, whose
    bounding box is taken.

    Args:
        names: names of the classes by number; none at all makes the numbers names.
        said: counts what was taken for what.
        keypoints: values behind each box that are points of a pose.

    Raises:
        MediaError: it cannot be opened, or is no text.
    """
    lines = [(place, line) for place, line in enumerate(_text(path).splitlines(), start=1) if line.strip()]
    if len(lines) > MOST_BOXES:
        raise MediaError(f"{len(lines):,} lines, and at most {MOST_BOXES:,} are read")
    return [_box(f"line {place}", line, names, said, keypoints) for place, line in lines]


def looks_like_labels(path: Path) -> bool:
    """Whether the first lines of a text file are boxes as YOLO has them; an empty file is none."""
    try:
        head = decoded(content.read_head(path))
    except MediaError:
        return False
    whole = head.splitlines()[:-1] or head.splitlines()
    lines = list(islice((line for line in whole if line.strip()), PEEKED))
    return bool(lines) and all(_fits(_cells(line)) for line in lines)


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise MediaError(f"larger than {MAX_BYTES // 1_000_000} MB, which are no labels of one picture")
        return decoded(path.read_bytes()).lstrip("\ufeff")
    except OSError as error:
        raise MediaError(content.opening_failure(error)) from None


def _cells(line: str) -> list[str]:
    """Cells between spaces, or between commas or semicolons where there are no spaces."""
    cells = line.split()
    if len(cells) == 1:
        cells = line.strip().split(";" if ";" in line else ",")
    return [cell.strip(" \t,;") for cell in cells]


def _fits(cells: list[str]) -> bool:
    values = [number(cell) for cell in cells]
    if len(values) < 5 or not math.isfinite(values[0]) or values[0] < 0 or values[0] != int(values[0]):
        return False
    return all(-1 <= value <= 2 for value in values[1:5])


def _box(place: str, line: str, names: Names, said: Counter[str], keypoints: int) -> Drawn:
    cells = _cells(line)
    values = [number(cell) for cell in cells]
    if len(cells) < 5:
        return faulty(place, f"{len(cells)} values where class x y w h are expected")
    if not all(map(math.isfinite, values[1:5])):
        return faulty(place, "values that are no numbers")
    if any("," in cell for cell in cells[1:]):
        said["boxes had commas for decimal points: they were read as numbers"] += 1
    label, fault = _label(cells, values, names)
    if fault:
        return faulty(place, fault)
    return Drawn(label, _edges(values, said, keypoints), place)


def _label(cells: list[str], values: list[float], names: Names) -> tuple[str, str]:
    """The class by name, and why there is none."""
    known = set(names.values())
    if cells[0] in known:
        return cells[0], ""
    if not math.isfinite(values[0]) or values[0] != int(values[0]):
        return "", f"the class {readable(cells[0])[:40]!r} is none of those listed"
    if not names:
        return str(int(values[0])), ""
    name = names.get(int(values[0]))
    return (name, "") if name else ("", f"class {int(values[0])} has no name: {_listed(names)}")


def _listed(names: Names) -> str:
    numbers = sorted(names)
    gap = numbers != list(range(numbers[0], numbers[-1] + 1))
    return f"names are listed for {numbers[0]} to {numbers[-1]}" + (", with gaps" if gap else "")


def _edges(values: list[float], said: Counter[str], keypoints: int) -> Edges:
    points = values[1:]
    if len(points) >= 6 and len(points) % 2 == 0 and not keypoints and all(map(math.isfinite, points)):
        said["boxes were drawn around outlines or turned boxes"] += 1
        across, down = points[::2], points[1::2]
        return min(across), min(down), max(across), max(down)
    x, y, w, h = points[:4]
    return x - w / 2, y - h / 2, x + w / 2, y + h / 2
