"""A few labelled examples for every task, by its name: what the contract suite fits and asks."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

import movies
import tiny_matches
import tiny_pitches
from tones import tone, write_wav

LABELS = ("dark", "light")
EACH = 6


def pictures_of(label: str, number: int) -> list[np.ndarray]:
    """Nine frames of one grey, with a mark in every other example."""
    first = 20 * LABELS.index(label) + number % 9
    return [movies.picture(first + at % 3, marked=number % 2 == 0) for at in range(9)]


def photos(root: Path) -> Path:
    """A folder of pictures for each label."""
    for label in LABELS:
        (root / label).mkdir(parents=True, exist_ok=True)
        for number in range(EACH):
            Image.fromarray(pictures_of(label, number)[0]).save(root / label / f"{number}.png")
    return root


def clips(root: Path) -> Path:
    """A folder of videos for each label."""
    for label in LABELS:
        for number in range(EACH):
            movies.write(root / label / f"{number}.mp4", pictures_of(label, number))
    return root


def actions(root: Path) -> Path:
    """A table of times in drawn matches."""
    return tiny_matches.write_matches(root, 3, 6.0)


def texts(root: Path) -> Path:
    """A table of texts of two labels."""
    said = {"good": "great goal", "bad": "awful referee"}
    rows = [f"{text} {number},{label}" for label, text in said.items() for number in range(8)]
    root.mkdir(parents=True, exist_ok=True)
    (root / "mood.csv").write_text("\n".join(["text,label", *rows]), "utf-8")
    return root / "mood.csv"


def pitches(root: Path) -> Path:
    """Drawn pitches with boxes."""
    return tiny_pitches.write(root, 8)


def sounds(root: Path) -> Path:
    """A folder of short tones for each label."""
    for label, hertz in zip(LABELS, (330.0, 990.0), strict=True):
        for number in range(EACH):
            write_wav(root / label / f"{number}.wav", tone(hertz * (1 + 0.02 * number), 0.5, number))
    return root


DATA: dict[str, Callable[[Path], Path]] = {
    "actions": actions,
    "clips": clips,
    "detection": pitches,
    "photos": photos,
    "sounds": sounds,
    "texts": texts,
}
ASKED: dict[str, Callable[[Path], str]] = {
    "actions": lambda data: str(next(data.parent.glob("*.mp4"))),
    "clips": lambda data: str(data / "dark/0.mp4"),
    "detection": lambda data: str(data / "pitch-000.png"),
    "photos": lambda data: str(data / "dark/0.png"),
    "sounds": lambda data: str(data / "dark/0.wav"),
    "texts": lambda data: "a great goal",
}
