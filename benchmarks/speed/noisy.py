"""Many photos out of few: copies with noise, each with a content of its own."""

from pathlib import Path

import numpy as np
from PIL import Image

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
SIDE = 640


def photos_in(folder: Path) -> list[Path]:
    """Photos of a folder with one folder for each label, in a stable order."""
    return sorted(path for path in folder.glob("*/*") if path.suffix.lower() in SUFFIXES)


def noisy_copies(source: Path, target: Path, count: int) -> Path:
    """Write `count` photos below `target`, evenly from those of `source`, and give `target` back."""
    photos, draws = photos_in(source), np.random.default_rng(0)
    for number in range(count):
        path = photos[number % len(photos)]
        place = target / path.parent.name / f"{number:06d}.jpg"
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            _noisy(path, draws).save(place, quality=90)
    return target


def _noisy(path: Path, draws: np.random.Generator) -> Image.Image:
    with Image.open(path) as picture:
        picture.draft("RGB", (SIDE, SIDE))
        small = picture.convert("RGB")
    small.thumbnail((SIDE, SIDE))
    pixels = np.asarray(small, np.int16) + draws.integers(-12, 13, (small.height, small.width, 3), np.int16)
    # A shift of the whole picture keeps copies of one photo from being taken for near-duplicates at once.
    return Image.fromarray(np.roll(pixels.clip(0, 255).astype(np.uint8), int(draws.integers(200)), axis=1))
