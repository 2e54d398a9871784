"""Rows of clips as frames in order: what the heads over time share."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from preseason.arrays.types import Floats, Ints
from preseason.inference.features import Features


def whole_frames(features: Features, chosen: Ints, frames: int) -> NDArray[Any]:
    """The whole of each frame, without its regions: float16 [b, t, d]."""
    rows = features.sources[0][features.index[chosen]]
    return rows.reshape(len(rows), frames, -1, rows.shape[-1])[:, :, 0]


def summarised(features: Features, frames: int) -> Features:
    """Clips as single vectors: mean over the frames, their deviation, and the mean change between frames.

    One part of width 3 d for each clip; of a single frame the mean alone, width d.
    """
    pieces = [
        _summary(np.asarray(whole_frames(features, chunk, frames), np.float32)) for chunk in features.chunks()
    ]
    return Features.of([np.concatenate(pieces)[:, None]])


def _summary(shown: Floats) -> Floats:
    mean: Floats = shown.mean(axis=1)
    if shown.shape[1] == 1:
        return mean
    motion = np.abs(np.diff(shown, axis=1)).mean(axis=1)
    return np.concatenate([mean, shown.std(axis=1), motion], axis=1)
