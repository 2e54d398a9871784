"""Drawn clips of a thing that moves to the left, to the right or not at all: no single frame tells which."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from movies import write

MOVES = {"left": -3, "right": 3, "still": 0}
"""Pixels from a frame to the next."""
HEIGHT, WIDTH, SIDE = 48, 80, 20


def drawn_clip(move: str, seed: int, frames: int = 8) -> NDArray[np.uint8]:
    """Frames uint8 [t, h, w, 3]: a square of spots before a wall of spots."""
    rng = np.random.default_rng(seed)
    wall, thing = (
        rng.integers(*levels, (rows // 4, columns // 4, 3), np.uint8).repeat(4, 0).repeat(4, 1)
        for levels, rows, columns in (((20, 120), HEIGHT, WIDTH), ((120, 255), SIDE, SIDE))
    )
    # Where the thing is halfway through tells nothing of where it goes.
    half = rng.integers(24, WIDTH - SIDE - 24)
    top = rng.integers(4, HEIGHT - SIDE - 4)
    shown = np.stack([wall] * frames)
    for number in range(frames):
        left = half + MOVES[move] * (number - frames // 2)
        shown[number, top : top + SIDE, left : left + SIDE] = thing
    return shown


def write_moves(root: Path, each: int) -> Path:
    """A folder of MP4 files for each move."""
    for number, move in enumerate(MOVES):
        for place in range(each):
            write(root / move / f"{place}.mp4", list(drawn_clip(move, 100 * number + place)))
    return root
