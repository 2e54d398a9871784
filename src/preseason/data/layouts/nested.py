"""Labels on another level than the top: parts inside the class folders, or batches above them."""

from dataclasses import replace
from pathlib import Path

from preseason.data.dataset import Dataset, File, Sample, Skipped
from preseason.data.files import Accept, Found, files_in, folders_in, label_from, readable, walk
from preseason.data.folder_shapes import BATCHES, INNER_PARTS, Shape, branch_of, listed, shape_of
from preseason.data.layouts.base import Layout, layouts
from preseason.data.layouts.folders import read_classes, told
from preseason.data.safe_names import label_of
from preseason.data.split_names import split_from

_ASTRAY = "lies beside the folders of parts, so nothing says which it belongs to"


def _has(layout: str, root: Path) -> bool:
    return root.is_dir() and bool(folders_in(root)) and shape_of(root).layout == layout


def read_inner_parts(root: Path, accept: Accept) -> Dataset:
    """Samples of messi/train/ and messi/test/: labels on top, parts inside.

    Files beside these folders are for training, unless one of the folders is.

    Raises:
        DataError: never by itself; an empty result is for the caller to judge.
    """
    shape = _shape(root, accept, INNER_PARTS)
    samples: list[Sample] = []
    skipped: list[Skipped] = []
    trains = any(
        split_from(label_from(path.name)) == "train" for branch in shape.taken for path in branch.inner
    )
    for branch in shape.taken:
        label = label_of(branch.name)
        beside = Found()
        for path in files_in(branch.path):
            beside.judge(path, accept)
        skipped += beside.skipped
        if trains:
            skipped += [Skipped(readable(str(path)), _ASTRAY) for path in beside.paths]
        else:
            samples += [Sample(File(path), label, split="train") for path in beside.paths]
        for folder in folders_in(branch.path):
            found, split = walk(folder, accept), split_from(label_from(folder.name))
            samples += [Sample(File(path), label, split=split) for path in found.paths]
            skipped += found.skipped
    note = "The folders in each class folder are named as parts of a split and taken for them"
    note += "." if trains else f"; {accept.noun} beside them are for training."
    return _dataset(shape, samples, skipped, note)


def read_batches(root: Path, accept: Accept) -> Dataset:
    """Samples of 2023/messi/ and 2024/messi/: the inner folders are the labels, put together.

    Raises:
        DataError: never by itself; an empty result is for the caller to judge.
    """
    shape = _shape(root, accept, BATCHES)
    samples: list[Sample] = []
    skipped: list[Skipped] = []
    for branch in shape.taken:
        more, left_out = read_classes(branch.top, accept)
        samples += more
        skipped += left_out
    outer = listed(f"{branch.name}/" for branch in shape.taken)
    note = f"The same folders repeat in {outer}: they are taken for the labels, put together."
    if any(branch.wrapped for branch in shape.taken):
        note = f"{outer} are pieces of one thing: the folders inside are taken for the labels, put together."
    return _dataset(shape, samples, skipped, note)


def _shape(root: Path, accept: Accept, layout: str) -> Shape:
    """As the evidence says, or every folder where the user named the layout."""
    if accept.layout != layout:
        return shape_of(root)
    return Shape(root, layout, tuple(map(branch_of, folders_in(root))))


def _dataset(shape: Shape, samples: list[Sample], skipped: list[Skipped], note: str) -> Dataset:
    labels = tuple(sorted({sample.label for sample in samples if sample.label is not None}))
    found = Dataset(shape.root, shape.layout, tuple(samples), labels, tuple(skipped))
    return replace(told(found, shape), notes=(note,))


layouts.add(
    INNER_PARTS,
    Layout(
        "one folder per class with train/, val/ and test/ in each",
        22,
        True,
        lambda root: _has(INNER_PARTS, root),
        read_inner_parts,
    ),
)
layouts.add(
    BATCHES,
    Layout(
        "folders of batches (match1/, 2024/) with one folder per class in each",
        24,
        True,
        lambda root: _has(BATCHES, root),
        read_batches,
    ),
)
