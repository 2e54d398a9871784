"""Pairs of neighbouring frames of a clip, between which things are seen to move."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from preseason.arrays.types import Ints
from preseason.media import video
from preseason.media.stream import Pixels, Span

APART_S = 0.04
"""About how far the frames of a pair are apart; neighbours where the clip has fewer frames a second."""


def in_pairs(
    path: Path, count: int, span: Span | None = None, longest_side: int | None = None
) -> tuple[Pixels, Ints]:
    """Frames of a clip, and which of them are the pairs, spread evenly by the clock over all of it.

    Pairs are repeated where the clip has fewer. Of a clip with a single frame there are none, only the frame.

    Args:
        span: start and end in seconds inside the file; None for the whole of it.
        longest_side: frames are filtered down, never up, to this many pixels.

    Returns:
        Frames uint8 RGB [m, h, w, 3], and their positions int64 [count, 2], of a single frame [count, 1].

    Raises:
        MediaError: no video, no frames in the span, damaged or cut short.
    """
    shown = video.times(path, span)
    needed, places = np.unique(pair_places(shown, count), return_inverse=True)
    frames = video.at(path, [shown[place] for place in needed], longest_side)
    return frames, np.asarray(places.reshape(count, -1), np.int64)


def pair_places(shown: Sequence[float], count: int) -> Ints:
    """Which of the frames shown at rising times are the pairs: int64 [count, 2], or [count, 1] of one frame.

    Example:
        >>> pair_places([0.0, 0.04, 0.08, 0.12], 2).tolist()
        [[0, 1], [2, 3]]
    """
    times = np.asarray(shown, np.float64)
    if len(times) < 2:
        return np.zeros((count, 1), np.int64)
    usual = max(float(np.median(np.diff(times))), 1e-6)
    step = min(max(round(APART_S / usual), 1), len(times) - 1)
    begins = times[: len(times) - step]
    wanted = np.linspace(begins[0], begins[-1], count)
    first = np.abs(begins[:, None] - wanted).argmin(axis=0)
    return np.stack([first, first + step], axis=1).astype(np.int64)
