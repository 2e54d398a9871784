"""Which columns of a table hold a box, and how they are to be read: corners or sides, pixels or fractions.

Names tell where they are plain; otherwise values do: a box beyond its picture cannot be meant. Where two
readings fit all rows, the table is refused and both are spelled out.
"""

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from preseason.data.box_reading import Edges, number
from preseason.data.column_names import guess_columns, plain
from preseason.data.files import Columns, label_from
from preseason.data.label_cells import EMPTY
from preseason.data.rows import Row, Table, listed
from preseason.errors import DataError, UsageError

_PICTURE = ("path", "file", "filename", "filepath", "image", "imagepath", "imagefile", "imagename", "input")
_LABEL = ("label", "class", "classname", "labelname", "category", "categoryname", "name", "object", "player")
COLUMNS: dict[str, tuple[str, ...]] = {
    "path": (*_PICTURE, "imageid", "picture", "photo", "img", "imgpath", "imgname", "frame"),
    "label": (*_LABEL, "target", "type", "found", "regionattributes"),
    "x0": ("xmin", "x0", "x1", "left", "xtl", "bboxxmin", "bboxx1", "bboxleft", "minx"),
    "y0": ("ymin", "y0", "y1", "top", "ytl", "bboxymin", "bboxy1", "bboxtop", "miny"),
    "x1": ("xmax", "x2", "x1", "right", "xbr", "bboxxmax", "bboxx2", "bboxright", "maxx"),
    "y1": ("ymax", "y2", "y1", "bottom", "ybr", "bboxymax", "bboxy2", "bboxbottom", "maxy"),
    "x": ("left", "xmin", "x0", "xtl", "bboxleft", "x", "bboxx", "boxx"),
    "y": ("top", "ymin", "y0", "ytl", "bboxtop", "y", "bboxy", "boxy"),
    "middle x": ("xcenter", "xcentre", "centerx", "centrex", "cx", "xc"),
    "middle y": ("ycenter", "ycentre", "centery", "centrey", "cy", "yc"),
    "wide": ("width", "w", "bboxwidth", "boxwidth", "bboxw"),
    "high": ("height", "h", "bboxheight", "boxheight", "bboxh"),
    "picture wide": ("imagewidth", "imgwidth", "picturewidth", "framewidth", "imwidth", "imagew"),
    "picture high": ("imageheight", "imgheight", "pictureheight", "frameheight", "imheight", "imageh"),
    "shape": ("regionshapeattributes",),
    "box": ("bbox", "box", "boundingbox"),
    "group": ("group", "groupid", "match", "matchid", "game", "gameid", "session", "videoid", "video"),
    "part": ("part", "split", "set", "subset"),
}
CORNERS, SIDES = ("x0", "y0", "x1", "y1"), ("x", "y", "wide", "high")
MIDDLES = ("middle x", "middle y", "wide", "high")
NUMBERED = ("column 1", "column 2", "column 3", "column 4", "column 5", "column 6")
"""Columns of a table whose first line names none."""
_OPEN = frozenset({"x", "y", "bboxx", "bboxy", "boxx", "boxy"})
"""Names that people give to a corner and to the middle."""
_THOUSANDS = re.compile(r"[1-9]\d{0,2},\d{3}")
OFTEN = 0.05
"""Share of rows up to which another reading is a slip."""
SLACK = 0.02
"""Share of the picture, or pixels, that a box may reach beyond it: labelling tools round."""
Sides = Callable[[Row], tuple[float, float]]
"""Width and height of the picture of a row; 0 where it is not there."""


