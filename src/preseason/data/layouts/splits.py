"""A split made by the user: train/, val/ and test/ above the class folders."""

from pathlib import Path

from preseason.data.dataset import Dataset, Sample, Skipped
from preseason.data.files import Accept, Found, files_in, folders_in, readable
from preseason.data.layouts.base import Layout, layouts
from preseason.data.layouts.folders import read_classes
from preseason.data.split_names import split_from

_ASTRAY = "lies beside the parts, so it has no label"


def matches(root: Path) -> bool:
    """Whether two or more folders under `root` are named as parts, one of them training, and hold classes.

    Other folders may lie beside them.
    """
    if not root.is_dir():
        return False
    parts = {folder: part for folder in folders_in(root) if (part := split_from(folder.name)) is not None}
    return len(parts) >= 2 and "train" in parts.values() and all(map(folders_in, parts))


def read(root: Path, accept: Accept) -> Dataset:
    """Samples of all parts, each with its `split`; the classes are those of all parts together.

    Raises:
        DataError: never by itself; an empty result is for the caller to judge.
    """
    samples: list[Sample] = []
    beside = Found()
    for path in files_in(root):
        beside.judge(path, accept)
    skipped = [*beside.skipped, *(Skipped(readable(str(path)), _ASTRAY) for path in beside.paths)]
    for folder in folders_in(root):
        split = split_from(folder.name)
        if split is None:
            skipped.append(Skipped(readable(str(folder)), _ASTRAY))
            continue
        more, left_out = read_classes(folder, accept, split)
        samples += more
        skipped += left_out
    labels = tuple(sorted({sample.label for sample in samples if sample.label is not None}))
    return Dataset(root, "parts", tuple(samples), labels, tuple(skipped))


layouts.add(
    "parts",
    Layout("train/, val/ and test/ with one folder per class in each", 20, True, matches, read),
)
