"""What a layout is, and the registry that the files of this package fill."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from preseason.data.dataset import Dataset
from preseason.data.files import Accept
from preseason.registry import Registry

BY_SHAPE = 20
"""The rank from which on layouts go by the names of folders. Below it are those that know their own by
what lies there (a table, files of an annotation tool): such a match wins, inside wrappers as well."""


@dataclass(frozen=True)
class Layout:
    """One way in which examples lie on disk.

    Attributes:
        expects: one line for messages, what it looks like on disk.
        rank: layouts are tried in rising order; the first that matches reads. Under `BY_SHAPE` where files
            of its own tell it.
        labelled: whether its samples carry labels.
        matches: whether `root` (an existing file or folder) is laid out so; looks, never reads all.
        read: all samples under `root` in a stable order, unusable files named in `skipped`; raises
            DataError where nothing can be made of it.
        boxes: whether its samples bear boxes in place of one label each.
    """

    expects: str
    rank: int
    labelled: bool
    matches: Callable[[Path], bool]
    read: Callable[[Path, Accept], Dataset]
    boxes: bool = False


layouts: Registry[Layout] = Registry("layout", "preseason.data.layouts")
