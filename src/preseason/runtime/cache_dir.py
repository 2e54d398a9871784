"""Where cached things lie on this machine."""

import os
from pathlib import Path

import platformdirs


def cache_folder(named: str | Path | None = None) -> Path:
    """The cache: as named, else PRESEASON_CACHE, else the platform's cache folder for preseason."""
    chosen = named or os.environ.get("PRESEASON_CACHE")
    return Path(chosen) if chosen else Path(platformdirs.user_cache_dir("preseason", appauthor=False))


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
