"""Where cached things lie on this machine."""

import os
import stat
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path

import platformdirs

from preseason.errors import CacheError
from preseason.runtime.addresses import is_address


def cache_folder(named: str | Path | None = None) -> Path:
    """The cache: as named, else PRESEASON_CACHE, else the platform's cache folder for preseason.

    Users without a home that can be written (containers, services) get a folder of their own among the
    temporary files.

    Raises:
        CacheError: the address of a store is named.
    """
    chosen = named or os.environ.get("PRESEASON_CACHE")
    if chosen:
        if is_address(chosen):
            raise CacheError(
                f"{chosen} is a store, and the cache must be a local folder: its rows are appended and "
                "mapped into memory, which object stores cannot do. Name a local disk with PRESEASON_CACHE "
                "or --cache; machines that share features mount one network file system there."
            )
        return Path(chosen)
    try:
        usual = Path(platformdirs.user_cache_dir("preseason", appauthor=False))
        homeless = not Path.home().is_absolute()
    except (RuntimeError, OSError):  # a user whom the system does not know, without HOME
        return _temporary()
    return _temporary() if homeless or not _may_write(usual) else usual


def is_temporary(place: Path) -> bool:
    """Whether a cache lies among the temporary files for want of a home."""
    return place.parent == Path(tempfile.gettempdir()) and place.name.startswith("preseason-cache-")


def _may_write(folder: Path) -> bool:
    """Whether a folder can be written; it is made where it is absent, since asking tells too little."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK | os.X_OK)


def _temporary() -> Path:
    """A folder that no other user can have put there or write into, the same in every run."""
    user = os.getuid() if hasattr(os, "getuid") else 0
    folder = Path(tempfile.gettempdir()) / f"preseason-cache-{user}"
    with suppress(OSError):
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        shared = hasattr(os, "getuid") and (found.st_uid != user or found.st_mode & 0o022)
        if stat.S_ISDIR(found.st_mode) and not shared:
            return folder
    return _of_this_process()


@cache
def _of_this_process() -> Path:
    return Path(tempfile.mkdtemp(prefix="preseason-cache-"))


def remember_place(cache: Path, fit: str, root: Path) -> None:
    """Note, on this machine alone, where the data of a fit lies: model folders name no place."""
    path = cache / "places" / f"{fit}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(str(root.resolve()), "utf-8", errors="surrogateescape")


def recall_place(cache: Path, fit: str) -> Path | None:
    """Where the data of a fit lay, None where it is not known or no longer there."""
    path = cache / "places" / f"{fit}.txt"
    try:
        root = Path(path.read_text("utf-8", errors="surrogateescape"))
    except OSError:
        return None
    return root if root.exists() else None
