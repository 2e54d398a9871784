"""Examples that a program holds: files or texts in a sequence, with their labels."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from preseason.data.dataset import Dataset, File, Sample, Source, Text
from preseason.errors import UsageError

LAYOUT = "given"
"""What stands for the layout of examples that were handed over one by one."""


Inputs = str | Path | Iterable[str | Path]
"""A file, a folder, a pattern or a text; or several: a list, a column of a data frame."""


def one_by_one(inputs: Iterable[Any]) -> tuple[str | Path, ...]:
    """The inputs of a call, those of lists, arrays and columns in their place.

    Example:
        >>> one_by_one(["a.jpg", ["b.jpg", "c.jpg"]])
        ('a.jpg', 'b.jpg', 'c.jpg')

    Raises:
        UsageError: one is neither a string nor a path.
    """
    found: list[str | Path] = []
    for item in inputs:
        parts = (
            (item,) if isinstance(item, str | bytes | os.PathLike) or not isinstance(item, Iterable) else item
        )
        for part in parts:
            if not isinstance(part, str | os.PathLike):
                raise UsageError(
                    f"An input is a {type(part).__name__}: expected files, folders or patterns of files as "
                    "strings or paths, or texts."
                )
            found.append(part if isinstance(part, str) else Path(part))
    return tuple(found)


def sources_of(inputs: Iterable[Any], files: bool | None = None) -> tuple[Source, ...]:
    """What each input is: all of them files, or all of them texts.

    Args:
        inputs: strings or path objects.
        files: whether strings are paths; None takes them as paths where every one names what is there.

    Raises:
        UsageError: an input is neither a string nor a path.
    """
    found = list(inputs)
    wrong = next((item for item in found if not isinstance(item, str | os.PathLike)), None)
    if wrong is not None:
        raise UsageError(
            f"An input is a {type(wrong).__name__}: expected paths of files, or texts, one for each example."
        )
    if files is None:
        files = all(isinstance(item, os.PathLike) or _is_file(str(item)) for item in found)
    if files:
        return tuple(File(Path(item)) for item in found)
    return tuple(Text(str(item)) for item in found)


def dataset(
    inputs: Iterable[Any],
    labels: Sequence[str],
    groups: Sequence[Any] | None = None,
    splits: Sequence[str | None] | None = None,
) -> Dataset:
    """Labelled examples as a data set.

    Args:
        inputs: n paths or n texts.
        labels: n class names.
        groups: n names of what belongs together, such as the match; never parted by a split.
        splits: n times "train", "validation", "test" or None.

    Raises:
        UsageError: the sequences differ in length, or an input is neither a path nor a text.
    """
    sources = sources_of(inputs)
    count = len(sources)
    for name, other in (("labels", labels), ("groups", groups), ("splits", splits)):
        if other is not None and len(other) != count:
            raise UsageError(f"There are {count} inputs and {len(other)} {name}: give one for each input.")
    samples = tuple(
        Sample(
            source,
            str(labels[i]),
            group=None if groups is None else str(groups[i]),
            split=None if splits is None else splits[i],
        )
        for i, source in enumerate(sources)
    )
    return Dataset(root_of(sources), LAYOUT, samples, tuple(sorted({str(label) for label in labels})))


def _is_file(text: str) -> bool:
    try:
        return Path(text).exists()
    except (OSError, ValueError):  # longer than a path may be, or with a NUL in it
        return False


def root_of(sources: Sequence[Source]) -> Path:
    """The folder that holds all files; the current one for texts."""
    folders = [str(source.path.absolute().parent) for source in sources if isinstance(source, File)]
    try:
        return Path(os.path.commonpath(folders)) if folders else Path()
    except ValueError:  # on several drives
        return Path()
