"""One folder per class: photos/messi/1.jpg; folders inside a class folder belong to that class."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from preseason.data.dataset import Dataset, File, Sample, Skipped
from preseason.data.files import Accept, Found, files_in, folders_in, label_from, readable, walk
from preseason.data.folder_shapes import CLASSES, Shape, shape_of
from preseason.data.layouts.base import Layout, layouts
from preseason.data.safe_names import label_of

_ASTRAY = "lies beside the class folders, so it has no label"
LEFT_FOR_PREDICTIONS = "holds no labels: left for next and predict"


def matches(root: Path) -> bool:
    """Whether `root` is a folder whose folders are the classes.

    Raises:
        DataError: that is one of two plausible readings.
    """
    return root.is_dir() and bool(folders_in(root)) and shape_of(root).layout == CLASSES


def read(root: Path, accept: Accept) -> Dataset:
    """Each folder under `root` is a class named as the folder; usable files beside them are left out.

    Folders whose names say that nobody labelled them, and those of tools, are no classes, unless the user
    named this layout.

    Raises:
        DataError: never by itself; an empty result is for the caller to judge.
    """
    if accept.layout == CLASSES:
        samples, skipped = read_classes(root, accept)
        return _dataset(root, CLASSES, samples, skipped)
    shape = shape_of(root)
    samples, skipped = read_classes(root, accept, passed=shape.passed)
    found = told(_dataset(root, CLASSES, samples, skipped), shape)
    return replace(found, notes=(shape.note,) if shape.note else ())


def read_classes(
    root: Path, accept: Accept, split: str | None = None, passed: Iterable[Path] = ()
) -> tuple[tuple[Sample, ...], tuple[Skipped, ...]]:
    """Samples of the class folders under `root`, all of one `split`, and what was left out.

    Args:
        passed: folders that are no classes.
    """
    samples: list[Sample] = []
    beside = Found()
    for path in files_in(root):
        beside.judge(path, accept)
    skipped = [*beside.skipped, *(Skipped(readable(str(path)), _ASTRAY) for path in beside.paths)]
    for folder in folders_in(root):
        if folder in passed:
            continue
        found = walk(folder, accept)
        label = label_of(label_from(folder.name))
        samples += [Sample(File(path), label, split=split) for path in found.paths]
        skipped += found.skipped
        if not found.paths:
            skipped.append(Skipped(readable(str(folder)), f"a class folder without usable {accept.noun}"))
    return tuple(samples), tuple(skipped)


def told(dataset: Dataset, shape: Shape, astray: str = _ASTRAY) -> Dataset:
    """The dataset with what `shape` passes over, each folder named."""
    unlabelled = [Skipped(readable(str(path)), LEFT_FOR_PREDICTIONS) for path in shape.unlabelled]
    names = tuple(f"{readable(path.name)}/" for path in (*shape.unlabelled, *shape.ignored))
    ignored = [Skipped(readable(str(path)), astray) for path in shape.ignored]
    return replace(dataset, skipped=(*dataset.skipped, *unlabelled, *ignored), ignored=names)


def _dataset(root: Path, layout: str, samples: tuple[Sample, ...], skipped: tuple[Skipped, ...]) -> Dataset:
    labels = tuple(sorted({sample.label for sample in samples if sample.label is not None}))
    return Dataset(root, layout, samples, labels, skipped)


layouts.add(
    CLASSES,
    Layout("one folder per class, e.g. photos/messi/1.jpg", 30, True, matches, read),
)
