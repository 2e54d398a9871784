"""A table of paths and labels: CSV, TSV or JSON Lines, paths relative to the table's folder."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from preseason.data.dataset import Dataset, File, Sample, Skipped
from preseason.data.files import Accept, files_in, label_from, readable
from preseason.data.layouts.base import Layout, layouts
from preseason.data.rows import SUFFIXES, Row, listed, read_rows
from preseason.data.split_names import split_from
from preseason.errors import DataError

# spellings of each column, the likeliest first; matched without case, dashes, underscores or spaces
_PATH = ("path", "file", "filename", "filepath", "image", "imagepath", "imagefile", "imagename", "photo")
_LABEL = ("label", "class", "classname", "labelname", "category", "player", "target", "action", "name")
COLUMNS: dict[str, tuple[str, ...]] = {
    "path": (*_PATH, "picture", "img", "imgpath", "clip", "video", "videopath", "audio", "sound"),
    "label": (*_LABEL, "labels", "y"),
    "group": ("group", "groupid", "match", "matchid", "game", "gameid", "session", "burst", "videoid"),
    "part": ("part", "split", "set", "subset"),
    "start": ("start", "starts", "starttime", "begin", "from"),
    "end": ("end", "ends", "endtime", "stop", "to"),
}
EMPTY = frozenset({"", "nan", "none", "null", "n/a"})


@dataclass
class _Reading:
    """Samples and left-out rows while a table is read."""

    table: Path
    columns: dict[str, str]
    accept: Accept
    samples: list[Sample] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    blank: int = 0
    first_row: dict[tuple[object, ...], int] = field(default_factory=dict)

    def value(self, row: Row, column: str) -> str:
        """The cell of a known column, trimmed; empty where the column or the value is absent."""
        text = row.values.get(self.columns.get(column, ""), "").strip()
        return "" if text.lower() in EMPTY else text

    def skip(self, row: Row, reason: str) -> None:
        """Name a row as left out."""
        place = self.value(row, "path") or self.table.name
        self.skipped.append(Skipped(readable(place), f"row {row.number} of {self.table.name}: {reason}"))


def matches(root: Path) -> bool:
    """Whether `root` is a table, or a folder with one table of paths and labels in it."""
    if root.is_file():
        return root.suffix.lower() in SUFFIXES
    return root.is_dir() and _table_in(root) is not None


def read(root: Path, accept: Accept) -> Dataset:
    """One sample for each row with a usable file and a label; other rows are named with their number.

    Rows are counted as a spreadsheet does: the header is row 1.

    Raises:
        DataError: the table cannot be read, or has no column for the path or the label.
    """
    table = root if root.is_file() else _table_in(root)
    if table is None:
        raise DataError(f"{root} holds no table. Expected {_EXPECTS}.")
    header, rows = read_rows(table)
    columns = _columns(table, header) | ({"group": accept.group} if accept.group in header else {})
    reading = _Reading(table, columns, accept)
    for row in rows:
        _read_row(reading, row)
    if reading.blank:
        reading.skipped.append(Skipped(readable(str(table)), _blank_rows(reading.blank)))
    labels = tuple(sorted({sample.label for sample in reading.samples if sample.label is not None}))
    return Dataset(root, "table", tuple(reading.samples), labels, tuple(reading.skipped))


def files_named(table: Path, most: int) -> list[Path]:
    """The files of the first rows that are there, at most `most`; none where it is no such table."""
    try:
        header, rows = read_rows(table, limit=most)
    except DataError:
        return []
    column = guess_columns(header).get("path")
    named = (table.parent / row.values.get(column, "").strip() for row in rows) if column else ()
    return [path for path in named if path.is_file() or path.is_dir()]


def guess_columns(header: tuple[str, ...], roles: dict[str, tuple[str, ...]] = COLUMNS) -> dict[str, str]:
    """Which column plays which role, e.g. {"path": "File Name", "label": "Player"}.

    `roles` has the spellings of each, the likeliest first; case, dashes, underscores and spaces are ignored.

    Example:
        >>> guess_columns(("Player", "file-name", "age"))
        {'path': 'file-name', 'label': 'Player'}

    Args:
        columns: spellings of each role, the likeliest first, in small letters and digits.
    """
    plain = {"".join(filter(str.isalnum, name.lower())): name for name in reversed(header)}
    found = {
        role: next((plain[spelling] for spelling in spellings if spelling in plain), None)
        for role, spellings in roles.items()
    }
    return {role: name for role, name in found.items() if name is not None}


def _columns(table: Path, header: tuple[str, ...]) -> dict[str, str]:
    columns = guess_columns(header)
    absent = [role for role in ("path", "label") if role not in columns]
    if absent:
        raise DataError(
            f"{table} has no column for the {' and the '.join(absent)}. "
            f"Found the columns {listed(header)}; expected {_EXPECTS}. "
            "If its cells are texts, say which: --text COLUMN --label COLUMN."
        )
    return columns


def _read_row(reading: _Reading, row: Row) -> None:
    if row.fault:
        reading.skip(row, row.fault)
        return
    if not any(value.strip() for value in row.values.values()):
        reading.blank += 1
        return
    fault = next(_faults(reading, row), None)
    if fault is None:
        reading.samples.append(_sample(reading, row))
    elif fault:
        reading.skip(row, fault)


def _faults(reading: _Reading, row: Row) -> Iterator[str]:
    """Why a row cannot be used, the plainest reason first; an empty text leaves it out without a word."""
    if not reading.value(row, "path"):
        yield "no path"
    if not label_from(reading.value(row, "label")):
        yield "no label"
    split = reading.value(row, "part")
    if split and split_from(split) is None:
        yield f"part {split!r} is none of train, validation, test"
    try:
        span = _span(reading, row)
    except ValueError:
        yield "start and end are no seconds with start before end"
        return
    path = located(reading.table, reading.value(row, "path"))
    if not path.exists():
        yield "there is no such file"
    elif path.is_dir() and not reading.accept.folder(path):
        yield "a folder, not a file"
    elif path.is_file():
        yield from _unusable(reading, path)
    key = (path, span, label_from(reading.value(row, "label")))
    first = reading.first_row.setdefault(key, row.number)
    if first != row.number:
        yield f"listed before in row {first}"


def _blank_rows(count: int) -> str:
    return "1 blank row" if count == 1 else f"{count} blank rows"


def _unusable(reading: _Reading, path: Path) -> Iterator[str]:
    reason = reading.accept.file(path)
    if reason is not None:
        yield reason


def _sample(reading: _Reading, row: Row) -> Sample:
    return Sample(
        source=File(located(reading.table, reading.value(row, "path"))),
        label=label_from(reading.value(row, "label")),
        group=reading.value(row, "group") or None,
        span=_span(reading, row),
        split=split_from(reading.value(row, "part")),
    )


def located(table: Path, text: str) -> Path:
    """Where a cell of `table` points, relative to the table's folder."""
    path = table.parent / text
    # a table made on Windows, read elsewhere
    return path if path.exists() or "\\" not in text else table.parent / text.replace("\\", "/")


def _span(reading: _Reading, row: Row) -> tuple[float, float] | None:
    start, end = reading.value(row, "start"), reading.value(row, "end")
    if not start and not end:
        return None
    span = (float(start.replace(",", ".")), float(end.replace(",", ".")))
    if not 0 <= span[0] < span[1] < float("inf"):
        raise ValueError(span)
    return span


def _table_in(root: Path) -> Path | None:
    """The one table among the files of a folder that has a path and a label column."""
    found = [path for path in files_in(root) if path.suffix.lower() in SUFFIXES and fits(path)]
    return found[0] if len(found) == 1 else None


def fits(table: Path) -> bool:
    """Whether a table has columns of paths and labels, and the first path leads to something."""
    try:
        header, rows = read_rows(table, limit=1)
    except DataError:
        return False
    columns = guess_columns(header)
    if not rows or not {"path", "label"} <= set(columns):
        return False
    first = rows[0].values.get(columns["path"], "").strip().replace("\\", "/")
    return bool(first) and (table.parent / first).exists()


_EXPECTS = "a CSV, TSV or JSON Lines file with the columns path and label (group, part, start, end if known)"

layouts.add("table", Layout(_EXPECTS, 10, True, matches, read))
