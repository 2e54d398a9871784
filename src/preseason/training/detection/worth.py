"""What raw scores are worth, from boxes that were found on pictures not learnt from."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from preseason.arrays.types import Floats, Ints
from preseason.inference.detection.peaks import Found, overlaps
from preseason.inference.detection.scores import Calibration

ENOUGH = 40
"""Right boxes of a class from which on it has a curve of its own."""
POINTS = np.linspace(0, 1, 65, dtype=np.float32)


def right_ones(found: Found, boxes: Floats, labels: Ints, overlap: float = 0.5) -> NDArray[np.bool_]:
    """Which of the boxes found lie on a labelled one of their class that no surer box has taken, bool [n]."""
    right = np.zeros(len(found.scores), np.bool_)
    shared = overlaps(found.boxes, boxes) if len(boxes) else np.zeros((len(right), 0), np.float32)
    shared = shared * (found.labels[:, None] == labels[None, :])
    taken = np.zeros(len(boxes), np.bool_)
    for place in np.argsort(-found.scores, kind="stable"):
        free = np.where(taken, 0, shared[place])
        if len(free) and free.max() >= overlap:
            taken[free.argmax()] = right[place] = True
    return right


def calibrate(
    found: Sequence[Found], boxes: Sequence[Floats], labels: Sequence[Ints], classes: int
) -> Calibration:
    """Curves and thresholds of c classes; those with few right boxes share the curve of all."""
    scores = np.concatenate([each.scores for each in found] or [np.zeros(0, np.float32)])
    kinds = np.concatenate([each.labels for each in found] or [np.zeros(0, np.int64)])
    judged = [right_ones(f, b, own) for f, b, own in zip(found, boxes, labels, strict=True)]
    right = np.concatenate(judged or [np.zeros(0, np.bool_)])
    there = np.bincount(np.concatenate([*labels, np.zeros(0, np.int64)]), minlength=classes)
    everything = _curve(scores, right)
    curves = np.stack([
        _curve(scores[kinds == k], right[kinds == k]) if right[kinds == k].sum() >= ENOUGH else everything
        for k in range(classes)
    ])  # fmt: skip
    raw = np.tile(POINTS, (classes, 1))
    plain = Calibration(raw, curves, np.full(classes, 0.5, np.float32))
    worth = plain.apply(scores, kinds)
    thresholds = [
        _best_threshold(worth[kinds == k], right[kinds == k], int(there[k])) for k in range(classes)
    ]
    return Calibration(raw, curves, np.array(thresholds, np.float32))


def _curve(scores: Floats, right: NDArray[np.bool_]) -> Floats:
    """The share of right boxes at each of `POINTS`, rising with the score."""
    if right.sum() < 5:
        return POINTS
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(scores, right.astype(np.float32))
    curve = fitted.predict(POINTS)
    # Steps of equal height would tie scores that differ, and rank boxes by chance.
    return np.asarray(0.999 * curve + 0.001 * POINTS, np.float32)


def _best_threshold(worth: Floats, right: NDArray[np.bool_], there: int) -> float:
    """The score from which on boxes count, so that F1 is highest; a half where nothing can be told."""
    order = np.argsort(-worth, kind="stable")
    hits = np.cumsum(right[order])
    if there == 0 or len(hits) == 0 or hits[-1] == 0:
        return 0.5
    f1 = 2 * hits / (np.arange(1, len(hits) + 1) + there)
    return float(np.clip(worth[order][int(f1.argmax())], 0.02, 0.98))
