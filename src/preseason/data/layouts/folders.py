"""One folder per class: photos/messi/1.jpg; folders inside a class folder belong to that class."""

from pathlib import Path

from preseason.data.dataset import Dataset, File, Sample, Skipped
from preseason.data.files import Accept, Found, files_in, folders_in, label_from, readable, walk
from preseason.data.layouts.base import Layout, layouts
from preseason.data.safe_names import label_of

_ASTRAY = "lies beside the class folders, so it has no label"


def matches(root: Path) -> bool:
    """Whether `root` is a folder with a folder in it."""
    return root.is_dir() and bool(folders_in(root))


def read(root: Path, accept: Accept) -> Dataset:
    """Each folder under `root` is a class named as the folder; usable files beside them are left out.

    Raises:
        DataError: never by itself; an empty result is for the caller to judge.
    """
    samples, skipped = read_classes(root, accept)
    labels = tuple(sorted({sample.label for sample in samples if sample.label is not None}))
    return Dataset(root, "folders", samples, labels, skipped)


def read_classes(
    root: Path, accept: Accept, split: str | None = None
) -> tuple[tuple[Sample, ...], tuple[Skipped, ...]]:
    """Samples of the class folders under `root`, all of one `split`, and what was left out."""
    samples: list[Sample] = []
    beside = Found()
    for path in files_in(root):
        beside.judge(path, accept)
    skipped = [*beside.skipped, *(Skipped(readable(str(path)), _ASTRAY) for path in beside.paths)]
    for folder in folders_in(root):
        label = label_of(label_from(folder.name))
        found = walk(folder, accept)
        samples += [Sample(File(path), label, split=split) for path in found.paths]
        skipped += found.skipped
        if not found.paths:
            skipped.append(Skipped(readable(str(folder)), f"a class folder without usable {accept.noun}"))
    return tuple(samples), tuple(skipped)


layouts.add(
    "folders",
    Layout("one folder per class, e.g. photos/messi/1.jpg", 30, True, matches, read),
)
