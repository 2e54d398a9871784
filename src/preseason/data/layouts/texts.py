"""A table whose cells are the examples: a column of texts and one of labels."""

from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from preseason.data.dataset import Dataset, Sample, Skipped, Text
from preseason.data.files import Accept, Columns, files_in, folders_in, label_from, readable
from preseason.data.layouts.base import Layout, layouts
from preseason.data.layouts.table import COLUMNS as PATH_COLUMNS
from preseason.data.layouts.table import EMPTY, fits, guess_columns
from preseason.data.rows import JSON_LINES, SUFFIXES, Row, listed, read_rows
from preseason.data.split_names import split_from
from preseason.errors import DataError, UsageError
from preseason.formatting import did_you_mean

_TEXT = ("text", "tweet", "sentence", "review", "comment", "message", "content", "body", "post", "document")
_LABEL = ("sentiment", "topic", "emotion", "intent", "stance", "polarity")
COLUMNS: dict[str, tuple[str, ...]] = {
    "text": (*_TEXT, "texts", "tweettext", "fulltext", "reviewtext", "headline", "utterance", "description"),
    "label": ("label", *_LABEL, *(s for s in PATH_COLUMNS["label"] if s not in ("label", "name", "y"))),
    "group": (*PATH_COLUMNS["group"], "thread", "threadid", "conversation", "conversationid", "author"),
    "part": PATH_COLUMNS["part"],
}
FEW = 5
"""Rows left out for one reason that are named one by one; more are counted."""


def matches(root: Path) -> bool:
    """Whether `root` is a table of texts, or a folder with nothing in it but one."""
    table = table_of(root)
    return table is not None and _looks_like_texts(table)


def table_of(root: Path) -> Path | None:
    """The table at `root`: itself, or the only file of a folder; None where there is none."""
    if root.is_dir():
        inside = files_in(root)
        root = inside[0] if len(inside) == 1 and not folders_in(root) else root
    return root if root.is_file() and root.suffix.lower() in SUFFIXES else None


def read(root: Path, accept: Accept) -> Dataset:
    """One sample for each row with a text and a label; its source is the text.

    Raises:
        DataError: the table cannot be read, or it is not clear which column is which.
        UsageError: a column that the user named is not there.
    """
    return _read(root, replace(accept.columns or Columns(), group=accept.group), labelled=True)


def read_unlabelled(table: Path, columns: Columns) -> Dataset:
    """The texts of a table, without labels: for predictions.

    Raises:
        DataError, UsageError: as for `read`.
    """
    return _read(table, columns, labelled=False)


def _read(root: Path, named: Columns, labelled: bool) -> Dataset:
    table = table_of(root)
    if table is None:
        raise DataError(f"{root} holds no table of texts. Expected {_EXPECTS}.")
    header, rows = read_rows(table)
    columns = _columns(table, header, named, labelled)
    samples: list[Sample] = []
    faults: defaultdict[str, list[int]] = defaultdict(list)
    for row in rows:
        sample = _sample(row, columns)
        fault = _fault(row, columns, sample, labelled)
        if fault:
            faults[fault].append(row.number)
        else:
            samples.append(sample)
    skipped = tuple(item for fault, numbers in faults.items() for item in _skips(table, fault, numbers))
    labels = tuple(sorted({sample.label for sample in samples if sample.label is not None}))
    return Dataset(root, "texts", tuple(samples), labels, skipped)


def _looks_like_texts(table: Path) -> bool:
    """By the names of its columns; JSON Lines with a text and no label are for chat."""
    try:
        header, _ = read_rows(table, limit=1)
    except DataError:
        return False
    found = guess_columns(header, COLUMNS)
    if fits(table) or "text" not in found:
        return False
    for_chat = table.suffix.lower() in JSON_LINES
    return "label" in found or not (for_chat or "path" in guess_columns(header))


def _columns(table: Path, header: tuple[str, ...], named: Columns, labelled: bool) -> dict[str, str]:
    found = guess_columns(header, COLUMNS) | ({"group": named.group} if named.group in header else {})
    for role, name in (("text", named.text), ("label", named.label)):
        if name is not None:
            found[role] = _checked(table, header, name, role, labelled)
    wanted = ("text", "label") if labelled else ("text",)
    absent = [role for role in wanted if role not in found]
    if absent:
        flags = " ".join(f"--{role} COLUMN" for role in absent)
        raise DataError(
            f"Which column of {table} holds the {' and which the '.join(absent)}? Found the columns "
            f"{listed(header)}. Say so with {flags}."
        )
    if labelled and found["text"] == found["label"]:
        raise UsageError(f"--text and --label both name the column {found['text']!r} of {table}.")
    return found


def _checked(table: Path, header: tuple[str, ...], name: str, role: str, labelled: bool) -> str:
    folded = {each.casefold(): each for each in reversed(header)}
    if name in header:
        return name
    if name.casefold() in folded:
        return folded[name.casefold()]
    if role == "label" and not labelled:
        return ""
    hint = did_you_mean(name, header)
    raise UsageError(
        f"--{role} {name}: {table} has no such column.{hint} Found the columns {listed(header)}."
    )


def _cell(row: Row, columns: dict[str, str], role: str) -> str:
    text = row.values.get(columns.get(role, ""), "").strip() if columns.get(role) else ""
    return "" if text.lower() in EMPTY else text


def _sample(row: Row, columns: dict[str, str]) -> Sample:
    return Sample(
        source=Text(readable(row.values.get(columns["text"], "").strip())),
        label=label_from(_cell(row, columns, "label")) or None,
        group=_cell(row, columns, "group") or None,
        split=split_from(_cell(row, columns, "part")),
    )


def _fault(row: Row, columns: dict[str, str], sample: Sample, labelled: bool) -> str:
    """Why a row cannot be used; empty for one that can."""
    if row.fault:
        return row.fault
    if not any(value.strip() for value in row.values.values()):
        return "blank"
    if not sample.source.read():
        return "no text"
    if labelled and sample.label is None:
        return "no label"
    split = _cell(row, columns, "part")
    return f"part {split!r} is none of train, validation, test" if split and sample.split is None else ""


def _skips(table: Path, fault: str, numbers: list[int]) -> list[Skipped]:
    place = readable(str(table))
    if fault == "blank":
        return [Skipped(place, "1 blank row" if len(numbers) == 1 else f"{len(numbers):,} blank rows")]
    if len(numbers) > FEW:
        return [Skipped(place, f"{len(numbers):,} rows, the first of them row {numbers[0]}: {fault}")]
    return [Skipped(place, f"row {number} of {table.name}: {fault}") for number in numbers]


_EXPECTS = "a CSV, TSV, JSON Lines or Parquet file with a column of texts and one of labels"

layouts.add("texts", Layout(_EXPECTS, 5, True, matches, read))
