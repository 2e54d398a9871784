"""A split made by the user: train/, val/ and test/ above the class folders."""

from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from preseason.data.dataset import Dataset, Sample, Skipped
from preseason.data.files import Accept, Found, files_in, folders_in, readable
from preseason.data.folder_names import is_unlabelled_name
from preseason.data.folder_shapes import PARTS, Shape, branch_of, only_folder, shape_of
from preseason.data.layouts.base import Layout, layouts
from preseason.data.layouts.folders import read_classes, told
from preseason.errors import DataError

_ASTRAY = "lies beside the parts, so it has no label"


def matches(root: Path) -> bool:
    """Whether folders under `root` are named as parts of a split and hold classes.

    Other folders may lie beside them.

    Raises:
        DataError: that is one of two plausible readings, or the parts hold no labels.
    """
    return root.is_dir() and bool(folders_in(root)) and shape_of(root).layout == PARTS


def read(root: Path, accept: Accept) -> Dataset:
    """Samples of all parts, each with its `split`; the classes are those of all parts together.

    Parts without class folders hold no labels and are left for predictions.

    Raises:
        DataError: the user named this layout, and no folder is named as a part.
    """
    samples: list[Sample] = []
    unlabelled: list[Path] = []
    shape = _shape(root, named=accept.layout == PARTS)
    beside = Found()
    for path in files_in(root):
        beside.judge(path, accept)
    skipped = [*beside.skipped, *(Skipped(readable(str(path)), _ASTRAY) for path in beside.paths)]
    for branch in shape.taken:
        top = _classes_in(branch.path)
        bare = _unlabelled_in(top)
        unlabelled += bare
        more, left_out = read_classes(top, accept, branch.split, bare)
        samples += more
        skipped += left_out
    labels = tuple(sorted({sample.label for sample in samples if sample.label is not None}))
    found = Dataset(root, PARTS, tuple(samples), labels, tuple(skipped))
    shape = replace(shape, unlabelled=(*shape.unlabelled, *unlabelled))
    return replace(told(found, shape, _ASTRAY), notes=tuple(filter(None, (_sentence(shape), shape.note))))


def _shape(root: Path, named: bool) -> Shape:
    if not named:
        return shape_of(root)
    branches = [branch_of(folder) for folder in folders_in(root)]
    parts = tuple(each for each in branches if each.split is not None and each.inner)
    if not parts:
        raise DataError(f"{root} holds no folder named as a part with labels in it. Expected {_EXPECTS}.")
    return Shape(root, PARTS, parts, (), tuple(each.path for each in branches if each not in parts))


def _classes_in(part: Path) -> Path:
    """The folder above the class folders: the part itself, or the one folder in it, as train/images/."""
    inner = branch_of(part).inner
    if len(inner) != 1 or branch_of(inner[0]).direct:
        return part
    return inner[0] if only_folder(part) == inner[0] else part


def _unlabelled_in(part: Path) -> list[Path]:
    """Folders in a part that are called as those of examples without labels, beside two or more others."""
    folders = folders_in(part)
    bare = [folder for folder in folders if is_unlabelled_name(folder.name)]
    return bare if len(folders) - len(bare) > 1 else []


def _sentence(shape: Shape) -> str:
    """Which folders were taken for which parts."""
    names: defaultdict[str, list[str]] = defaultdict(list)
    for branch in shape.taken:
        names[str(branch.split)].append(f"{branch.name}/")
    said = [f"{' and '.join(folders)} as {part}" for part, folders in names.items()]
    return f"Folders taken for parts of a split: {', '.join(said)}; the folders in them are the labels."


_EXPECTS = "train/, val/ and test/ with one folder per class in each"

layouts.add(PARTS, Layout(_EXPECTS, 20, True, matches, read))
