"""Where the file is that a cell of a table names, when the table was made elsewhere."""

import os
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from preseason.data.litter import is_litter, is_program
from preseason.data.split_names import split_from
from preseason.media.image import SUFFIXES

_URL = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_DRIVE = re.compile(r"[a-z]:[\\/]", re.IGNORECASE)
_UPLOADED = re.compile(r"[0-9a-f]{8}-(?=.)")
"""Label Studio puts eight hexadecimal digits before the name of a file that was uploaded."""
_WHOLE = re.compile(r"[0-9]{1,15}(?:\.0+)?")
"""A number as tables have it: spreadsheets drop zeros in front of it, and add one behind."""
ABSENT = "there is no such file"
_SHOWN = 3


@dataclass(frozen=True)
class Place:
    """Where a cell leads to.

    Attributes:
        path: the file or folder; where there is none, what the cell says as it stands.
        fault: why there is none, or an empty text.
        sought: whether it was found by the end of its path, not at the place that the cell names.
    """

    path: Path
    fault: str = ""
    sought: bool = False


@dataclass
class Finder:
    """Finds the files that the cells of one table name.

    A cell that leads to a file beside the table, or from the current folder, names that. Otherwise the file
    is looked for below the table's folder (or `base`) by the longest end of its path that fits, then without
    its suffix, as a picture saved in another format, and as a number (`7` or `7.0` for 00007.png); of several
    the one in a folder of the table's own part (`train_images/` of `train.csv`). Case and Unicode form do not
    count there; a file that cannot be told from another is not guessed.

    Attributes:
        table: the table.
        usable: whether a file can be what a name without suffix means.
        base: the folder that is searched; None for that of the table.
    """

    table: Path
    usable: Callable[[Path], bool] = Path.is_file
    base: Path | None = None
    _found: dict[str, Place] = field(default_factory=dict)

    @property
    def root(self) -> Path:
        """The folder that is searched."""
        return self.table.parent if self.base is None else self.base

    def find(self, text: str) -> Place:
        """Where a cell leads to."""
        if text not in self._found:
            self._found[text] = self._search(text)
        return self._found[text]

    def sentence(self) -> str:
        """How many files were found elsewhere than their cells say, and where; empty where none was."""
        sought = [place.path for place in self._found.values() if place.sought]
        if not sought:
            return ""
        told = sum(not place.fault for place in self._found.values())
        folders = Counter(self._below(path.parent) for path in sought).most_common()
        named = ", ".join(folder for folder, _ in folders[:_SHOWN])
        more = f" and {len(folders) - _SHOWN} more folders" if len(folders) > _SHOWN else ""
        return (
            f"{len(sought)} of {told} files of {self.table.name} were found by their names, "
            f"under {named}{more}."
        )

    def _search(self, text: str) -> Place:
        for path in self._plainly(text):
            if _exists(path):
                return Place(path)
        ends = list(_ends(text))
        for end in ends:
            hits = self._of_own_part(self._ending(end))
            if len(hits) == 1:
                return Place(hits[0], sought=True)
            if hits:
                return Place(self.table.parent / text, self._ambiguous(hits))
        return Place(self.table.parent / _unslashed(text), _why_absent(text))

    def _plainly(self, text: str) -> Iterator[Path]:
        """The places that a cell names by itself: a table made on Windows has backslashes."""
        if _URL.match(text):
            return
        for written in dict.fromkeys((text, _unslashed(text), unicodedata.normalize("NFC", text))):
            yield self.table.parent / written
            yield self.root / written
        yield Path(text)

    def _ending(self, end: tuple[str, ...]) -> list[Path]:
        """Files whose path ends so, as far back as any does."""
        named = next((found for found in self._called(end[-1]) if found), [])
        for length in range(len(end), 0, -1):
            back = end[:-1][-(length - 1) :] if length > 1 else ()
            hits = [path for path in named if self._folders(path)[-len(back) :] == back or not back]
            if hits:
                return hits
        return []

    def _called(self, name: str) -> Iterator[list[Path]]:
        """What a name may mean, the plainest first."""
        names, stems, numbers = self._index
        yield names.get(name, [])
        yield [path for path in stems.get(name, []) if self.usable(path)]
        stem, dot, ending = name.rpartition(".")
        if f"{dot}{ending}" in SUFFIXES:
            yield [
                path for path in stems.get(stem, []) if path.suffix.lower() in SUFFIXES and self.usable(path)
            ]
        if _WHOLE.fullmatch(name):
            yield [path for path in numbers.get(int(float(name)), []) if self.usable(path)]

    def _of_own_part(self, hits: list[Path]) -> list[Path]:
        """Of several files those in folders of the table's own part: `train.csv` means `train_images/`."""
        part = split_from(self.table.stem)
        if part is None or len(hits) < 2:
            return hits
        own = [path for path in hits if part in map(split_from, self._folders(path))]
        return own or hits

    def _folders(self, path: Path) -> tuple[str, ...]:
        return tuple(_folded(part) for part in path.parent.relative_to(self.root).parts)

    @cached_property
    def _index(self) -> tuple[dict[str, list[Path]], dict[str, list[Path]], dict[int, list[Path]]]:
        """Everything below the table's folder by its name, files by it without suffix, and as a number."""
        names: defaultdict[str, list[Path]] = defaultdict(list)
        stems: defaultdict[str, list[Path]] = defaultdict(list)
        numbers: defaultdict[int, list[Path]] = defaultdict(list)
        for folder, folders, files in os.walk(self.root):
            folders[:] = sorted(
                name for name in folders if not (is_litter(name) or is_program(Path(folder) / name))
            )
            for name in sorted(files):
                path = Path(folder) / name
                if not is_litter(name) and path != self.table:
                    names[_folded(name)].append(path)
                    stems[_folded(path.stem)].append(path)
                    if _WHOLE.fullmatch(path.stem) and path.stem.isdigit():
                        numbers[int(path.stem)].append(path)
            for name in folders:
                names[_folded(name)].append(Path(folder) / name)
        return names, stems, numbers

    def _ambiguous(self, hits: list[Path]) -> str:
        shown = ", ".join(self._below(path) for path in hits[:_SHOWN])
        more = ", ..." if len(hits) > _SHOWN else ""
        return f"{len(hits)} files may be meant ({shown}{more}): name its folder too"

    def _below(self, path: Path) -> str:
        inside = path.is_relative_to(self.root)
        shown = (path.relative_to(self.root) if inside else path).as_posix()
        return shown if shown != "." else "the table's folder"


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # longer than a path may be, or with a zero in it
        return False


def _unslashed(text: str) -> str:
    return text.replace("\\", "/")


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _why_absent(text: str) -> str:
    if _URL.match(text) and not text.lower().startswith("file:"):
        return "an address, and nothing is fetched: download the files and put them beside the table"
    return ABSENT


def _ends(text: str) -> Iterator[tuple[str, ...]]:
    """The parts of a path, folded, as it stands and as programs dress it up."""
    for plain in dict.fromkeys((_bare(text), unquote(_bare(text)))):
        parts = tuple(_folded(part) for part in _unslashed(plain).split("/") if part not in ("", ".", ".."))
        if not parts:
            continue
        yield parts
        if _UPLOADED.match(parts[-1]):
            yield (*parts[:-1], _UPLOADED.sub("", parts[-1], count=1))


def _bare(text: str) -> str:
    """The path in an address: after `?d=` or `file://`, without what asks a server for more."""
    if _DRIVE.match(text):
        return text[2:]
    if not (_URL.match(text) or text.startswith("/data/")):
        return text
    address = urlsplit(text)
    asked = parse_qs(address.query).get("d")
    return asked[0] if asked else address.path
