"""The `data.yaml` of a set of pictures with boxes: class names, and where the parts of the split lie."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from preseason.data.class_names import Names, names_of
from preseason.data.files import files_in, folders_in, readable
from preseason.errors import DataError, MediaError
from preseason.media.text import read_text

SUFFIXES = frozenset({".yaml", ".yml"})
PARTS = {
    "train": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}
DEEPEST = 4
"""Folders below that of data.yaml among which a path that leads nowhere is looked for."""


@dataclass(frozen=True)
class DataYaml:
    """What a data.yaml says.

    Attributes:
        places: pairs of the part of the split and a folder, list of pictures or picture that is there.
        notes: what was not where it says.
        keypoints: values behind each box that are points of a pose.
    """

    path: Path
    names: Names
    places: tuple[tuple[str, Path], ...]
    notes: tuple[str, ...]
    keypoints: int = 0


def find_yaml(root: Path) -> Path | None:
    """The data.yaml at or directly in `root`; None where there is none."""
    candidates = [root] if root.is_file() else files_in(root)
    yamls = [path for path in candidates if path.suffix.lower() in SUFFIXES]
    return next((path for path in yamls if _is_one(_values(path))), None)


def read_yaml(path: Path) -> DataYaml:
    """Names and places; paths are looked for where exporters mean them, and what is nowhere is noted.

    Raises:
        DataError: it is no data.yaml.
    """
    values = _values(path)
    if not _is_one(values):
        raise DataError(f"{path} is no data.yaml: expected the keys names and train, val or test.")
    search = _Search(path, str(values.get("path") or ""))
    places = [
        (part, found) for key, part in PARTS.items() for found in search.all(key, _entries(values.get(key)))
    ]
    names, keypoints = names_of(values.get("names")), _keypoints(values.get("kpt_shape"))
    return DataYaml(path, names, tuple(dict.fromkeys(places)), tuple(search.notes), keypoints)


def _keypoints(shape: Any) -> int:
    sizes = [int(size) for size in shape if str(size).isdecimal()] if isinstance(shape, list) else []
    return math.prod(sizes) if sizes else 0


def _is_one(values: Any) -> bool:
    if not isinstance(values, dict) or not (set(PARTS) & set(values) or "path" in values):
        return False
    return isinstance(values.get("names"), list | dict) or "nc" in values


def _values(path: Path) -> Any:
    """The content with every scalar as text, so that a class `no` stays one; None where it is no YAML."""
    import yaml

    try:
        return yaml.load(read_text(path, 1_000_000), Loader=yaml.BaseLoader)
    except (MediaError, yaml.YAMLError, RecursionError, ValueError, TypeError):
        return None


def _entries(value: Any) -> Iterator[str]:
    if isinstance(value, str) and value.strip():
        yield value.strip()
    elif isinstance(value, list):
        yield from (item.strip() for item in value if isinstance(item, str) and item.strip())


@dataclass
class _Search:
    """Where the paths of a data.yaml lead: below its own folder, its parent, or as they end."""

    path: Path
    named: str
    notes: list[str] = field(default_factory=list)

    def all(self, key: str, entries: Iterator[str]) -> Iterator[Path]:
        """What each entry leads to; what leads nowhere is noted."""
        for entry in entries:
            plain = readable(entry.replace("\\", "/"))
            found, meant = self.one(plain)
            if found is None:
                self.notes.append(f"{self.path.name} names {key}: {plain}, and there is no such folder")
            else:
                if not meant:
                    where = found.relative_to(self.top) if found.is_relative_to(self.top) else found
                    self.notes.append(f"{self.path.name} names {key}: {plain}, which was found at {where}")
                yield found

    @property
    def top(self) -> Path:
        """The folder of the file."""
        return self.path.absolute().parent

    def one(self, entry: str) -> tuple[Path | None, bool]:
        """What is there, and whether it is where the file says."""
        bases = (
            [self.top / self.named, self.top, *self._elsewhere()]
            if self.named
            else [self.top, self.top.parent]
        )
        for place, base in enumerate(bases):
            if _exists(base / entry):
                return (base / entry).resolve(), place == 0
        parts = [part for part in entry.split("/") if part not in ("", ".", "..")]
        for first in range(len(parts)):
            straight = self.top.joinpath(*parts[first:])
            if _exists(straight):
                return straight.resolve(), False
        return self._by_end(parts), False

    def _elsewhere(self) -> tuple[Path, ...]:
        last = self.named.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
        return self.top / last, self.top.parent / self.named, self.top.parent / last, self.top.parent

    def _by_end(self, parts: list[str]) -> Path | None:
        """The one folder below whose path ends as the entry does; the longest such end decides."""
        folders = list(_below(self.top, DEEPEST))
        for first in range(len(parts)):
            end = tuple(parts[first:])
            ending = [folder for folder in folders if folder.parts[-len(end) :] == end]
            if len(ending) == 1 and end != ("images",):
                return ending[0].resolve()
        return None


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name longer than may be, or with a zero in it
        return False


def _below(folder: Path, depth: int) -> Iterator[Path]:
    for inside in folders_in(folder) if depth else ():
        yield inside
        yield from _below(inside, depth - 1)
