"""Parts of examples brought to one scale: what the heads over regions, frames and windows share."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from preseason.arrays.types import Floats, Ints
from preseason.inference.features import Features

MAX_VALUE = 6.0
"""Scaled features are clipped here: one wild activation must not own an example."""


@dataclass(frozen=True)
class Scales:
    """One scale for each kind of part; large regions have other averages and maxima than small ones.

    Attributes:
        kinds: int64 [p], which row of `mean` and `deviation` a part is scaled by.
        mean, deviation: float32 [kinds, d].
    """

    kinds: Ints
    mean: Floats
    deviation: Floats

    def __call__(self, parts: NDArray[Any], chosen: Ints) -> Floats:
        """Rows float16 [n, p', d] of the parts at positions `chosen`, scaled and clipped, float32."""
        rows = np.array(parts, np.float32)
        rows -= self.mean[self.kinds[chosen]]
        rows /= self.deviation[self.kinds[chosen]]
        return np.clip(rows, -MAX_VALUE, MAX_VALUE, out=rows)


def rows_of(features: Features, chosen: Ints) -> NDArray[Any]:
    """Parts of all sources side by side, float16 [b, p, d]."""
    return np.concatenate([source[features.index[chosen]] for source in features.sources], axis=1)


def shape_of(features: Features) -> tuple[int, int]:
    """Parts of all sources together, and their width."""
    return sum(source.shape[1] for source in features.sources), features.sources[0].shape[2]
