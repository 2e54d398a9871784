"""What the cache takes and how it stays within its size: shelves of the bank, and walks over long videos."""

import json
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from preseason.stores.mirror import copies, forget

WALKS = "walks"
ABOUT = "walk.json"
"""In a walk's folder: what it is."""
_USED = "used"


@dataclass(frozen=True)
class Usage:
    """What one shelf or walk takes: `rows` complete rows in `bytes`, last used at `used` (Unix seconds)."""

    name: str
    what: str
    rows: int
    bytes: int
    used: float


def touch(folder: Path) -> None:
    """Note that a shelf or a walk is used now.

    Raises:
        OSError: the folder cannot be written.
    """
    (folder / _USED).write_text(f"{time.time():.0f}", "ascii")


def usage(cache: Path) -> list[Usage]:
    """What each shelf, walk and copy of a store under `cache` takes, the largest first."""
    shelves = [_shelf(path.parent) for path in (cache / "bank").glob("*/shelf.json")]
    walks = [_walk(path) for path in (cache / WALKS).glob("*") if path.is_dir()]
    stores = [Usage(each.name, each.address, each.files, each.bytes, each.used) for each in copies(cache)]
    return sorted([*shelves, *walks, *stores], key=lambda each: -each.bytes)


def clear(cache: Path, names: Sequence[str] | None = None) -> int:
    """Delete the shelves and walks called `names`; bytes freed.

    With None all go, converted networks too, and what workers posted for each other.
    """
    chosen = [each for each in usage(cache) if names is None or each.name in names]
    for each in chosen:
        for kind in ("bank", WALKS):
            shutil.rmtree(cache / kind / each.name, ignore_errors=True)
    forget(cache, [each.name for each in chosen])
    if names is None:
        for folder in ("networks", WALKS, "work"):
            shutil.rmtree(cache / folder, ignore_errors=True)
    return sum(each.bytes for each in chosen)


def evict(cache: Path, limit_bytes: float, in_use: Sequence[str] = ()) -> int:
    """Delete what was least recently used, never what is `in_use`, until the rest fit; bytes freed."""
    stores = {each.name for each in copies(cache)}  # which have a limit of their own
    kept = sorted((each for each in usage(cache) if each.name not in stores), key=lambda each: each.used)
    total, freed = sum(each.bytes for each in kept), 0
    for each in kept:
        if total - freed <= limit_bytes:
            break
        if each.name not in in_use:
            freed += clear(cache, [each.name])
    return freed


def evict_walks(cache: Path, limit_bytes: float, in_use: str) -> int:
    """As `evict`, of walks alone: the bank is left to fits, whose limit may be another."""
    shelves = [path.name for path in (cache / "bank").glob("*")]
    return evict(cache, limit_bytes, [in_use, *shelves])


def _shelf(folder: Path) -> Usage:
    rows = sum(content_of(path).count(b"\n") for path in folder.glob("*.keys"))
    what = str(_read_json(folder / "shelf.json").get("what", "unreadable"))
    return Usage(folder.name, what, rows, _bytes(folder), _last_used(folder))


def _walk(folder: Path) -> Usage:
    what = str(_read_json(folder / ABOUT).get("what", "a walk over a video"))
    steps = sum(_length(path) for path in folder.glob("*.npy"))
    return Usage(folder.name, what, steps, _bytes(folder), _last_used(folder))


def _length(array: Path) -> int:
    with suppress(OSError, ValueError):
        return len(np.load(array, mmap_mode="r"))
    return 0


def _bytes(folder: Path) -> int:
    return sum(size_of(path) for path in folder.glob("*"))


def _last_used(folder: Path) -> float:
    try:
        return (folder / _USED).stat().st_mtime
    except OSError:
        return 0.0


def size_of(path: Path) -> int:
    """Bytes of a file, 0 where another process has just deleted it."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def content_of(path: Path) -> bytes:
    """Bytes in a file, none where another process has just deleted it."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
