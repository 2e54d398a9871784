"""Scales of parts from training's examples, and dropout over them."""

import numpy as np
import torch
from torch import Tensor, nn

from preseason.arrays.types import Ints
from preseason.inference.features import Features
from preseason.inference.parts import Scales, rows_of


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
