"""A table with a row for each box: what exporters of labelling tools and of detectors write as CSV."""

import math
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from preseason.data.box_columns import CORNERS, BoxColumns, Reading, box_columns, reading_of
from preseason.data.box_reading import BoxReading, Drawn, Frame, faulty, frame_of, number, split_of
from preseason.data.dataset import Dataset
from preseason.data.files import Accept, Columns, files_in, folders_in, readable
from preseason.data.layouts.base import Layout, layouts
from preseason.data.picture_index import PictureIndex
from preseason.data.rows import JSON, Row, is_table, read_table
from preseason.data.split_names import split_from
from preseason.errors import DataError, MediaError, UsageError

PEEKED = 20
MOST_FOLDERS = 50
NOT_NAMED = "no row of the table names it"


def matches(root: Path) -> bool:
    """Whether `root` is a table of boxes, or a folder with one or more, whose pictures are there."""
    return any(_fits(table, root) for table in _tables(root))


def read(root: Path, accept: Accept) -> Dataset:
    """A picture for each path that a table names; a row without a box says that nothing is there.

    Raises:
        DataError: a table cannot be read, its columns are not those of boxes, or its boxes may be read in two
            ways.
        UsageError: a column that the user named is not there.
    """
    boxes, index = BoxReading(root, accept), PictureIndex(root if root.is_dir() else root.parent)
    tables = _tables(root)
    for path in [table for table in tables if _fits(table, root, accept.columns)] or tables:
        _read_table(boxes, index, path)
    named = {picture.parent for picture in boxes.found}
    near = (picture for picture in index.pictures if picture.parent in named)
    boxes.unlabelled(near, NOT_NAMED)
    return boxes.dataset("box_table")


@dataclass(frozen=True)
class _Boxes:
    """A table and where its pictures are."""

    columns: BoxColumns
    index: PictureIndex
    sizes: dict[Path, tuple[float, float]]

    def picture(self, row: Row) -> Path | None:
        """The picture that a row names, where it is there."""
        return _picture(self.index, self.columns.table.path, self.columns.cell(row, "path"))

    def sides(self, row: Row) -> tuple[float, float]:
        """Width and height in pixels of what the row's box was drawn on; 0 where nothing tells."""
        wide, high = self.declared(row)
        if wide > 0 and high > 0:
            return wide, high
        path = self.picture(row)
        if path is None:
            return 0.0, 0.0
        if path not in self.sizes:
            try:
                frame = frame_of(path)
                self.sizes[path] = (frame.width, frame.height)
            except MediaError:
                self.sizes[path] = (0.0, 0.0)
        return self.sizes[path]

    def declared(self, row: Row) -> tuple[float, float]:
        """The picture's width and height as the row has them; 0 where it does not say."""
        roles = ("picture wide", "picture high")
        if "picture wide" not in self.columns.columns and self.columns.form == CORNERS and self._of_picture:
            roles = ("wide", "high")
        wide, high = (number(self.columns.cell(row, role)) for role in roles)
        return (wide, high) if math.isfinite(wide + high) else (0.0, 0.0)

    @cached_property
    def reading(self) -> Reading:
        """How the boxes are to be read."""
        return reading_of(self.columns, self.sides)

    @cached_property
    def _of_picture(self) -> bool:
        """Whether `width` and `height` beside corners are the picture's, not the box's."""
        for row in self.columns.table.rows[:PEEKED]:
            numbers = self.columns.numbers(row)
            wide, high = (number(self.columns.cell(row, role)) for role in ("wide", "high"))
            if numbers is not None and (numbers[2] > wide + 1 or numbers[3] > high + 1):
                return False
        return True


def _tables(root: Path) -> list[Path]:
    """Tables at or in `root`, or in folders directly inside it, as one for each part of a split."""
    if root.is_file():
        return [root] if _may_be(root) else []
    inside = [*files_in(root), *(path for each in folders_in(root)[:MOST_FOLDERS] for path in files_in(each))]
    return [path for path in inside if _may_be(path)]