@dataclass(frozen=True)
class BoxColumns:
    """The columns of a table of boxes.

    Attributes:
        columns: by the part they play.
        form: `CORNERS`, `SIDES`, `MIDDLES`, or the one column that holds all four.
    """

    table: Table
    columns: Mapping[str, str]
    form: tuple[str, ...]

    def cell(self, row: Row, role: str) -> str:
        """A trimmed cell, empty where the column or the value is absent."""
        text = row.values.get(self.columns.get(role, ""), "").strip()
        return "" if text.lower() in EMPTY else text

    def numbers(self, row: Row) -> Edges | None:
        """The four numbers of a row as they stand there, nan for what is none; None where it has no box."""
        cells = [self.cell(row, role) for role in self.form]
        if not any(cells) or cells in (["{}"], ["[]"]):
            return None
        if len(cells) == 1:
            return _from_one(cells[0])
        a, b, c, d = map(number, cells)
        return a, b, c, d

    def label(self, row: Row) -> str:
        """The class; of VGG's annotator the first value of the region's attributes."""
        cell = self.cell(row, "label")
        if not cell.startswith("{"):
            return label_from(cell)
        try:
            values = json.loads(cell)
        except (json.JSONDecodeError, RecursionError):
            return ""
        texts = (value for value in values.values() if isinstance(value, str))
        return next((label for label in map(label_from, texts) if label), "")


def box_columns(table: Table, named: Columns) -> BoxColumns:
    """The columns of a table of boxes.

    Raises:
        UsageError: a column that the user named is not there.
        DataError: there are no columns of boxes.
    """
    columns = guess_columns(table.header, COLUMNS)
    if tuple(table.header[:6]) == NUMBERED:
        columns = dict(zip(("path", *CORNERS, "label"), NUMBERED, strict=True))
    for role, name in (("path", named.path), ("label", named.label), ("part", named.split)):
        if name is not None and name not in table.header:
            raise UsageError(
                f"--{role} {name}: {table.path} has no such column. Found the columns {listed(table.header)}."
            )
        columns |= {} if name is None else {role: name}
    forms = (CORNERS, MIDDLES, SIDES, ("shape",), ("box",))
    fitting = (form for form in forms if {"path", *form} <= set(columns))
    form = next((form for form in fitting if len({columns[role] for role in form}) == len(form)), None)
    if form is None or "label" not in columns:
        raise DataError(
            f"{table.path} is no table of boxes. Found the columns {listed(table.header)}; expected a "
            "picture's path, a label, and xmin, ymin, xmax, ymax (or left, top, width, height)."
        )
    return BoxColumns(table, columns, form)


@dataclass(frozen=True)
class Reading:
    """How the four numbers of all rows are read.

    Attributes:
        form: `CORNERS`, `SIDES` or `MIDDLES`.
        fractions: whether they are fractions of the picture.
    """

    form: tuple[str, ...]
    fractions: bool

    def edges(self, numbers: Edges) -> Edges:
        """Edges x0 y0 x1 y1 in the unit of the table."""
        a, b, c, d = numbers
        if self.form == CORNERS:
            return numbers
        return (a, b, a + c, b + d) if self.form == SIDES else (a - c / 2, b - d / 2, a + c / 2, b + d / 2)


def reading_of(boxes: BoxColumns, sides: Sides) -> Reading:
    """How the boxes of a table are to be read.

    Args:
        boxes: the columns.
        sides: of the picture of a row in pixels.

    Raises:
        DataError: two readings fit, and they are not the same.
    """
    _refuse_thousands(boxes)
    rows = [(row, each) for row in boxes.table.rows if (each := boxes.numbers(row)) is not None]
    rows = [(row, each) for row, each in rows if all(map(math.isfinite, each))]
    fractions = _are_fractions(boxes, rows)
    fitting = [
        form
        for form in _forms(boxes)
        if _fits(Reading(form, fractions), rows, (lambda row: (1.0, 1.0)) if fractions else sides)
    ]
    if len(fitting) > 1 and rows:
        raise DataError(_two_readings(boxes, rows[0], fitting))
    return Reading((fitting or _forms(boxes))[0], fractions)


def _forms(boxes: BoxColumns) -> list[tuple[str, ...]]:
    """The readings that names leave open, the usual one first."""
    if boxes.form == SIDES:
        open_names = {plain(boxes.columns["x"]), plain(boxes.columns["y"])} <= _OPEN
        return [SIDES, MIDDLES] if open_names else [SIDES]
    if boxes.form == ("box",):
        return [SIDES, CORNERS]
    return [SIDES] if boxes.form == ("shape",) else [boxes.form]


