"""Which layers see only what lies near: a region of the bank hides the rest only where its layer is local.

A convolution late in a network, and every layer of a transformer, has looked far beyond the region that it is
pooled over. So the network is asked: two made-up pictures, and one of them with the middle of the other. A
layer whose surroundings hardly notice is local.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from preseason.arrays.types import Ints
from preseason.backbones.base import Backbone, Normalise
from preseason.engine.graphs.pictures import FrozenFeatures
from preseason.engine.passes import FeatureSpec

NOTICED = 0.15
"""Most that surroundings may change with the middle, as a share of what another picture changes."""
MIDDLE = (0.3, 0.7)
CELLS, SEED = 28, 0


@dataclass(frozen=True)
class Layers:
    """Columns of pooled rows.

    Attributes:
        first: int64 columns of the first block, which sees a few pixels at a time; empty where it sees all.
        local: int64 columns of all blocks that see only what lies near.
    """

    first: Ints
    local: Ints


def layers_of(backbone: Backbone, spec: FeatureSpec, surroundings: Ints) -> Layers:
    """The layers of `spec` that are local, by trying.

    Args:
        surroundings: parts that lie outside the middle half.
    """
    one, other = _scenes(spec.shape)
    mixed = one.clone()
    rows, columns = (slice(*(int(edge * side) for edge in MIDDLE)) for side in spec.shape)
    mixed[rows, columns] = other[rows, columns]
    with torch.inference_mode():
        rows = FrozenFeatures(backbone, spec)(torch.stack([one, other, mixed]))[
            :, torch.from_numpy(surroundings)
        ]
        first = Normalise(backbone.preprocessing)(one[None])
        blocks = spec.blocks or tuple(range(len(backbone)))
        widths = [int(m.shape[1]) for m in backbone.maps(first, blocks)]
    leak = ((rows[2] - rows[0]).abs().mean(0) / (rows[1] - rows[0]).abs().mean(0).clamp_min(1e-6)).numpy()
    block = np.tile(np.repeat(np.arange(len(widths)), widths), 2)
    local = [b for b in range(len(widths)) if float(np.median(leak[block == b])) <= NOTICED]
    kept = [b for place, b in enumerate(local) if place == b]
    return Layers(
        np.flatnonzero(block == 0) if kept else np.zeros(0, np.int64), np.flatnonzero(np.isin(block, kept))
    )


def _scenes(shape: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Two soft random pictures uint8 [h, w, 3] of a shape (h, w)."""
    from PIL import Image

    rng = np.random.default_rng(SEED)
    scenes = []
    for _ in range(2):
        cells = Image.fromarray(rng.integers(0, 255, (CELLS, CELLS, 3), np.uint8))
        scenes.append(torch.from_numpy(np.array(cells.resize(shape[::-1], Image.Resampling.BICUBIC))))
    return scenes[0], scenes[1]
