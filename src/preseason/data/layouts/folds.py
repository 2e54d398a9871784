"""A collection with a table of folds: meta/NAME.csv with filename, fold and category, the files in audio/."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from preseason.data.column_names import guess_columns
from preseason.data.dataset import Dataset, File, Sample, Skipped
from preseason.data.files import Accept, files_in, folders_in, label_from, readable
from preseason.data.layouts.base import Layout, layouts
from preseason.data.rows import SUFFIXES, read_rows
from preseason.errors import DataError

FOLD = "fold"
ROLES = {
    "path": ("filename", "slicefilename", "file", "path"),
    "label": ("category", "class", "label"),
    FOLD: ("fold",),
}


def matches(root: Path) -> bool:
    """Whether a table inside `root` has a fold for each file, and its files lie in another folder there."""
    return root.is_dir() and next(_tables(root), None) is not None


def read(root: Path, accept: Accept) -> Dataset:
    """A sample for each row; a published fold is a group, so that no split cuts it.

    Raises:
        DataError: the table cannot be read.
    """
    table, columns = next(_tables(root))
    _, rows = read_rows(table)
    places = {path.name: path for path in _files(root)}
    samples: list[Sample] = []
    skipped: list[Skipped] = []
    for row in rows:
        name = row.values.get(columns["path"], "").strip()
        label, path = label_from(row.values.get(columns["label"], "")), places.get(Path(name).name)
        reason = row.fault or ("no label" if not label else "there is no such file" if path is None else None)
        if reason is None and path is not None:
            reason = accept.file(path)
        if reason is not None or path is None:
            skipped.append(
                Skipped(readable(name or table.name), f"row {row.number} of {table.name}: {reason}")
            )
            continue
        samples.append(Sample(File(path), label, f"fold {row.values[columns[FOLD]].strip()}"))
    found = Dataset(root, "folds", tuple(samples), (), tuple(skipped)).keep(tuple(samples))
    note = f"{table.name} names folds: each stays on one side of every split (--group says otherwise)."
    return replace(found, notes=(note,))


def _tables(root: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """Tables inside `root` with a fold, and their columns."""
    inside = (path for folder in (root, *folders_in(root)) for path in files_in(folder))
    for path in inside:
        if path.suffix.lower() not in SUFFIXES:
            continue
        try:
            header, rows = read_rows(path, limit=1)
        except DataError:
            continue
        found = guess_columns(header, ROLES)
        if not rows or not {"path", "label", FOLD} <= set(found):
            continue
        first = rows[0].values.get(found["path"], "")
        # What lies where the table says is an ordinary table of paths.
        if not (path.parent / first).exists() and any(each.name == Path(first).name for each in _files(root)):
            yield path, found


def _files(root: Path) -> Iterator[Path]:
    """Files at most two folders below the root."""
    for folder in (root, *folders_in(root)):
        yield from files_in(folder)
        for inner in folders_in(folder) if folder != root else ():
            yield from files_in(inner)


layouts.add(
    "folds",
    Layout(
        "a table of file names, categories and folds above the folder of the files", 9, True, matches, read
    ),
)
