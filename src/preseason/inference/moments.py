"""Rows of sounds as single vectors: what is so on average, at most, how it varies, and first and last."""

import numpy as np

from preseason.arrays.types import Floats, Ints
from preseason.inference.features import Features


def over_time(features: Features, frames: int, views: int = 1) -> Features:
    """Mean, maximum and deviation over the moments and the means of both halves, side by side.

    One part of width 5 d for each example, the mean over its views; of a single moment itself, width d.
    """
    pieces = [_summaries(features, chunk, frames, views).mean(axis=1) for chunk in features.chunks()]
    return Features.of([np.concatenate(pieces)[:, None]])


def views_over_time(features: Features, frames: int, views: int) -> Features:
    """As `over_time`, every view a row of its own: the views of the first example, then of the next."""
    pieces = [_summaries(features, chunk, frames, views) for chunk in features.chunks()]
    joined = np.concatenate(pieces)
    return Features.of([joined.reshape(-1, 1, joined.shape[-1])])


def _summaries(features: Features, chosen: Ints, frames: int, views: int) -> Floats:
    """Of the whole of each view, without its regions: float32 [b, views, 5 d]."""
    rows = features.sources[0][features.index[chosen]]
    parted = rows.reshape(len(rows), max(frames, 1), views, -1, rows.shape[-1])[:, :, :, 0]
    return np.stack([_summary(np.asarray(parted[:, :, view], np.float32)) for view in range(views)], axis=1)


def _summary(moments: Floats) -> Floats:
    count = moments.shape[1]
    if count == 1:
        return np.asarray(moments[:, 0])
    halves = moments[:, : count // 2].mean(axis=1), moments[:, count // 2 :].mean(axis=1)
    whole = moments.mean(axis=1), moments.max(axis=1), moments.std(axis=1)
    return np.concatenate([*whole, *halves], axis=1)
