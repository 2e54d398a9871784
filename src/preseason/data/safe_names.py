"""Labels as names of folders and as cells of tables, for any label that people use.

A label becomes one folder name on every system: what a name cannot hold is written as %XX of its UTF-8
bytes, as in URLs, and `label_of` reads it back. Most labels are their own name.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from urllib.parse import unquote

from preseason.data.files import FORMULAS
from preseason.data.split_names import split_from

MAX_BYTES = 180
"""Longer names are cut, and end in a digest: those cannot be read back."""
_UNSAFE = frozenset('/\\:*?"<>|%')
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")


def folder_name(label: str, taken: Iterable[str] = ()) -> str:
    """A name for the folder of `label`, unlike those `taken` also where case and Unicode form do not count.

    Example:
        >>> folder_name("win/draw"), folder_name("../loss"), folder_name("messi", ["Messi"])
        ('win%2Fdraw', '%2E.%2Floss', '%6Dessi')
    """
    keys = {_key(name) for name in taken}
    names = (_escape(label, forced) for forced in range(len(label) + 1))
    return next((name for name in names if _key(name) not in keys), _cut(_escape(label, len(label)), label))


def folder_names(labels: Iterable[str], taken: Iterable[str] = ()) -> dict[str, str]:
    """A name for each label, no two alike."""
    names, used = {}, list(taken)
    for label in dict.fromkeys(labels):
        names[label] = folder_name(label, used)
        used.append(names[label])
    return names


def label_of(name: str) -> str:
    """The label whose folder is called `name`; a name that `folder_name` never gives is its own label.

    Example:
        >>> label_of("win%2Fdraw"), label_of("50%20off")
        ('win/draw', '50%20off')
    """
    if "%" not in name:
        return name
    label = unquote(name, errors="replace")
    return label if any(_escape(label, forced) == name for forced in range(len(label) + 1)) else name


def cell(value: str) -> str:
    """A text as a cell that no spreadsheet takes for a formula; `label_from` reads it back.

    Example:
        >>> cell("=1+1"), cell("Messi")
        ("'=1+1", 'Messi')
    """
    return f"'{value}" if value.startswith((*FORMULAS, "\t", "\r")) else value


def _escape(label: str, forced: int) -> str:
    """The label with what is unsafe, and its first `forced` letters, as %XX."""
    last = len(label) - 1
    reserved = bool(_RESERVED.fullmatch(label)) or split_from(label) is not None
    parts = []
    for place, letter in enumerate(label):
        edge = (place == 0 and (letter in ".-~" or reserved)) or (place in (0, last) and letter in ". ")
        plain = place >= forced and not edge and letter not in _UNSAFE and letter.isprintable()
        parts.append(
            letter if plain else "".join(f"%{byte:02X}" for byte in letter.encode("utf-8", "replace"))
        )
    return _cut("".join(parts), label)


def _cut(name: str, label: str) -> str:
    if len(name.encode()) <= MAX_BYTES:
        return name
    digest = hashlib.blake2b(label.encode("utf-8", "replace"), digest_size=6).hexdigest()
    return name.encode()[: MAX_BYTES - 16].decode("utf-8", "ignore").rstrip(". %") + f"~{digest}"


def _key(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()
