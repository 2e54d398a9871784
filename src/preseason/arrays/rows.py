"""Rows compared by their direction: cosine similarity, whatever their lengths."""

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from preseason.arrays.types import Floats, Ints

MIN_LENGTH = 1e-12
"""Shorter rows have no direction that could be trusted: they stay as good as zero."""

Real = TypeVar("Real", bound=np.floating[Any])


def unit_rows(rows: NDArray[Real]) -> NDArray[Real]:
    """Rows [n, d] scaled to length 1, in their own dtype; zero rows stay zero."""
    lengths = np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), MIN_LENGTH)
    return np.asarray(rows / lengths, rows.dtype)


def nearest_rows(rows: Floats, vector: Floats, count: int) -> tuple[Ints, Floats]:
    """Positions int64 [k <= count] of the rows [n, d] nearest to `vector` [d] by cosine, and the cosines.

    The nearest comes first, of equally near ones the earlier.
    """
    similarity = unit_rows(rows) @ unit_rows(vector[None])[0]
    nearest = np.argsort(-similarity, kind="stable")[:count]
    return nearest, similarity[nearest]
