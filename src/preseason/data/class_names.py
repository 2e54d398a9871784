"""Names of classes that label files call by number, from the file that lists them."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from preseason.data.files import files_in, label_from
from preseason.errors import MediaError
from preseason.media.text import read_text

LISTS = (
    "obj.names",
    "classes.txt",
    "classes.names",
    "_darknet.labels",
    "labels.names",
    "predefined_classes.txt",
)
"""The usual names of such a file, one name a line; any other `.names` as well."""
ABOVE = 3
"""Folders above the one that is read in which such a file is looked for."""
_NUMBERED = re.compile(r"^(\d{1,6})(?:\s*[:=,;\t]\s*|\s+)(\S.*)$")
Names = Mapping[int, str]


def names_in(folder: Path) -> Path | None:
    """The file that lists class names directly in `folder`; None where there is none."""
    inside = {path.name.lower(): path for path in files_in(folder)}
    usual = next((inside[name] for name in LISTS if name in inside), None)
    return usual or next((path for name, path in inside.items() if name.endswith(".names")), None)


@cache
def names_from(path: Path, changed_ns: int) -> Names:
    """Class names by number: the line's, or the number that every line begins with.

    Args:
        changed_ns: when the file was last changed, so that it is read again then.

    Raises:
        MediaError: it cannot be read, or is empty.
    """
    lines = [label_from(line) for line in _lines(path)]
    filled = [line for line in lines if line]
    matches = [_NUMBERED.match(line) for line in filled]
    numbers = [int(match[1]) for match in matches if match is not None]
    if len(numbers) == len(filled) and len(set(numbers)) == len(numbers) and min(numbers) == 0:
        return {int(match[1]): match[2].strip() for match in matches if match is not None}
    return {place: line for place, line in enumerate(lines) if line}


def read_names(path: Path) -> Names:
    """As `names_from`, for the file as it is now; none where it cannot be read."""
    try:
        return names_from(path, path.stat().st_mtime_ns)
    except (OSError, MediaError):
        return {}


def names_of(value: Any) -> Names:
    """Class names of a `names:` entry, a list or a mapping of numbers.

    Example:
        >>> names_of(["ball", "post"]), names_of({"0": "ball", "7": "post"})
        ({0: 'ball', 1: 'post'}, {0: 'ball', 7: 'post'})
    """
    if isinstance(value, list):
        pairs = list(enumerate(value))
    elif isinstance(value, dict):
        pairs = [(int(key), name) for key, name in value.items() if str(key).strip().isdecimal()]
    else:
        pairs = []
    return {number: label_from(name) for number, name in pairs if isinstance(name, str) and name.strip()}


def nearest(folder: Path, root: Path) -> Path | None:
    """The list of names in `folder` or the nearest folder above it, up to `ABOVE` above `root`."""
    top = root.absolute() if root.is_dir() else root.absolute().parent
    for _ in range(ABOVE):
        top = top.parent
    place = folder.absolute()
    while True:
        found = names_in(place)
        if found is not None:
            return found
        if place in (top, place.parent):
            return None
        place = place.parent


def _lines(path: Path) -> list[str]:
    return read_text(path).splitlines()
