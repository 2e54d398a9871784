"""Rows of sounds as single vectors: what is so on average, at most, how it varies, and first and last."""

import numpy as np

from preseason.arrays.types import Floats
from preseason.inference.features import Features
from preseason.inference.frames import whole_frames


def over_time(features: Features, frames: int) -> Features:
    """Mean, maximum and deviation over the moments and the means of both halves, side by side.

    One part of width 5 d for each example; of a single moment itself, width d.
    """
    pieces = [
        _summary(np.asarray(whole_frames(features, chunk, max(frames, 1)), np.float32))
        for chunk in features.chunks()
    ]
    return Features.of([np.concatenate(pieces)[:, None]])


def _summary(moments: Floats) -> Floats:
    count = moments.shape[1]
    if count == 1:
        return np.asarray(moments[:, 0])
    halves = moments[:, : count // 2].mean(axis=1), moments[:, count // 2 :].mean(axis=1)
    whole = moments.mean(axis=1), moments.max(axis=1), moments.std(axis=1)
    return np.concatenate([*whole, *halves], axis=1)
