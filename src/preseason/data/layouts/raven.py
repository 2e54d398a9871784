"""Selection tables of Raven: begin and end of each selection in a recording, and what it is."""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

from preseason.data.dataset import Dataset, File, Sample, Skipped
from preseason.data.files import Accept, files_in, folders_in, label_from, readable
from preseason.data.layouts.base import Layout, layouts
from preseason.errors import DataError, MediaError
from preseason.media.text import read_text

BEGIN, END, VIEW = "Begin Time (s)", "End Time (s)", "View"
OFFSET = "File Offset (s)"
"""Where a table covers several files, begin and end count over all of them, and this in the file."""
NAMED = ("Begin Path", "Begin File")
LABELS = ("annotation", "label", "class", "species", "common name", "type", "tag", "tags", "id", "call type")
FEWEST_GROUPS = 4
"""Recordings from which on each is a group of its own."""
Row = Mapping[str, str]


def matches(root: Path) -> bool:
    """Whether a selection table lies at `root`."""
    return root.is_dir() and any(_tables(root))


def read(root: Path, accept: Accept) -> Dataset:
    """A sample for each selection; a recording's spectrogram view and its wave view name it once.

    Raises:
        DataError: no column says what the selections are.
    """
    samples: list[Sample] = []
    skipped: list[Skipped] = []
    for table in _tables(root):
        rows = _rows(table)
        column = _label_column(table, rows)
        for number, row in enumerate(rows, 2):
            if "waveform" in row.get(VIEW, "").lower() and _has_spectrograms(rows):
                continue
            fault, sample = _sample(root, table, row, column, accept)
            if sample is not None:
                samples.append(sample)
            else:
                skipped.append(Skipped(readable(str(table)), f"row {number}: {fault}"))
    if len({sample.group for sample in samples}) < FEWEST_GROUPS:
        samples = [Sample(each.source, each.label, None, each.span) for each in samples]
    labels = tuple(sorted({sample.label for sample in samples if sample.label is not None}))
    return Dataset(root, "raven", tuple(samples), labels, tuple(skipped))


def _tables(root: Path) -> Iterator[Path]:
    for path in files_in(root):
        if path.suffix.lower() in (".txt", ".tsv") and _is_table(path):
            yield path


def _is_table(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            first = file.readline(4096).decode("utf-8", "replace")
    except OSError:
        return False
    return BEGIN in first.split("\t") and END in first


def _rows(table: Path) -> list[dict[str, str]]:
    try:
        lines = read_text(table).splitlines()
    except MediaError as error:
        raise DataError(f"{table}: {error}.") from None
    return [
        {str(key): value or "" for key, value in row.items()} for row in csv.DictReader(lines, delimiter="\t")
    ]


def _label_column(table: Path, rows: list[dict[str, str]]) -> str:
    header = list(rows[0]) if rows else []
    plain = {name.strip().lower(): name for name in header}
    found = next((plain[name] for name in LABELS if name in plain), None)
    if rows and found is None:
        raise DataError(
            f"{table} has no column that says what selections are. Found the columns {', '.join(header)}; "
            "expected one called Annotation, Label, Class or Species."
        )
    return found or ""


def _has_spectrograms(rows: list[dict[str, str]]) -> bool:
    return any("spectrogram" in row.get(VIEW, "").lower() for row in rows)


def _sample(root: Path, table: Path, row: Row, column: str, accept: Accept) -> tuple[str, Sample | None]:
    label = label_from(row.get(column, ""))
    if not label:
        return "no label", None
    recording = _recording(root, table, row)
    if recording is None:
        return "its recording is not there", None
    reason = accept.file(recording)
    if reason is not None:
        return f"{recording.name}: {reason}", None
    try:
        begin, end = float(row[BEGIN]), float(row[END])
        start = float(row[OFFSET]) if row.get(OFFSET) else begin
    except ValueError:
        return "begin and end are no seconds", None
    if not 0 <= start < start + end - begin:
        return "begin and end are no seconds with begin before end", None
    return "", Sample(File(recording), label, recording.stem, (start, start + end - begin))


def _recording(root: Path, table: Path, row: Row) -> Path | None:
    """The file that a row names, else the one that the table is called after."""
    folders = (root, *folders_in(root))
    for column in NAMED:
        name = row.get(column, "").replace("\\", "/").rpartition("/")[2]
        found = next((folder / name for folder in folders if name and (folder / name).is_file()), None)
        if found is not None:
            return found
    stem = table.name.split(".Table.")[0].split(".selections")[0].removesuffix(table.suffix)
    beside = (path for folder in folders for path in files_in(folder))
    return next((path for path in beside if path != table and stem in (path.stem, path.name)), None)


layouts.add(
    "raven",
    Layout("recordings with Raven's selection tables beside them", 13, True, matches, read),
)
