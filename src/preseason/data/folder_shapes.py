"""What a folder of folders is: which level names the labels, which the parts, and what lies beside them.

Names of folders are evidence, and so is how they repeat. Where two readings are plausible nothing is
guessed: a `DataError` spells both out and says how to choose.
"""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path

from preseason.data.files import files_in, folders_in, label_from, readable
from preseason.data.folder_names import (
    NO_LABELS,
    TOOLS,
    UNLABELLED,
    WRITTEN,
    is_batch_name,
    is_example,
    is_unlabelled_name,
    letters_of,
)
from preseason.data.litter import is_litter
from preseason.data.named_files import proposed
from preseason.data.split_names import split_from, splits_of
from preseason.errors import DataError
from preseason.media.frames import is_frames_folder, shows_one_scene

CLASSES, PARTS, INNER_PARTS, BATCHES = "folders", "parts", "inner-parts", "batches"
"""Names of layouts: labels on top; parts above labels; parts inside labels; batches above labels."""
OF_FOLDERS = frozenset({CLASSES, PARTS, INNER_PARTS, BATCHES})
"""Layouts whose labels are names of folders."""
REPEATED = 0.5
"""Share of inner folders whose name stands in another outer folder too, from which on they repeat."""
DEEPEST = 8
"""Levels below a folder that are looked through for examples."""
LISTED = 4


@dataclass(frozen=True)
class Branch:
    """A folder directly below another one.

    Attributes:
        path: the folder.
        direct: whether examples lie in it.
        inner: its folders that hold examples, however deep.
        part: the part that its name says beside those of its neighbours, where it does not by itself.
        wrapped: the one folder in it that holds all the others, where there is one.
    """

    path: Path
    direct: bool
    inner: tuple[Path, ...]
    part: str | None = None
    wrapped: Path | None = None

    @property
    def top(self) -> Path:
        """The folder above its inner ones."""
        return self.wrapped or self.path

    @property
    def name(self) -> str:
        """As people read it."""
        return label_from(self.path.name)

    @property
    def split(self) -> str | None:
        """The part that its name says."""
        return self.part or split_from(self.name)

    @property
    def names(self) -> frozenset[str]:
        """Names of its folders, without case."""
        return frozenset(label_from(path.name).casefold() for path in self.inner)


@dataclass(frozen=True)
class Shape:
    """How the folders below `root` are read.

    Attributes:
        layout: the layout whose reading it is.
        taken: folders that are read.
        unlabelled: folders of examples without labels, left for predictions.
        ignored: folders that are none of the data.
        note: a sentence on what was not plain.
    """

    root: Path
    layout: str
    taken: tuple[Branch, ...]
    unlabelled: tuple[Path, ...] = ()
    ignored: tuple[Path, ...] = ()
    note: str = ""

    @cached_property
    def passed(self) -> frozenset[Path]:
        """Folders that are not read."""
        return frozenset((*self.unlabelled, *self.ignored))


def shape_of(root: Path) -> Shape:
    """How the folders below `root` are meant.

    Raises:
        DataError: two readings are plausible, or parts hold no labels.
    """
    branches = _beside(tuple(map(branch_of, folders_in(root))))
    aside = tuple(each for each in branches if _stands_aside(each, branches))
    main = tuple(each for each in branches if each not in aside and (each.direct or each.inner))
    parts = tuple(each for each in main if each.split is not None)
    shape = _of_parts(root, branches, main, parts) if parts else None
    return shape or _of_classes(root, branches, main, aside)


def _beside(branches: tuple[Branch, ...]) -> tuple[Branch, ...]:
    """The branches with their parts, where all that hold examples say them but for words they share."""
    full = [each for each in branches if each.inner and not each.direct]
    parts = dict(zip(full, splits_of([each.name for each in full]), strict=True))
    return tuple(replace(each, part=parts.get(each)) for each in branches)


@lru_cache(4096)
def _holds(folder: str, changed_ns: int, depth: int) -> bool:
    path = Path(folder)
    if any(map(is_example, files_in(path))):
        return True
    return depth > 0 and any(holds_examples(inner, depth - 1) for inner in folders_in(path))


def holds_examples(folder: Path, depth: int = DEEPEST) -> bool:
    """Whether a file that may be an example lies in `folder`, however deep."""
    try:
        return _holds(str(folder), folder.stat().st_mtime_ns, depth)
    except OSError:
        return False


def branch_of(folder: Path) -> Branch:
    """A folder with what lies in it."""
    direct = any(map(is_example, files_in(folder)))
    return Branch(folder, direct, tuple(filter(holds_examples, folders_in(folder))))


