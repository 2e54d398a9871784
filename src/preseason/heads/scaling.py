"""Bringing features to one scale, and turning few wide rows into few short ones without loss."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from preseason.record import Floats

MOST_COMPONENTS = 2048
ROWS = 1024
"""Rows that are worked on at a time, so that memory holds few copies of them."""


@dataclass(frozen=True)
class Scale:
    """Mean and standard deviation of each feature: float32 [d] each."""

    mean: Floats
    deviation: Floats

    def __call__(self, x: Floats) -> Floats:
        """`x` [..., d] with mean 0 and deviation 1 on the rows this scale was made from."""
        scaled: Floats = x - self.mean
        scaled /= self.deviation
        return scaled


def scale_of(x: Floats) -> Scale:
    """The scale of rows [n, d]; constant features are left at 0."""
    mean = x.mean(axis=0)
    squares = np.zeros(x.shape[1:])
    for start in range(0, len(x), ROWS):
        squares += np.square(x[start : start + ROWS] - mean).sum(axis=0)
    deviation = np.sqrt(squares / len(x))
    return Scale(mean, np.where(deviation > 1e-6, deviation, 1).astype(np.float32))


def rotation_of(x: Floats, seed: int) -> Floats:
    """Orthonormal directions float32 [d, r] that span rows [n, d], the leading ones last.

    With n at most `MOST_COMPONENTS` nothing is lost: a linear model with an L2 penalty is the same
    in these r <= n coordinates, and much quicker to fit. With more rows the leading directions of a sample
    of them are taken.
    """
    sample = x
    if len(x) > MOST_COMPONENTS:
        sample = x[np.random.default_rng(seed).choice(len(x), MOST_COMPONENTS, replace=False)]
    gram = (sample @ sample.T).astype(np.float64)
    values, vectors = np.linalg.eigh(gram)
    kept = values > values.max() * 1e-9
    directions = sample.T.astype(np.float64) @ (vectors[:, kept] / np.sqrt(values[kept]))
    return np.asarray(directions, np.float32)


def arrays_of(scale: Scale) -> dict[str, NDArray[Any]]:
    """A scale as named arrays."""
    return {"mean": scale.mean, "deviation": scale.deviation}


def scale_from(arrays: dict[str, NDArray[Any]]) -> Scale:
    """The scale of `arrays_of`."""
    return Scale(arrays["mean"], arrays["deviation"])
