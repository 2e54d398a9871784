"""Files that appear whole or not at all: written beside their place, and moved there when complete."""

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """A new path beside `path` to write to; it replaces `path` unless the block raises.

    Its name is of this call alone, so that several processes may write the same file.

    Raises:
        OSError: the file cannot be moved to its place; `path` is as before.
    """
    part = path.with_name(f".{uuid.uuid4().hex}{path.suffix}.part")
    try:
        yield part
        part.replace(path)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def write_text(path: Path, text: str, errors: str = "strict") -> None:
    """Write `text` in UTF-8 with the newlines it has, whole or not at all.

    Args:
        errors: what becomes of characters that have no bytes, as of `str.encode`.

    Raises:
        OSError: it cannot be written; `path` is as before.
    """
    with atomic_write(path) as part:
        part.write_bytes(text.encode("utf-8", errors))


@contextmanager
def folder_beside(place: Path) -> Iterator[Path]:
    """A new folder beside `place`, for the block to fill and rename; it is removed where it was not renamed.

    Raises:
        OSError: it cannot be made.
    """
    part = place.parent / f".{place.name}.{uuid.uuid4().hex[:8]}"
    try:
        part.mkdir(parents=True)
        yield part
    finally:
        shutil.rmtree(part, ignore_errors=True)
