"""Small matches for tests, drawn and encoded in a second: a circle that jumps, a square that crosses.

A circle stands on a field whose light drifts. At a `jump` it goes up and comes down again, at a `cross` a
square runs over the field; each lasts a second around its time. They test that the parts fit together and
say nothing about accuracy on sport.
"""

import csv
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

FPS = 12
HEIGHT, WIDTH = 64, 96
LABELS = ("cross", "jump")
Event = tuple[float, str]


def picture(time_s: float, events: Sequence[Event], grass: NDArray[np.float64]) -> NDArray[np.uint8]:
    """What the camera sees: uint8 [64, 96, 3]."""
    shown = np.zeros((HEIGHT, WIDTH, 3))
    shown[..., 1] = 110 + grass + 12 * np.sin(time_s / 3)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    done = {label: time_s - at + 0.5 for at, label in events if abs(time_s - at) < 0.5}
    height = 30 * np.sin(np.pi * done["jump"]) if "jump" in done else 0.0
    shown[(x - 20) ** 2 + (y - 48 + height) ** 2 < 64] = (240, 240, 240)
    if "cross" in done:
        left = done["cross"] * (WIDTH + 12) - 12
        shown[(x >= left) & (x < left + 12) & (y >= 20) & (y < 32)] = (200, 40, 40)
    return shown.clip(0, 255).astype(np.uint8)


def write(
    path: Path, events: Sequence[Event], length_s: float, seed: int = 0, negative: bool = False
) -> Path:
    """Encode a match of `length_s` seconds with the events given; `negative` has all colours turned round."""
    grass = np.random.default_rng(seed).normal(0, 6, (HEIGHT, WIDTH))
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"preset": "ultrafast", "crf": "28"})
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "yuv420p"
        for number in range(round(length_s * FPS)):
            shown = picture(number / FPS, events, grass)
            frame = av.VideoFrame.from_ndarray(255 - shown if negative else shown, format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def events_of(length_s: float, seed: int) -> list[Event]:
    """Events two to four seconds apart, the two kinds in turn, none in the first or last second."""
    random = np.random.default_rng(seed)
    events: list[Event] = []
    at = float(random.uniform(1, 2))
    while at < length_s - 1:
        events.append((round(at, 2), LABELS[(len(events) + seed) % 2]))
        at += float(random.uniform(2, 4))
    return events


def write_matches(folder: Path, count: int = 3, length_s: float = 30.0) -> Path:
    """Write match-1.mp4, ... and a table of their events; gives the table."""
    rows = []
    for seed in range(count):
        events = events_of(length_s, seed)
        path = write(folder / f"match-{seed + 1}.mp4", events, length_s, seed)
        rows += [(path.name, at, label) for at, label in events]
    table = folder / "labels.csv"
    with table.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("video", "time", "label"), *rows])
    return table
