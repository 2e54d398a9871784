"""A table whose cells are the examples: a column of texts and one of labels."""

from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from preseason.data.column_names import TEXT_COLUMNS, guess_columns
from preseason.data.columns import LOOKED_AT, Roles, roles_of_texts
from preseason.data.dataset import Dataset, Sample, Skipped, Text
from preseason.data.files import Accept, Columns, files_in, folders_in, label_from, readable, unguarded
from preseason.data.label_cells import Labels, labels_in, labels_of_columns
from preseason.data.layouts.base import Layout, layouts
from preseason.data.layouts.table import fits
from preseason.data.rows import JSON, Row, is_table, read_table
from preseason.errors import DataError, UsageError

NOT_NAMED = Columns()
FEW = 5
"""Rows left out for one reason that are named one by one; more are counted."""


def matches(root: Path) -> bool:
    """Whether `root` is a table of texts, or a folder with nothing in it but one."""
    table = table_of(root)
    return table is not None and _looks_like_texts(table)


def named(root: Path, columns: Columns) -> bool:
    """Whether the columns that the user named say that `root` is a table of texts."""
    table = table_of(root)
    if table is None or columns.path or not (columns.text or columns.label):
        return False
    return columns.text is not None or not fits(table, columns)


def table_of(root: Path) -> Path | None:
    """The table at `root`: itself, or the only file of a folder; None where there is none."""
    if root.is_dir():
        inside = files_in(root)
        root = inside[0] if len(inside) == 1 and not folders_in(root) else root
    return root if root.is_file() and is_table(root) else None


def read(root: Path, accept: Accept) -> Dataset:
    """One sample for each row with a text and a label; its source is the text.

    Raises:
        DataError: the table cannot be read, it is not clear which column is which, or cells hold several
            labels.
        UsageError: a column that the user named is not there.
    """
    return _read(root, replace(accept.columns, group=accept.group), labelled=True)


def read_unlabelled(table: Path, columns: Columns) -> Dataset:
    """The texts of a table, without labels: for predictions.

    Raises:
        DataError, UsageError: as for `read`.
    """
    return _read(table, columns, labelled=False)


def _read(root: Path, named: Columns, labelled: bool) -> Dataset:
    path = table_of(root)
    if path is None:
        raise DataError(f"{root} holds no table of texts. Expected {_EXPECTS}.")
    table = read_table(path)
    roles = roles_of_texts(table, named, labelled)
    labels = Labels({})
    if roles.of_labels:
        labels = labels_of_columns(table, roles.of_labels)
    elif labelled:
        labels = labels_in(table, roles.columns["label"])
    elif "label" in roles.columns:
        labels = Labels({row.number: label_from(roles.cell(row, "label")) for row in table.rows})
    samples: list[Sample] = []
    faults: defaultdict[str, list[int]] = defaultdict(list)
    for row in table.rows:
        sample = _sample(row, roles, labels)
        fault = _fault(row, roles, sample, labelled)
        if fault:
            faults[fault].append(row.number)
        else:
            samples.append(sample)
    skipped = tuple(item for fault, numbers in faults.items() for item in _skips(path, fault, numbers))
    found = tuple(sorted({sample.label for sample in samples if sample.label is not None}))
    notes = (*table.notes, *roles.told(), *labels.notes)
    return Dataset(root, "texts", tuple(samples), found, skipped, notes)


def _looks_like_texts(path: Path) -> bool:
    """By the names of its columns and their values; JSON with a text and no label is for chat."""
    try:
        table = read_table(path, limit=LOOKED_AT)
    except (DataError, UsageError):
        return False
    if fits(path):
        return False
    by_name = guess_columns(table.header, TEXT_COLUMNS)
    if "text" in by_name and "label" in by_name:
        return True
    try:
        roles_of_texts(table, NOT_NAMED)
    except (DataError, UsageError):
        return (
            "text" in by_name
            and path.suffix.lower() not in JSON
            and "path" not in guess_columns(table.header)
        )
    return True


def _sample(row: Row, roles: Roles, labels: Labels) -> Sample:
    return Sample(
        source=Text(unguarded(readable(row.values.get(roles.columns["text"], "").strip()))),
        label=labels.of_row.get(row.number) or None,
        group=roles.cell(row, "group") or None,
        split=roles.split(row),
    )


def _fault(row: Row, roles: Roles, sample: Sample, labelled: bool) -> str:
    """Why a row cannot be used; empty for one that can."""
    if row.fault:
        return row.fault
    if not any(value.strip() for value in row.values.values()):
        return "blank"
    if not sample.source.read():
        return "no text"
    if labelled and sample.label is None:
        return "no label"
    split = roles.cell(row, "part")
    return f"part {split!r} is none of train, validation, test" if split and sample.split is None else ""


def _skips(table: Path, fault: str, numbers: list[int]) -> list[Skipped]:
    place = readable(str(table))
    if fault == "blank":
        return [Skipped(place, "1 blank row" if len(numbers) == 1 else f"{len(numbers):,} blank rows")]
    if len(numbers) > FEW:
        return [Skipped(place, f"{len(numbers):,} rows, the first of them row {numbers[0]}: {fault}")]
    return [Skipped(place, f"row {number} of {table.name}: {fault}") for number in numbers]


_EXPECTS = "a table (CSV, TSV, JSON, Excel, Parquet) with a column of texts and one of labels"

layouts.add("texts", Layout(_EXPECTS, 5, True, matches, read))
