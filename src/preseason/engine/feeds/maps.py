"""Pictures of any size for passes that keep several blocks' maps, one after the other in a row."""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from preseason.backbones.facts import BackboneSource
from preseason.engine.feeds.base import Array, Rows, feeds, graphs, larger_on
from preseason.engine.networks import precision_on
from preseason.engine.passes import FeatureSpec

if TYPE_CHECKING:
    from torch import nn

TRIAL_SIDES = ((64, 96), (96, 64))
"""Of batches that the network is converted with: no side is then fixed."""
BATCH_PIXELS = 640 * 640


class MapsFeed:
    """Looks uint8 [looks, h, w, 3]; one converted network serves every size."""

    unit = "px"
    together = 16

    def __init__(self, backbone: BackboneSource, spec: FeatureSpec, device: str = "cpu") -> None:
        self.precision = precision_on(device)
        self._backbone, self._spec = backbone, spec
        self.graph = graph_of(spec)
        pixels = spec.shape[0] * spec.shape[1]
        self._step = max(1, larger_on(device) * BATCH_PIXELS // pixels)
        self.chunk = max(1, min(16, 4 * larger_on(device) * BATCH_PIXELS // pixels))

    @cached_property
    def module(self) -> "nn.Module":
        """`FrozenMaps`."""
        return graphs.get("maps")(self._backbone.loaded(), self.graph)

    def out_shape(self) -> tuple[int, ...]:
        """[values of all maps of a look]."""
        sizes = [c * h * w for c, h, w in map_shapes(self.module, self._spec.shape)]
        return (sum(sizes),)

    def row_shape(self, out: tuple[int, ...]) -> tuple[int, ...]:
        """[looks * values]."""
        return (self._spec.count() * out[0],)

    def trials(self) -> list[Array]:
        """Noise in two shapes."""
        rng = np.random.default_rng(0)
        return [rng.integers(0, 256, (2, *sides, 3), np.uint8) for sides in TRIAL_SIDES]

    def deal(self, examples: Sequence[Array]) -> tuple[Iterator[Array], Callable[[Rows], Rows]]:
        """Looks of all examples one after the other, a few in each batch."""
        stacked, step = np.concatenate(examples), self._step

        def join(out: Rows) -> Rows:
            return list(np.concatenate(out).reshape(len(examples), -1))

        starts = range(0, len(stacked), step)
        return (np.ascontiguousarray(stacked[start : start + step]) for start in starts), join


def graph_of(spec: FeatureSpec) -> FeatureSpec:
    """The pass as far as it shapes its graph: pictures of every size go through one."""
    return replace(spec, size=0, height=0, longest=0, crops=(), dynamic_crops=0)


def map_shapes(module: "nn.Module", sides: tuple[int, int]) -> list[tuple[int, int, int]]:
    """Of each map that `FrozenMaps` gives for a picture of these sides: channels, height, width."""
    import torch

    with torch.device("meta"):
        picture = torch.zeros((1, *sides, 3), dtype=torch.uint8)
    maps = copy.deepcopy(module).to("meta")(picture)
    return [(int(m.shape[1]), int(m.shape[2]), int(m.shape[3])) for m in maps]


feeds.add("maps", MapsFeed)