def only_folder(root: Path) -> Path | None:
    """The one folder below `root` that the data lie in, where `root` is but a wrapper around it.

    A folder beside the one does not count where its name says that a tool made it.
    """
    if not root.is_dir():
        return None
    files = [path for path in files_in(root) if is_example(path)]
    if any(path.suffix.lower() not in WRITTEN for path in files) or (files and not _holds_others(root)):
        return None
    branches = [branch_of(folder) for folder in folders_in(root)]
    if len(branches) > 1:
        branches = [each for each in branches if letters_of(each.name) not in TOOLS | UNLABELLED]
    if len(branches) != 1 or branches[0].direct or not branches[0].inner or branches[0].split is not None:
        return None
    return None if all(map(_is_clip, branches[0].inner)) else branches[0].path


def _holds_others(root: Path) -> bool:
    """Whether the first example in the folders below is no text, so that texts beside them are remarks."""
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not is_litter(name))
        found = [name for name in sorted(names) if not is_litter(name) and is_example(Path(name))]
        if Path(folder) != root and found:
            return Path(found[0]).suffix.lower() not in WRITTEN
    return False


def _is_clip(folder: Path) -> bool:
    return is_frames_folder(folder) and (is_batch_name(folder.name) or shows_one_scene(folder))


def _stands_aside(branch: Branch, branches: Sequence[Branch]) -> bool:
    """Whether a folder is none of the classes, by its name and by what lies beside it."""
    others = [each for each in branches if each is not branch and (each.direct or each.inner)]
    if letters_of(branch.name) in UNLABELLED:
        return len(others) > 0
    if letters_of(branch.name) not in TOOLS or branch.direct:
        return False
    return any(each.direct or each.split is not None for each in others)


def _of_parts(
    root: Path, branches: Sequence[Branch], main: Sequence[Branch], parts: tuple[Branch, ...]
) -> Shape | None:
    """The reading in which folders named as parts hold the labels; None where that is none."""
    labelled = tuple(each for each in parts if _has_labels(each, parts) and not _is_dummy(each, parts))
    others = [each for each in main if each not in parts]
    unknown = [each for each in others if letters_of(each.name) not in TOOLS]
    if not labelled:
        if unknown:
            return None
        raise DataError(_unlabelled_parts(root, parts))
    if unknown and len({each.split for each in labelled}) == 1:
        raise DataError(_part_or_class(root, labelled, unknown))
    flat = tuple(each.path for each in parts if each not in labelled)
    left = tuple(each.path for each in branches if each not in parts)
    bare = tuple(path for path in left if is_unlabelled_name(path.name))
    ignored = tuple(path for path in left if path not in bare)
    return Shape(root, PARTS, labelled, (*flat, *bare), ignored, _alike(labelled, unknown))


def _has_labels(branch: Branch, parts: Sequence[Branch]) -> bool:
    """Whether a part holds folders of labels; a file beside several or beside known ones is astray."""
    elsewhere = {name for each in parts if each is not branch for name in each.names}
    return bool(branch.inner) and (not branch.direct or len(branch.inner) > 1 or branch.names <= elsewhere)


def _alike(parts: Sequence[Branch], others: Sequence[Branch]) -> str:
    """A sentence on folders beside the parts that hold the same labels; empty where there are none."""
    labels = frozenset[str]().union(*(each.names for each in parts))
    alike = listed(f"{each.name}/" for each in others if each.names & labels and not each.direct)
    if not alike:
        return ""
    return f"{alike} holds folders of the same names, and its name says no part: it is not read."


def _is_dummy(branch: Branch, parts: Sequence[Branch]) -> bool:
    """Whether the one folder in a part for testing is no label, as `test/images` beside `train/Messi`."""
    others = [each for each in parts if each is not branch]
    elsewhere = {name for each in others for name in each.names if not _says_nothing(name)}
    if branch.split == "train" or len(branch.inner) != 1 or branch.names <= elsewhere or len(elsewhere) < 2:
        return False
    return _says_nothing(branch.inner[0].name)


def _says_nothing(name: str) -> bool:
    """Whether a folder in a part is called as no label is."""
    return split_from(name) is not None or is_unlabelled_name(name) or letters_of(name) in NO_LABELS


def _of_classes(
    root: Path, branches: Sequence[Branch], main: tuple[Branch, ...], aside: Sequence[Branch]
) -> Shape:
    bare = tuple(each.path for each in aside if is_unlabelled_name(each.name))
    ignored = tuple(each.path for each in aside if each.path not in bare)
    others = tuple(each for each in branches if each not in aside)
    if len(main) > 1 and all(_holds_parts(each) for each in main):
        return Shape(root, _parts_inside(root, main), main, bare, ignored)
    if len(main) < 2 or any(each.direct for each in main):
        return Shape(root, CLASSES, others, bare, ignored)
    bundled = tuple(map(_unwrapped, main))
    one_wrapper = len({each.wrapped.name if each.wrapped else "" for each in bundled}) == 1
    if one_wrapper and bundled[0].wrapped is not None:
        main = bundled
        if _are_numbered(main):
            return Shape(root, BATCHES, main, bare, ignored)
    layout = _level_of_labels(root, main)
    if layout != CLASSES:
        return Shape(root, layout, main, bare, ignored)
    return Shape(root, CLASSES, others, bare, ignored, _repeating(main))


