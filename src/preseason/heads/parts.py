"""Parts of examples brought to one scale: what the heads over regions, frames and windows share."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from preseason.arrays.types import Floats, Ints
from preseason.heads.base import Features

MAX_VALUE = 6.0
"""Scaled features are clipped here: one wild activation must not own an example."""


class FeatureDropout(nn.Module):
    """Drops the same features of all parts of an example: one draw for p parts, p times cheaper."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, parts: Tensor) -> Tensor:
        """Parts [n, p, d] with features of each example zeroed and the rest scaled up."""
        if not self.training:
            return parts
        kept = torch.empty(
            parts.shape[0], 1, parts.shape[2], dtype=parts.dtype, device=parts.device
        ).bernoulli_(1 - self.rate)
        return parts * kept.div_(1 - self.rate)


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

    def __call__(self, parts: NDArray[Any], chosen: Ints) -> Tensor:
        """Rows float16 [n, p', d] of the parts at positions `chosen`, scaled and clipped, as a tensor."""
        rows = torch.from_numpy(np.ascontiguousarray(parts)).float()
        kinds = self.kinds[chosen]
        mean, deviation = torch.from_numpy(self.mean[kinds]), torch.from_numpy(self.deviation[kinds])
        return rows.sub_(mean).div_(deviation).clamp_(-MAX_VALUE, MAX_VALUE)


def scales_of(features: Features, kinds: Ints) -> Scales:
    """Means and deviations of each kind of part over all samples, read in chunks."""
    width, count = features.sources[0].shape[-1], int(kinds.max()) + 1
    total, squares = np.zeros((count, width)), np.zeros((count, width))
    for chunk in features.chunks():
        rows = rows_of(features, chunk).astype(np.float32)
        for kind in range(count):
            same = rows[:, kinds == kind].reshape(-1, width)
            total[kind] += same.sum(axis=0, dtype=np.float64)
            squares[kind] += np.einsum("nd,nd->d", same, same, dtype=np.float64)
    parts = np.bincount(kinds)[:, None] * len(features)
    mean = total / parts
    deviation = np.sqrt(np.maximum(squares / parts - mean**2, 0)) + 1e-3
    return Scales(kinds, mean.astype(np.float32), deviation.astype(np.float32))


def rows_of(features: Features, chosen: Ints) -> NDArray[Any]:
    """Parts of all sources side by side, float16 [b, p, d]."""
    return np.concatenate([source[features.index[chosen]] for source in features.sources], axis=1)


def shape_of(features: Features) -> tuple[int, int]:
    """Parts of all sources together, and their width."""
    return sum(source.shape[1] for source in features.sources), features.sources[0].shape[2]
