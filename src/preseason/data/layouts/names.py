"""The label in each file's name: cat.0.jpg beside dog.0.jpg, or what a regular expression finds there."""

import re
from collections import Counter
from pathlib import Path

from preseason.data.dataset import Dataset, File, Sample
from preseason.data.files import Accept, files_in, label_from, readable, walk
from preseason.data.layouts.base import Layout, layouts
from preseason.data.split_names import split_from
from preseason.errors import UsageError

NAMES = "names"
_BEFORE_NUMBER = re.compile(r"^(.*?[^\W\d_].*?)[\s_.(#-]*\d")
FEWEST = 2
"""Files that a word begins before it is proposed as a label."""


def is_pattern(label: str | None) -> bool:
    """Whether what `--label` names can only be a regular expression: it has a group."""
    try:
        return label is not None and re.compile(label).groups > 0
    except re.error:
        return False


def proposed(root: Path) -> str:
    """Which labels the names of the files at `root` may hold, in a sentence; nothing where they hold none."""
    files = files_in(root)
    found = Counter(label for path in files if (label := _label_of(path)))
    usual = {label: count for label, count in found.items() if count >= FEWEST}
    if len(usual) < FEWEST or sum(usual.values()) < 0.9 * len(files):
        return ""
    shown = ", ".join(f"{label} {count}" for label, count in sorted(usual.items())[:5])
    return f" If the names of the files hold the labels ({shown}), say so with --layout {NAMES}."


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
        label = _label_of(path, wanted)
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


def _label_of(path: Path, wanted: str | None = None) -> str:
    # A suffix such as .mp4 holds a number of its own.
    match = re.search(wanted, readable(path.name)) if wanted else _BEFORE_NUMBER.search(readable(path.stem))
    return label_from(match[1] or "") if match else ""


def _split_of(below: Path) -> str | None:
    return next((split for part in below.parts[:-1] if (split := split_from(part))), None)


def _never(root: Path) -> bool:
    """Names alone are no evidence: IMG_1.jpg and DSC_1.jpg tell cameras apart."""
    return False


layouts.add(NAMES, Layout("files whose names hold the label, e.g. cat.0.jpg", 90, True, _never, read))
