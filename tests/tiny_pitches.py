"""Pitches drawn for tests and pages: green, with players in red and a white ball, and their boxes."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

LABELS = ("ball", "player")
SIZE = (160, 120)


Thing = tuple[int, float, float, float, float]


def pitch(seed: int, size: tuple[int, int] = SIZE) -> tuple[Image.Image, list[Thing]]:
    """A picture, and for each thing on it the number of its class and its edges in pixels."""
    rng = np.random.default_rng(seed)
    wide, high = size
    grass = rng.integers(-12, 12, (high, wide, 3)) + np.array([40, 120, 50])
    picture = Image.fromarray(grass.clip(0, 255).astype(np.uint8))
    pen = ImageDraw.Draw(picture)
    pen.line((wide // 2, 0, wide // 2, high), fill=(220, 230, 220), width=2)
    things = []
    for number in range(4):
        label = 0 if number == 0 else 1
        w, h = (10, 10) if label == 0 else (14, 30)
        x, y = int(rng.integers(0, wide // 4 - w)) + number * wide // 4, int(rng.integers(0, high - h))
        if label == 0:
            pen.ellipse((x, y, x + w - 1, y + h - 1), fill=(250, 250, 250))
        else:
            pen.rectangle((x, y, x + w - 1, y + h - 1), fill=(200, 30, 40))
        things.append((label, float(x), float(y), float(x + w), float(y + h)))
    return picture, things


def write(root: Path, count: int, first: int = 0, empty: bool = False) -> Path:
    """A folder of pictures with YOLO's label files beside them and the names of the classes."""
    root.mkdir(parents=True, exist_ok=True)
    wide, high = SIZE
    for seed in range(first, first + count):
        picture, things = pitch(seed)
        picture.save(root / f"pitch-{seed:03}.png")
        rows = [
            f"{label} {(x0 + x1) / 2 / wide:.6f} {(y0 + y1) / 2 / high:.6f} "
            f"{(x1 - x0) / wide:.6f} {(y1 - y0) / high:.6f}"
            for label, x0, y0, x1, y1 in things
        ]
        (root / f"pitch-{seed:03}.txt").write_text("" if empty else "\n".join(rows) + "\n", "utf-8")
    (root / "obj.names").write_text("\n".join(LABELS) + "\n", "utf-8")
    return root