def _fits(reading: Reading, rows: Iterable[tuple[Row, Edges]], sides: Sides) -> bool:
    """Whether nearly all boxes have a size and lie on their pictures."""
    wrong = known = 0
    for row, numbers in rows:
        wide, high = sides(row)
        x0, y0, x1, y1 = reading.edges(numbers)
        known += 1
        slack = (SLACK, SLACK) if reading.fractions else (max(2.0, SLACK * wide), max(2.0, SLACK * high))
        beyond = wide > 0 and (x1 > wide + slack[0] or y1 > high + slack[1])
        wrong += beyond or x0 < -slack[0] or y0 < -slack[1] or x1 <= x0 or y1 <= y0
    return wrong <= OFTEN * known


def _are_fractions(boxes: BoxColumns, rows: Sequence[tuple[Row, Edges]]) -> bool:
    """Whether no number of a row is beyond 1, of nearly all rows.

    Raises:
        DataError: of some rows only.
    """
    small = [max(map(abs, numbers)) <= 1.5 for _, numbers in rows]
    share = sum(small) / len(small) if small else 0.0
    if OFTEN < share < 1 - OFTEN:
        first, other = rows[small.index(True)], rows[small.index(False)]
        raise DataError(
            f"{boxes.table.path} has boxes in two units: row {first[0].number} has {_shown(first[1])}, which "
            f"are fractions of the picture, and row {other[0].number} has {_shown(other[1])}, which are "
            "pixels. Write all of them in one unit."
        )
    return share > 0.5


def _refuse_thousands(boxes: BoxColumns) -> None:
    """Raise where every comma may be the point of a decimal as well as the mark of thousands."""
    cells = [
        (row, boxes.cell(row, role)) for row in boxes.table.rows for role in boxes.form if len(boxes.form) > 1
    ]
    commas = [(row, cell) for row, cell in cells if "," in cell]
    if commas and all(_THOUSANDS.fullmatch(cell) for _, cell in commas):
        row, cell = commas[0]
        whole, part = cell.split(",")
        raise DataError(
            f"{boxes.table.path}, row {row.number}: {cell!r} may be {whole}.{part} with a comma for the "
            f"decimal point, or {whole}{part} with one between thousands. Write it with a point, or without "
            "the comma."
        )


def _two_readings(boxes: BoxColumns, first: tuple[Row, Edges], fitting: Sequence[tuple[str, ...]]) -> str:
    row, numbers = first
    told: dict[tuple[str, ...], str] = {
        SIDES: "left, top, width, height",
        MIDDLES: "the middle, width, height",
        CORNERS: "left, top, right, bottom",
    }
    read = [
        f"as {told[form]} the box reaches from {_shown(Reading(form, False).edges(numbers)[:2])} to "
        f"{_shown(Reading(form, False).edges(numbers)[2:])}"
        for form in fitting
    ]
    names: dict[tuple[str, ...], str] = {
        SIDES: "left,top,width,height",
        MIDDLES: "x_center,y_center,width,height",
        CORNERS: "xmin,ymin,xmax,ymax",
    }
    return (
        f"{boxes.table.path}, row {row.number}: {_shown(numbers)} may be read in two ways that fit every "
        f"row: {', '.join(read)}. Name the columns {' or '.join(names[form] for form in fitting)}."
    )


def _shown(values: Iterable[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)


def _from_one(cell: str) -> Edges:
    """A box from one cell: a rectangle or outline of VGG's annotator, or four numbers."""
    nothing = (math.nan,) * 4
    try:
        value = json.loads(cell)
    except (json.JSONDecodeError, RecursionError, ValueError):
        value = re.split(r"[\s,;]+", cell.strip("[](){} "))
    if isinstance(value, list) and len(value) == 4:
        a, b, c, d = (number(each) for each in value)
        return a, b, c, d
    if not isinstance(value, dict):
        return nothing
    if {"x", "y", "width", "height"} <= set(value):
        a, b, c, d = (number(value[key]) for key in ("x", "y", "width", "height"))
        return a, b, c, d
    across, down = value.get("all_points_x"), value.get("all_points_y")
    if isinstance(across, list) and isinstance(down, list) and across and down:
        xs, ys = list(map(number, across)), list(map(number, down))
        return min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)
    return nothing
