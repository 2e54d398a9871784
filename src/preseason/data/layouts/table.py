"""A table of files and labels, in any format that `data.rows` reads; paths relative to the table's folder."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from preseason.data.clock import seconds_from
from preseason.data.columns import LOOKED_AT, Roles, roles_of_files
from preseason.data.dataset import Dataset, File, Sample, Skipped
from preseason.data.files import Accept, Columns, files_in, folders_in, readable
from preseason.data.label_cells import Labels, labels_in, labels_of_columns
from preseason.data.layouts.base import Layout, layouts
from preseason.data.rows import Row, Table, is_table, read_table
from preseason.data.spellings import spelling_key
from preseason.data.whereabouts import Finder
from preseason.errors import DataError, UsageError

NOT_NAMED = Columns()


@dataclass
class _Reading:
    """Samples and left-out rows while a table is read."""

    table: Table
    roles: Roles
    labels: Labels
    accept: Accept
    finder: Finder
    samples: list[Sample] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    blank: int = 0
    first_row: dict[tuple[object, ...], int] = field(default_factory=dict)

    def skip(self, row: Row, reason: str) -> None:
        """Name a row as left out."""
        place = self.roles.cell(row, "path") or self.table.path.name
        self.skipped.append(Skipped(readable(place), f"row {row.number} of {self.table.path.name}: {reason}"))


def matches(root: Path) -> bool:
    """Whether `root` is a table, or a folder with one table of paths and labels in it."""
    if root.is_file():
        return is_table(root)
    return root.is_dir() and table_in(root) is not None


def read(root: Path, accept: Accept, base: Path | None = None) -> Dataset:
    """One sample for each row with a usable file and a label; other rows are named with their number.

    Rows are counted as a spreadsheet does: the header is row 1.

    Args:
        root: the table, or a folder with one.
        accept: what is an example.
        base: the folder where files are searched, by default `root` or the table's own.

    Raises:
        DataError: the table cannot be read, it is not clear which column is which, or cells hold several
            labels.
        UsageError: a column that the user named is not there.
    """
    return _read(root, accept, labelled=True, base=base)


def read_unlabelled(table: Path, accept: Accept) -> Dataset:
    """The files that a table names, without labels: for predictions.

    Raises:
        DataError, UsageError: as for `read`.
    """
    return _read(table, accept, labelled=False)


def _read(root: Path, accept: Accept, labelled: bool, base: Path | None = None) -> Dataset:
    path = root if root.is_file() else table_in(root, _named(accept))
    if path is None:
        raise DataError(f"{root} holds no table. Expected {_EXPECTS}.")
    base = root if base is None and root.is_dir() else base
    reading = _reading(read_table(path), accept, labelled, base)
    for row in reading.table.rows:
        _read_row(reading, row, labelled)
    if reading.blank:
        reading.skipped.append(Skipped(readable(str(path)), _blank_rows(reading.blank)))
    if labelled:
        _refuse_several(reading)
    labels = tuple(sorted({sample.label for sample in reading.samples if sample.label is not None}))
    told = (reading.finder.sentence(), _several(reading))
    notes = (*reading.table.notes, *reading.roles.told(), *reading.labels.notes, *filter(None, told))
    return Dataset(root, "table", tuple(reading.samples), labels, tuple(reading.skipped), notes)


def _reading(table: Table, accept: Accept, labelled: bool, base: Path | None) -> _Reading:
    finder = Finder(table.path, lambda path: accept.file(path) is None, base)
    roles = roles_of_files(table, _named(accept), lambda cell: not finder.find(cell).fault, labelled)
    labels = Labels({})
    if roles.of_labels:
        labels = labels_of_columns(table, roles.of_labels)
    elif labelled:
        labels = labels_in(table, roles.columns["label"])
    return _Reading(table, roles, labels, accept, Finder(table.path, finder.usable, base))


def _named(accept: Accept) -> Columns:
    return replace(accept.columns, group=accept.group)


def files_named(table: Path, most: int) -> list[Path]:
    """The files of the first rows that are there, at most `most`; none where it is no such table."""
    try:
        read = read_table(table, limit=most)
        finder = Finder(table)
        roles = roles_of_files(read, NOT_NAMED, lambda cell: not finder.find(cell).fault, labelled=False)
    except (DataError, UsageError):
        return []
    named = (finder.find(cell) for row in read.rows if (cell := roles.cell(row, "path")))
    return [place.path for place in named if not place.fault]


def _read_row(reading: _Reading, row: Row, labelled: bool) -> None:
    if row.fault:
        reading.skip(row, row.fault)
        return
    if not any(value.strip() for value in row.values.values()):
        reading.blank += 1
        return
    fault = next(_faults(reading, row, labelled), None)
    if fault is None:
        reading.samples.append(_sample(reading, row))
    elif fault:
        reading.skip(row, fault)


def _faults(reading: _Reading, row: Row, labelled: bool) -> Iterator[str]:
    """Why a row cannot be used, the plainest reason first; an empty text leaves it out without a word."""
    roles, label = reading.roles, reading.labels.of_row.get(row.number, "")
    if not roles.cell(row, "path"):
        yield "no path"
    if labelled and not label:
        yield "no label"
    split = roles.cell(row, "part")
    if split and roles.split(row) is None:
        yield f"part {split!r} is none of train, validation, test"
    try:
        span = _span(reading, row)
    except ValueError:
        yield "start and end are no seconds with start before end"
        return
    place = reading.finder.find(roles.cell(row, "path"))
    if place.fault:
        yield place.fault
    elif place.path.is_dir() and not reading.accept.folder(place.path):
        yield "a folder, not a file"
    elif place.path.is_file():
        yield from _unusable(reading, place.path)
    first = reading.first_row.setdefault((place.path, span, label), row.number)
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
        source=File(reading.finder.find(reading.roles.cell(row, "path")).path),
        label=reading.labels.of_row.get(row.number) or None,
        group=reading.roles.cell(row, "group") or None,
        span=_span(reading, row),
        split=reading.roles.split(row),
    )


def _rows_by_label(reading: _Reading) -> dict[tuple[object, ...], dict[str, int]]:
    """The row of each label of each file, or of each stretch of it."""
    rows: defaultdict[tuple[object, ...], dict[str, int]] = defaultdict(dict)
    for (path, span, label), number in reading.first_row.items():
        if label:
            rows[path, span][str(label)] = number
    return rows


def _several(reading: _Reading) -> str:
    """A sentence on files that bear several labels; empty where none does."""
    rows = _rows_by_label(reading).values()
    several = [labels for labels in rows if len(set(map(spelling_key, labels))) > 1]
    if not several:
        return ""
    (first, at), (second, then) = list(several[0].items())[:2]
    what = "1 file stands" if len(several) == 1 else f"{len(several)} files stand"
    return (
        f"{what} under several labels, such as {first} in row {at} and {second} in row {then}: all are "
        "kept, and the score leaves them out."
    )


def _refuse_several(reading: _Reading) -> None:
    """Raise where most files stand in several rows under several labels: these belong to it together."""
    rows = _rows_by_label(reading)
    several = [labels for labels in rows.values() if len(labels) > 1]
    if several and 2 * len(several) > len(rows):
        (first, at), (second, then) = list(several[0].items())[:2]
        raise DataError(
            f"{reading.table.path} has a row for each label of a file: {len(several)} of {len(rows)} files "
            f"bear several, such as {first!r} in row {at} and {second!r} in row {then}. An example can have "
            "only one label here: leave the row with the one that matters, or name another column with "
            "--label COLUMN."
        )


def _span(reading: _Reading, row: Row) -> tuple[float, float] | None:
    start, end = reading.roles.cell(row, "start"), reading.roles.cell(row, "end")
    if not start and not end:
        return None
    span = (seconds_from(start), seconds_from(end))
    if not 0 <= span[0] < span[1] < float("inf"):
        raise ValueError(span)
    return span


def table_in(root: Path, named: Columns = NOT_NAMED) -> Path | None:
    """The one table among the files of a folder that names files there and their labels.

    Where there is none, one that lies in a folder of its own beside the files, such as `annotations/`.
    """
    found = [
        path for path in files_in(root) if is_table(path) and not is_submission(path) and fits(path, named)
    ]
    found = found or [path for path in tables_apart(root) if fits(path, named, root)]
    return found[0] if len(found) == 1 else None


def unread(path: Path, accept: Accept) -> str:
    """Why a table beside folders of files says nothing of them; empty where it is not about them."""
    if is_submission(path):
        return ""
    try:
        found = _read(path, accept, labelled=True)
    except (DataError, UsageError) as error:
        return str(error)
    if found.samples:
        return "the files that its first rows name are not there."
    first = next(iter(found.skipped), None)
    return f"{first.reason} ({first.path})." if first else ""


def is_submission(path: Path) -> bool:
    """Whether a table is an example of answers, with labels that mean nothing."""
    return "submission" in path.stem.lower()


def tables_apart(root: Path) -> list[Path]:
    """Tables in folders at `root` that hold nothing but tables; none where tables lie at `root` itself."""
    if any(map(is_table, files_in(root))):
        return []
    return [
        path
        for folder in folders_in(root)
        if (inside := files_in(folder)) and not folders_in(folder) and all(map(is_table, inside))
        for path in inside
    ]


def fits(table: Path, named: Columns = NOT_NAMED, base: Path | None = None) -> bool:
    """Whether a table has columns of files and labels, and one of its first cells leads to something."""
    try:
        read = read_table(table, limit=LOOKED_AT)
        finder = Finder(table, base=base)
        roles = roles_of_files(read, named, lambda cell: not finder.find(cell).fault)
    except (DataError, UsageError):
        return False
    cells = [cell for row in read.rows[:LOOKED_AT] if (cell := roles.cell(row, "path"))]
    return any(not finder.find(cell).fault for cell in cells)


_EXPECTS = (
    "a table (CSV, TSV, JSON, Excel, Parquet) with the columns path and label (group, split, start, end)"
)

layouts.add("table", Layout(_EXPECTS, 10, True, matches, read))
