"""What an example shows in a few numbers, to compare a batch with the examples of training."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from preseason.arrays.scaling import ROWS, Scale
from preseason.arrays.types import Floats


@dataclass(frozen=True)
class Sketch:
    """Features [n, d] on one scale, projected on w random directions.

    Attributes:
        mean, deviation: float32 [d], of the examples of training.
        directions: float16 [d, w].
    """

    mean: Floats
    deviation: Floats
    directions: NDArray[np.float16]

    def __call__(self, rows: Floats) -> Floats:
        """float32 [n, w]."""
        scale, directions = Scale(self.mean, self.deviation), self.directions.astype(np.float32)
        sketches = np.empty((len(rows), directions.shape[1]), np.float32)
        for start in range(0, len(rows), ROWS):
            sketches[start : start + ROWS] = scale(rows[start : start + ROWS]) @ directions
        return sketches
