"""Where cached things lie on this machine."""

import os
from pathlib import Path

import platformdirs


def cache_folder(named: str | None = None) -> Path:
    """The cache: as named, else PRESEASON_CACHE, else the platform's cache folder for preseason."""
    chosen = named or os.environ.get("PRESEASON_CACHE")
    return Path(chosen) if chosen else Path(platformdirs.user_cache_dir("preseason", appauthor=False))
