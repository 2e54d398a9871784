"""Measured speeds of frozen networks on this machine, kept beside the feature bank."""

import json
from pathlib import Path
from typing import Any

from preseason.runtime.cache_dir import cache_folder

FILE = "speeds.json"


def measured_speed(name: str, cache: Path | None = None) -> float | None:
    """Whole pictures of 224 px a second that the network `name` last reached, None if never measured."""
    value = _read(cache or cache_folder()).get(name)
    return float(value) if isinstance(value, int | float) else None


def note_speed(name: str, images_per_s: float, cache: Path) -> None:
    """Remember a measured speed; losing it (full disk) costs nothing but the note."""
    known = _read(cache) | {name: round(images_per_s, 2)}
    try:
        (cache / FILE).write_text(json.dumps(known, indent=1, sort_keys=True), "utf-8")
    except OSError:
        return


def _read(cache: Path) -> dict[str, Any]:
    try:
        content = json.loads((cache / FILE).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
