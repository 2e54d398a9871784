"""Labels in the names of files: the word before a number, or what a regular expression finds."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from preseason.data.files import label_from, readable

_BEFORE_NUMBER = re.compile(r"^(.*?[^\W\d_].*?)[\s_.(#-]*\d")
FEWEST = 2
"""Files that a word begins before it is proposed as a label."""


def proposed(files: Sequence[Path]) -> str:
    """Which labels the names of `files` may hold, in a sentence; nothing where they hold none."""
    found = Counter(label for path in files if (label := label_of(path)))
    usual = {label: count for label, count in found.items() if count >= FEWEST}
    if len(usual) < FEWEST or sum(usual.values()) < 0.9 * len(files):
        return ""
    shown = ", ".join(f"{label} {count}" for label, count in sorted(usual.items())[:5])
    return f" If the names of the files hold the labels ({shown}), say so with --layout names."


def label_of(path: Path, wanted: str | None = None) -> str:
    """The label in a file's name: the first group of `wanted`, else the word before its number."""
    # A suffix such as .mp4 holds a number of its own.
    match = re.search(wanted, readable(path.name)) if wanted else _BEFORE_NUMBER.search(readable(path.stem))
    return label_from(match[1] or "") if match else ""
