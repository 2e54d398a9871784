"""Walking folders: every file once, in the same order on every system, with a reason for what is left out."""

import os
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from preseason.data.dataset import Skipped
from preseason.data.litter import is_litter, is_program
from preseason.media.text import encodable

IGNORE: Final = ""  # the verdict of an `Accept` that wants a file left out without a word


def _never(path: Path) -> bool:
    return False


@dataclass(frozen=True)
class Columns:
    """What the user said of a table: names of its columns, None where they are to be guessed.

    Attributes:
        text: of the texts, where the cells themselves are the examples.
        label: of the labels.
        group: of what belongs together; `none` for no groups but equal content; what is no column is a
            regular expression.
        path: of the files.
        split: of the parts (train, validation, test).
        rename: `OLD=NEW` for labels that are to be called otherwise.
        layout, task: how the data lie and what they are, where the user named it, by name.
    """

    text: str | None = None
    label: str | None = None
    group: str | None = None
    path: str | None = None
    split: str | None = None
    rename: tuple[str, ...] = ()
    layout: str | None = None
    task: str | None = None

    @property
    def named(self) -> tuple[str, ...]:
        """The flags of those that were named and stand for a column."""
        return tuple(f"--{role}" for role in ("path", "text", "label", "split") if getattr(self, role))


@dataclass(frozen=True)
class Accept:
    """What a task takes as an example.

    Attributes:
        file: None for a usable file, the reason in plain words for an unusable one, `IGNORE` for one
            that needs no mention (a sidecar). Called once per file; it should read the head only.
        noun: what the examples are called in messages.
        folder: whether a folder as a whole is one example, e.g. the frames of a clip.
        columns: of tables, as far as the user named them.
        cells: whether the cells of a table may be the examples themselves; else only files are.
        group: column of a table that names what belongs together; None leaves it to be guessed.
        layout: how the data lie, where the user named it.
        member: as `file`, of the first bytes and the name of a file inside a container; None where such
            examples are not read from containers.
    """

    file: Callable[[Path], str | None]
    noun: str = "files"
    folder: Callable[[Path], bool] = _never
    columns: Columns = Columns()
    cells: bool = False
    group: str | None = None
    layout: str | None = None
    member: Callable[[bytes, str], str | None] | None = None


@dataclass
class Found:
    """What a walk found: usable paths in order, and what was left out."""

    paths: list[Path] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)

    def judge(self, path: Path, accept: Accept) -> None:
        """Put a file among the usable or the left out ones."""
        reason = accept.file(path)
        if reason is None:
            self.paths.append(path)
        elif reason != IGNORE:
            self.skip(path, reason)

    def skip(self, path: Path, reason: str) -> None:
        """Name `path` as left out."""
        self.skipped.append(Skipped(readable(str(path)), reason))


FORMULAS = ("=", "+", "-", "@")
"""Signs with which a spreadsheet's formula begins; written cells have an apostrophe before them."""


def readable(text: str) -> str:
    """Text that can be printed and saved: composed Unicode, undecodable bytes and half signs replaced."""
    return unicodedata.normalize("NFC", encodable(text))


def label_from(name: str) -> str:
    """A class name as the user means it: composed Unicode, no spaces around it, no sign against formulas."""
    return unguarded(readable(name).strip())


def unguarded(cell: str) -> str:
    """A cell without the apostrophe that keeps spreadsheets from taking it for a formula.

    Example:
        >>> unguarded("'=1+1"), unguarded("'tis a goal")
        ('=1+1', "'tis a goal")
    """
    return cell[1:] if cell[:1] == "'" and cell[1:2] and cell[1] in FORMULAS else cell


def folders_in(root: Path) -> list[Path]:
    """The visible folders directly inside `root`, in order; none where it cannot be read."""
    return [path for entry in _entries(root) if entry.is_dir() and not is_program(path := Path(entry))]


def files_in(root: Path) -> list[Path]:
    """Everything visible directly inside `root` that is no folder, in order."""
    return [Path(entry) for entry in _entries(root) if not entry.is_dir()]


def walk(root: Path, accept: Accept) -> Found:
    """All usable examples under `root`, however deep, folders before what follows them by name.

    Hidden files and folders are passed over; links to folders are followed once; a folder or file that
    cannot be opened is named as left out.
    """
    found = Found()
    for path in _walk(root, accept, found, set()):
        found.judge(path, accept)
    return found


def _walk(folder: Path, accept: Accept, found: Found, seen: set[tuple[int, int]]) -> Iterator[Path]:
    try:
        status = folder.stat()
        entries = _entries(folder, strict=True)
    except OSError as error:
        found.skip(folder, f"a folder that cannot be opened: {error.strerror}")
        return
    identity = (status.st_dev, status.st_ino)
    if identity in seen:
        found.skip(folder, "a link to a folder that was read already")
        return
    seen.add(identity)
    for entry in entries:
        path = Path(entry)
        if not entry.is_dir():
            yield from _regular(entry, path, found)
        elif accept.folder(path):
            found.paths.append(path)
        elif not is_program(path):
            yield from _walk(path, accept, found, seen)


def _regular(entry: "os.DirEntry[str]", path: Path, found: Found) -> Iterator[Path]:
    if entry.is_file():
        yield path
    elif entry.is_symlink():
        found.skip(path, "a link to a file that is not there")
    else:
        found.skip(path, "a pipe, socket or device, not a file")


def _entries(folder: Path, strict: bool = False) -> "list[os.DirEntry[str]]":
    try:
        with os.scandir(folder) as listing:
            entries = [entry for entry in listing if not is_litter(entry.name)]
    except OSError:
        if strict:
            raise
        return []
    return sorted(entries, key=lambda entry: (unicodedata.normalize("NFC", entry.name), entry.name))