def _holds_parts(branch: Branch) -> bool:
    return len(branch.inner) > 0 and all(split_from(path.name) for path in branch.inner)


def _unwrapped(branch: Branch) -> Branch:
    """The branch with the folders in its one folder, where that is but a wrapper around them."""
    if branch.direct or len(branch.inner) != 1:
        return branch
    inner = branch_of(branch.inner[0])
    if inner.direct or not inner.inner or all(map(is_frames_folder, inner.inner)):
        return branch
    return replace(branch, inner=inner.inner, wrapped=inner.path)


def _are_numbered(branches: Sequence[Branch]) -> bool:
    """Whether folders are one thing in several pieces, as downloads that were cut: `photos-001`, `-002`."""
    called = {letters_of(each.name) for each in branches}
    return len(called) == 1 and called != {""} and all(is_batch_name(each.name) for each in branches)


def _repeating(main: Sequence[Branch]) -> str:
    """A sentence on inner folders that repeat, and were taken for batches of the labels above them."""
    inner = Counter(name for each in main for name in each.names)
    if len(inner) < 2 or max(inner.values()) < 2 or any(is_frames_folder(each.inner[0]) for each in main):
        return ""
    names = sorted({label_from(path.name) for each in main for path in each.inner})
    return (
        f"The same folders ({listed(names)}) repeat in {listed(f'{each.name}/' for each in main)}: these are "
        f"the labels; --layout {BATCHES} takes those inside for the labels."
    )


def _level_of_labels(root: Path, main: Sequence[Branch]) -> str:
    """Which level names the labels, where every folder holds folders only."""
    inner = Counter(name for each in main for name in each.names)
    repeated = sum(n for n in inner.values() if n > 1) / inner.total()
    if repeated < REPEATED or len(inner) < 2:
        return CLASSES
    outer_counts = all(is_batch_name(each.name) for each in main)
    inner_counts = all(map(is_batch_name, inner))
    if outer_counts != inner_counts:
        return BATCHES if outer_counts else CLASSES
    if outer_counts and all(is_frames_folder(each.inner[0]) for each in main):
        return CLASSES
    raise DataError(_two_levels(root, main))


def _parts_inside(root: Path, main: Sequence[Branch]) -> str:
    deeper = {path.name for each in main for part in each.inner for path in branch_of(part).inner}
    if len(deeper) < 2:
        return INNER_PARTS
    first, part = main[0], main[0].inner[0]
    raise DataError(
        f"{_shown([root])} holds {listed(each.name for each in main)}, each with parts of its own and "
        f"folders in them ({first.name}/{readable(part.name)}/{readable(min(deeper))}). Name one of them, "
        f"e.g. {readable(str(first.path))}, or put each part's folders together."
    )


def _unlabelled_parts(root: Path, parts: Sequence[Branch]) -> str:
    called = [each.name for each in parts]
    names = next(filter(None, (proposed(files_in(each.top)) for each in parts)), "")
    are = "is the name of a part" if len(parts) == 1 else "are names of parts"
    return (
        f"{listed(f'{name}/' for name in called)} in {_shown([root])} {are}, not of labels, and no folders "
        f"or table there say what the examples show. Expected a folder for each label, e.g. "
        f"{called[0]}/messi/1.jpg, or a table with the columns path and label. If these names are the labels "
        f"themselves, say so with --layout {CLASSES}.{names}"
    )


def _part_or_class(root: Path, labelled: Sequence[Branch], others: Sequence[Branch]) -> str:
    part, beside = labelled[0], listed(f"{each.name}/" for each in others)
    inside = listed(readable(path.name) for path in part.inner)
    top = listed([*(each.name for each in labelled), *(each.name for each in others)])
    return (
        f"{_shown([root])} can be read in two ways. --layout {PARTS}: {part.name}/ is the part to learn "
        f"from, its folders are the labels ({inside}), and {beside} is not read. --layout {CLASSES}: the "
        f"labels are {top}. Say which, or name the folder that is meant: {readable(str(part.path))}."
    )


def _two_levels(root: Path, main: Sequence[Branch]) -> str:
    outer = listed(each.name for each in main)
    names = sorted({label_from(path.name) for each in main for path in each.inner})
    return (
        f"{_shown([root])} can be read in two ways, since the same folders repeat in each of its folders. "
        f"--layout {CLASSES}: the labels are {outer}. --layout {BATCHES}: the labels are {listed(names)}, "
        f"taken together from {outer}. Say which."
    )


def listed(names: Iterable[str]) -> str:
    """The first names, and how many more there are."""
    every = list(names)
    more = len(every) - LISTED
    return ", ".join(every[:LISTED]) + (f" and {more} more" if more > 0 else "")


def _shown(paths: Sequence[Path]) -> str:
    return listed(readable(path.name or str(path)) for path in paths)