def _may_be(path: Path) -> bool:
    return path.suffix.lower() not in (*JSON, ".txt") and is_table(path)


def _fits(table: Path, root: Path, named: Columns | None = None) -> bool:
    """Whether the columns are those of boxes, and one of the first rows leads to a picture and has a box."""
    try:
        columns = box_columns(read_table(table, PEEKED), named or Columns())
    except (DataError, UsageError):
        return False
    index = PictureIndex(root if root.is_dir() else root.parent)
    boxed = [row for row in columns.table.rows if any(map(math.isfinite, columns.numbers(row) or ()))]
    return any(_picture(index, table, columns.cell(row, "path")) is not None for row in boxed)


def _picture(index: PictureIndex, table: Path, name: str) -> Path | None:
    if not name:
        return None
    own = table.absolute().parent
    return index.find(name, list(dict.fromkeys((own, own / "images", index.root, index.root / "images"))))


def _read_table(boxes: BoxReading, index: PictureIndex, path: Path) -> None:
    table = _Boxes(box_columns(read_table(path), boxes.accept.columns), index, {})
    columns, reading = table.columns, table.reading
    rows: defaultdict[Path, list[Row]] = defaultdict(list)
    blank = 0
    for row in columns.table.rows:
        name = columns.cell(row, "path")
        if row.fault or (not name and any(value.strip() for value in row.values.values())):
            boxes.skip(path, f"row {row.number}: {row.fault or 'no path'}")
        elif not name:
            blank += 1
        elif (picture := table.picture(row)) is None:
            boxes.skip(readable(name), f"row {row.number} of {path.name}: there is no such file")
        else:
            rows[picture].append(row)
    if blank:
        boxes.skip(path, "1 blank row" if blank == 1 else f"{blank} blank rows")
    boxes.notes += [*columns.table.notes, _told(columns, reading)]
    cells = (columns.cell(row, role) for row in columns.table.rows for role in columns.form)
    if len(columns.form) > 1 and any("," in cell for cell in cells):
        boxes.notes.append("Commas for decimal points were read as such.")
    for picture, mine in rows.items():
        _read_picture(boxes, table, picture, mine)


def _told(columns: BoxColumns, reading: Reading) -> str:
    """What was taken for what."""
    shown = ", ".join(repr(columns.columns[role]) for role in columns.form)
    unit = "fractions of the picture" if reading.fractions else "pixels"
    path, label = columns.columns["path"], columns.columns["label"]
    return f"Columns read: path {path!r}, label {label!r}, box {shown} in {unit}."


def _read_picture(boxes: BoxReading, table: _Boxes, path: Path, rows: list[Row]) -> None:
    if boxes.accept.file(path) is not None:
        boxes.unlabelled([path])
        return
    columns = table.columns
    try:
        frame = Frame(1, 1) if table.reading.fractions else frame_of(path, *table.declared(rows[0]))
    except MediaError as error:
        boxes.unlabelled([path], str(error))
        return
    parts = {part for row in rows if (part := split_from(columns.cell(row, "part"))) is not None}
    split = min(parts) if parts else split_from(columns.table.path.stem) or split_of(path, boxes.root)
    if len(parts) > 1:
        boxes.notes.append(f"{readable(path.name)} stands in two parts of the split; {split} was taken.")
    drawn = [box for row in rows if (box := _drawn(table, row, frame)) is not None]
    boxes.picture(path, drawn, split, columns.cell(rows[0], "group") or None)


def _drawn(table: _Boxes, row: Row, frame: Frame) -> Drawn | None:
    """The row's box; None where it has none, which says that nothing is there."""
    where, numbers = f"row {row.number}", table.columns.numbers(row)
    if numbers is None:
        return None
    if not all(map(math.isfinite, numbers)):
        return faulty(where, "no four numbers")
    return Drawn(table.columns.label(row), frame.fractions(*table.reading.edges(numbers)), where)


layouts.add(
    "box_table",
    Layout(
        "a CSV with a row for each box: path, label, xmin, ymin, xmax, ymax",
        4,
        True,
        matches,
        read,
        boxes=True,
    ),
)
