"""A split made by the user: train/, val/ and test/ above the class folders."""

from pathlib import Path

from preseason.data.dataset import Dataset, Sample, Skipped
from preseason.data.files import Accept, Found, files_in, folders_in, readable
from preseason.data.layouts.base import Layout, layouts
from preseason.data.layouts.folders import read_classes

_ASTRAY = "lies beside the parts, so it has no label"
PARTS = {"train": "train", "training": "train", "trn": "train"}
PARTS |= {"val": "validation", "valid": "validation", "validation": "validation", "dev": "validation"}
PARTS |= {"test": "test", "testing": "test", "tst": "test", "eval": "test", "holdout": "test"}


def split_from(name: str) -> str | None:
    """`train`, `validation` or `test` from the usual spellings; None for any other word.

    Example:
        >>> part_from("Valid"), part_from("messi")
        ('validation', None)
    """
    return PARTS.get(name.strip().lower())


def matches(root: Path) -> bool:
    """Whether every folder under `root` is named as a part, two or more of them, one of them training."""
    if not root.is_dir():
        return False
    parts = [split_from(folder.name) for folder in folders_in(root)]
    return len(parts) >= 2 and None not in parts and "train" in parts


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
        more, left_out = read_classes(folder, accept, split_from(folder.name))
        samples += more
        skipped += left_out
    labels = tuple(sorted({sample.label for sample in samples if sample.label is not None}))
    return Dataset(root, "parts", tuple(samples), labels, tuple(skipped))


layouts.add(
    "parts",
    Layout("train/, val/ and test/ with one folder per class in each", 20, True, matches, read),
)
