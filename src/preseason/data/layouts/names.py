"""The label in each file's name: cat.0.jpg beside dog.0.jpg, or what a regular expression finds there."""

import re
from pathlib import Path

from preseason.data.dataset import Dataset, File, Sample
from preseason.data.files import Accept, readable, walk
from preseason.data.layouts.base import Layout, layouts
from preseason.data.named_files import label_of
from preseason.data.split_names import split_from
from preseason.errors import UsageError

NAMES = "names"


def is_pattern(label: str | None) -> bool:
    """Whether what `--label` names can only be a regular expression: it has a group."""
    try:
        return label is not None and re.compile(label).groups > 0
    except re.error:
        return False


def read(root: Path, accept: Accept) -> Dataset:
    """Every file below `root`; the first group of `--label`, else what precedes the number, is its label.

    A folder named as a part of a split says to which part its files belong.

    Raises:
        UsageError: the name of no file fits the expression.
    """
    wanted = accept.columns.label
    if wanted is not None and not is_pattern(wanted):
        raise UsageError(
            f"--label {wanted}: expected a regular expression over the file's name whose first group is the "
            "label, e.g. --label '^([a-z]+)_'."
        )
    found = walk(root, accept)
    samples = []
    for path in found.paths:
        label = label_of(path, wanted)
        if label:
            samples.append(Sample(File(path), label, split=_split_of(path.relative_to(root))))
        else:
            found.skip(path, "its name holds no label")
    if found.paths and not samples:
        sought = f"--label {wanted}" if wanted else "a word before a number"
        raise UsageError(
            f"None of {len(found.paths)} file names, e.g. {readable(found.paths[0].name)}, fits {sought}: "
            "write a regular expression whose first group is the label, e.g. --label '^([a-z]+)_'."
        )
    labels = tuple(sorted({str(sample.label) for sample in samples}))
    note = "The labels are what the file names say" + ("." if wanted else " before their numbers.")
    return Dataset(root, NAMES, tuple(samples), labels, tuple(found.skipped), notes=(note,))


def _split_of(below: Path) -> str | None:
    return next((split for part in below.parts[:-1] if (split := split_from(part))), None)


def _never(root: Path) -> bool:
    """Names alone are no evidence: IMG_1.jpg and DSC_1.jpg tell cameras apart."""
    return False


layouts.add(NAMES, Layout("files whose names hold the label, e.g. cat.0.jpg", 90, True, _never, read))
