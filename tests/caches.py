"""Caches of their own for tests."""

from pathlib import Path


def cache_at(folder: Path, networks: Path) -> Path:
    """A cache in a new folder, with nothing in it but the networks that the run has converted."""
    folder.mkdir(parents=True)
    (folder / "networks").symlink_to(networks)
    return folder
