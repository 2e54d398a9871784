"""Bringing features to one scale, and turning few wide rows into few short ones without loss."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from preseason.arrays.types import Floats

MAX_COMPONENTS = 2048
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


Pieces = Callable[[], Iterable[Floats]]
"""Rows [n, d] a few at a time, as often as they are asked for: memory never holds them all."""


def scale_of(x: Floats) -> Scale:
    """The scale of rows [n, d]; constant features are left at 0."""
    return scale_over(lambda: (x[start : start + ROWS] for start in range(0, len(x), ROWS)))


def scale_over(pieces: Pieces) -> Scale:
    """The scale of rows that come in pieces; constant features are left at 0."""
    count, total = 0, np.zeros(1)
    for piece in pieces():
        count, total = count + len(piece), total + piece.sum(axis=0, dtype=np.float64)
    mean = (total / count).astype(np.float32)
    squares = np.zeros(len(mean))
    for piece in pieces():
        squares += np.square(piece - mean).sum(axis=0)
    deviation = np.sqrt(squares / count)
    return Scale(mean, np.where(deviation > 1e-6, deviation, 1).astype(np.float32))


def sample_of(count: int, seed: int) -> NDArray[np.int64]:
    """Positions of the rows that directions are taken from: all, or `MAX_COMPONENTS` drawn by chance."""
    if count <= MAX_COMPONENTS:
        return np.arange(count)
    return np.random.default_rng(seed).choice(count, MAX_COMPONENTS, replace=False)


def rotation_of(x: Floats, seed: int) -> Floats:
    """Orthonormal directions float32 [d, r] that span rows [n, d], the leading ones last.

    With n at most `MAX_COMPONENTS` nothing is lost: a linear model with an L2 penalty is the same
    in these r <= n coordinates, and much quicker to fit. With more rows the leading directions of a sample
    of them are taken.
    """
    sample = x if len(x) <= MAX_COMPONENTS else x[sample_of(len(x), seed)]
    gram = (sample @ sample.T).astype(np.float64)
    values, vectors = np.linalg.eigh(gram)
    kept = values > values.max() * 1e-9
    # Equal rows span nothing: one direction stays, along which all of them lie at 0.
    kept[-1] = True
    lengths = np.sqrt(values[kept].clip(min=np.finfo(np.float64).tiny))
    directions = sample.T.astype(np.float64) @ (vectors[:, kept] / lengths)
    return np.asarray(directions, np.float32)


def arrays_of(scale: Scale) -> dict[str, NDArray[Any]]:
    """A scale as named arrays."""
    return {"mean": scale.mean, "deviation": scale.deviation}


def scale_from(arrays: dict[str, NDArray[Any]]) -> Scale:
    """The scale of `arrays_of`."""
    return Scale(arrays["mean"], arrays["deviation"])
