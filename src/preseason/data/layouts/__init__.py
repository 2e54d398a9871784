"""On-disk layouts: how labelled examples lie in folders and tables. One file per layout."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from preseason.data.dataset import Dataset, File, Sample
from preseason.data.files import Accept, files_in, folders_in, readable
from preseason.data.folder_shapes import OF_FOLDERS, holds_examples, listed, only_folder
from preseason.data.layouts import names, table, texts
from preseason.data.layouts.base import BY_SHAPE, Layout, layouts
from preseason.data.litter import litter_below
from preseason.data.named_files import proposed
from preseason.data.rows import JSON, ending_of, is_table
from preseason.data.split_lists import by_lists
from preseason.errors import DataError

OF_TABLES = ("table", "tables")
"""Layouts whose labels stand in tables, so that folders beside say nothing."""

USUAL = ("folders", "parts", "table", "texts")
"""Layouts that are named where nothing fits, the plainest first."""


def find(root: Path, labelled: bool = True) -> str:
    """The name of the layout that `root` has.

    Raises:
        DataError: there is no such path, or no layout fits it.
    """
    if not root.exists():
        raise DataError(
            f"There is no file or folder {root}. Check the spelling, or give the full path.", code="PS-D02"
        )
    ranked = sorted(layouts, key=lambda name: layouts.get(name).rank)
    for name in ranked:
        layout = layouts.get(name)
        if layout.labelled == labelled and not layout.boxes and layout.matches(root):
            return name
    raise DataError(_no_layout(root), code="PS-D03")


def find_boxes(root: Path) -> str | None:
    """The name of the layout of pictures with boxes that `root` has; None where it has none."""
    ranked = sorted(layouts, key=lambda name: layouts.get(name).rank)
    fitting = (name for name in ranked if layouts.get(name).boxes and layouts.get(name).matches(root))
    return next(fitting, None) if root.exists() else None


def read(root: Path, accept: Accept, layout: str | None = None) -> Dataset:
    """The labelled examples under `root` in the layout named, or in the one that fits.

    What was taken for what is told in `notes` and `ignored` of the dataset.

    Raises:
        DataError: there is no such path, no layout fits, or it holds no usable example.
        UsageError: no layout is called `layout`.
    """
    if layout or accept.layout:
        name = str(layout or accept.layout)
        reached, passed, accept = root, "", replace(accept, layout=name)
    else:
        reached, passed = innermost(root)
        name = _named(reached, accept) or find(reached)
    dataset = layouts.get(name).read(reached, accept)
    if not dataset.samples:
        raise DataError(_nothing_usable(dataset, accept, layouts.get(name)), code="PS-D03")
    if name in OF_TABLES:
        dataset = _beside_table(dataset)
    elif name in OF_FOLDERS and accept.layout is None:
        dataset = _beside_folders(by_lists(dataset, (root, reached)), accept, (root, reached))
    litter = litter_below(reached) if reached.is_dir() else ""
    notes = (passed, *dataset.notes, litter)
    return replace(dataset, notes=tuple(note for note in notes if note))


def _beside_table(dataset: Dataset) -> Dataset:
    """The dataset with the folders named of which its table says nothing: they are left for predictions."""
    if not dataset.root.is_dir():
        return dataset
    read_from = {parent for sample in dataset.samples for parent in _folders(sample)}
    unlabelled = [path for path in folders_in(dataset.root) if path not in read_from and holds_examples(path)]
    if not unlabelled:
        return dataset
    names = [f"{readable(path.name)}/" for path in unlabelled]
    note = f"The table says nothing of what lies in {listed(names)}: left for next and predict."
    return replace(dataset, notes=(*dataset.notes, note), ignored=(*dataset.ignored, *names))


def _beside_folders(dataset: Dataset, accept: Accept, places: Sequence[Path]) -> Dataset:
    """The dataset with a note on tables that lie beside its folders and were not read.

    Raises:
        DataError: there is one label only, so that the table will be what was meant.
    """
    beside = dict.fromkeys(path for place in places for path in files_in(place) if is_table(path))
    faults = {path: fault for path in beside if (fault := table.unread(path, accept))}
    if faults and len(dataset.labels) == 1:
        path, fault = next(iter(faults.items()))
        raise DataError(
            f"The table {path} cannot be read for its labels: {fault} Without it there is one label only, "
            f"that of the folder {readable(dataset.labels[0])}/."
        )
    notes = tuple(
        f"{readable(path.name)} was not read: {fault}"
        for path, fault in faults.items()
        if ending_of(path) not in JSON  # many programs keep settings there
    )
    return replace(dataset, notes=(*dataset.notes, *notes))


def _folders(sample: Sample) -> Sequence[Path]:
    return sample.source.path.parents if isinstance(sample.source, File) else ()


def innermost(root: Path) -> tuple[Path, str]:
    """The folder that the data lie in, below wrappers of one folder each, and a sentence where there are any.

    Nothing is passed by that a layout knows by more than the names of folders.
    """
    reached = root
    while not _known_by_content(reached) and (inner := only_folder(reached)) is not None:
        reached = inner
    if reached == root:
        return root, ""
    below = readable(f"{root.name or root}/{reached.relative_to(root).as_posix()}")
    return reached, f"There is one folder only in {readable(root.name or str(root))}: read from {below}/."


def _known_by_content(root: Path) -> bool:
    known = (layouts.get(name) for name in layouts)
    return any(
        each.labelled and (each.boxes or each.rank < BY_SHAPE) and each.matches(root) for each in known
    )


def _named(root: Path, accept: Accept) -> str | None:
    """The layout of tables, or of labels in names, where the user says what holds the labels."""
    if accept.cells and texts.named(root, accept.columns):
        return "texts"
    if accept.columns.named and root.is_dir() and table.table_in(root, accept.columns):
        return "table"
    return names.NAMES if root.is_dir() and names.is_pattern(accept.columns.label) else None


def _no_layout(root: Path) -> str:
    expected = "; or ".join(layouts.get(name).expects for name in USUAL)
    if root.is_file():
        return f"{root} is one file without labels. Expected {expected}."
    loose = files_in(root)
    what = f"holds {_count(loose)} but no folders" if loose else "is empty"
    if loose and all("\\" in path.name for path in loose):
        return (
            f"{root} {what}: the names hold folders, since an archive packed on Windows was unpacked by a "
            "program that does not know its backslashes. Unpack it again with unzip or 7-Zip."
        )
    return (
        f"{root} {what}, so nothing says what they show. Expected {expected}. "
        f"Make a folder for each class inside {root.name or root} and move its files there."
        f"{proposed(loose)}"
    )


def _count(files: list[Path]) -> str:
    first = files[0].name
    return f"1 file ({first})" if len(files) == 1 else f"{len(files)} files ({first}, ...)"


def _nothing_usable(dataset: Dataset, accept: Accept, layout: Layout) -> str:
    lines = [f"{item.path}: {item.reason}" for item in dataset.skipped[:3]]
    found = "It is empty." if not lines else f"Left out {len(dataset.skipped)}: " + "; ".join(lines) + "."
    return f"{dataset.root} holds no usable {accept.noun}. {found} Expected {layout.expects}."
