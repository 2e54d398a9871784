"""Several tables in one folder: one for each part of a split, in the folder or in the folders of the parts.

Kaggle's competitions have train.csv beside folders of pictures, with a test.csv and an example of a
submission that hold no labels; Hugging Face's imagefolder has a metadata.csv or metadata.jsonl beside the
pictures of each part.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from preseason.data.dataset import Dataset
from preseason.data.files import Accept, files_in, folders_in, readable
from preseason.data.folder_names import is_example
from preseason.data.folder_shapes import listed
from preseason.data.layouts import table, texts
from preseason.data.layouts.base import Layout, layouts
from preseason.data.rows import is_table
from preseason.data.split_names import split_from, splits_of
from preseason.errors import DataError

NAME = "tables"
BESIDE = ("metadata", "labels", "annotations", "_classes")
"""How a table of the pictures beside it is called, without its ending."""


@dataclass(frozen=True)
class Parts:
    """Tables with labels and what they are for.

    Attributes:
        of: the part that each table is, None where nothing says so.
        texts: whether their cells are the examples.
        others: tables that are left out, such as those without labels.
    """

    of: Mapping[Path, str | None]
    texts: bool
    others: tuple[Path, ...]


def matches(root: Path) -> bool:
    """Whether `root` is a folder with several tables, of which those with labels are told by their names.

    Raises:
        DataError: two tables have labels, and nothing says what each of them is for.
    """
    return parts_at(root) is not None


def read(root: Path, accept: Accept) -> Dataset:
    """The examples of all tables with labels, each with the part that its table or folder is named as.

    Raises:
        DataError: there are none, or one of them cannot be read.
    """
    parts = parts_at(root)
    if parts is None:
        raise DataError(f"{root} holds no tables of parts. Expected {_EXPECTS}.")
    read_by = {
        path: texts.read(path, accept) if parts.texts else table.read(path, accept, _base(root, path))
        for path in parts.of
    }
    several = len(set(parts.of.values())) > 1
    samples = tuple(
        replace(sample, split=sample.split or parts.of[path]) if several else sample
        for path, found in read_by.items()
        for sample in found.samples
    )
    labels = tuple(sorted({sample.label for sample in samples if sample.label is not None}))
    skipped = tuple(item for found in read_by.values() for item in found.skipped)
    notes = (_sentence(root, parts), *(note for found in read_by.values() for note in found.notes))
    others = tuple(_named(root, path) for path in parts.others)
    return Dataset(root, NAME, samples, labels, skipped, tuple(dict.fromkeys(notes)), others)


def parts_at(root: Path) -> Parts | None:
    """The tables at `root` and which parts they are; None where there are not several.

    Raises:
        DataError: as of `matches`.
    """
    if not root.is_dir():
        return None
    here = tuple(path for path in files_in(root) if is_table(path))
    if len(here) > 1:
        return _in_one_folder(root, here)
    apart = tuple(table.tables_apart(root))
    if len(apart) > 1:
        return _in_one_folder(root, apart)
    beside = {path: split_from(folder.name) for folder in folders_in(root) for path in _tables_beside(folder)}
    named = {path: part for path, part in beside.items() if part is not None}
    return Parts(named, False, ()) if named and not here else None


def _in_one_folder(root: Path, here: tuple[Path, ...]) -> Parts | None:
    of_files = _parts_of(
        path for path in here if not table.is_submission(path) and table.fits(path, base=_base(root, path))
    )
    cells = not of_files and not any(map(is_example, files_in(root))) and not folders_in(root)
    labelled = of_files or (_parts_of(path for path in here if texts.matches(path)) if cells else {})
    if not labelled:
        return None
    told = {path: part for path, part in labelled.items() if part is not None}
    chosen = told or labelled
    if len(chosen) > 1 and not told:
        raise DataError(
            f"{listed(_named(root, path) for path in labelled)} in {readable(root.name or str(root))} all "
            "have labels, and no name says which is for training. Name the one that is meant, or call them "
            "train.csv, validation.csv and test.csv."
        )
    return Parts(chosen, bool(cells), tuple(path for path in here if path not in chosen))


def _parts_of(tables: Iterable[Path]) -> dict[Path, str | None]:
    """The part that the name of each table says."""
    paths = tuple(tables)
    return dict(zip(paths, splits_of([path.stem for path in paths]), strict=True))


def _base(root: Path, path: Path) -> Path | None:
    """Where the files of a table are searched: beside the folder of tables that it lies in, if it does."""
    return root if path in table.tables_apart(root) else None


def _tables_beside(folder: Path) -> list[Path]:
    """The table of the pictures in a folder of a part."""
    found = [
        path
        for path in files_in(folder)
        if is_table(path) and path.stem.lower() in BESIDE and table.fits(path)
    ]
    return found if len(found) == 1 else []


def _sentence(root: Path, parts: Parts) -> str:
    said = [
        f"{_named(root, path)} as {part}" if part else _named(root, path) for path, part in parts.of.items()
    ]
    left = listed(_named(root, path) for path in parts.others)
    more = f"; {left} not used" if left else ""
    return f"The labels are those of {' and '.join(said)}, not the names of folders{more}."


def _named(root: Path, path: Path) -> str:
    return readable(path.relative_to(root).as_posix())


_EXPECTS = "tables called train, validation and test, or metadata.csv beside the pictures of each part"

layouts.add(NAME, Layout(_EXPECTS, 8, True, matches, read))
