"""Pictures, and runs of frames, as the input of a network."""

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

BATCH_PIXELS = 6 * 224 * 224
"""Pictures of a batch are as many as these pixels hold, at least one."""


class PictureFeed:
    """Looks uint8 [looks, (t,) h, w, 3] of pictures and clips."""

    unit = "px"
    together = 64

    def __init__(self, backbone: BackboneSource, spec: FeatureSpec, device: str = "cpu") -> None:
        self.precision = precision_on(device)
        times = larger_on(device)
        self._backbone, frames = backbone, backbone.preprocessing.frames
        # Where the looks come from shapes no graph: one converted network serves every frame.
        self.graph = replace(spec, frame="whole")
        self._look_shape = (*([frames] if frames else []), *spec.shape, 3)
        pixels = max(frames, 1) * spec.shape[0] * spec.shape[1]
        self._step = max(1, times * BATCH_PIXELS // pixels)
        self.chunk = int(np.clip(6 * times * BATCH_PIXELS // (spec.count() * pixels), 1, 32 * times))

    @cached_property
    def module(self) -> "nn.Module":
        """`FrozenFeatures`."""
        return graphs.get("pictures")(self._backbone.loaded(), self.graph)

    def out_shape(self) -> tuple[int, ...]:
        """[regions, d] or [c, h, w] of a look."""
        import torch

        with torch.device("meta"):
            picture = torch.zeros((1, *self._look_shape), dtype=torch.uint8)
        return tuple(copy.deepcopy(self.module).to("meta")(picture).shape[1:])

    def row_shape(self, out: tuple[int, ...]) -> tuple[int, ...]:
        """[parts, d] for pooled passes, [looks, c, h, w] for maps."""
        count = self.graph.count()
        return (count * out[0], out[1]) if self.graph.kept == "pooled" else (count, *out)

    def trials(self) -> list[Array]:
        """Two looks of noise."""
        noise = np.random.default_rng(0).integers(0, 256, (1, *self._look_shape), np.uint8)
        return [np.ascontiguousarray(np.repeat(noise, 2, axis=0))]

    def deal(self, examples: Sequence[Array]) -> tuple[Iterator[Array], Callable[[Rows], Rows]]:
        """Looks of all examples one after the other, a few in each batch."""
        stacked, step = np.concatenate(examples), self._step
        ends = np.cumsum([len(crops) for crops in examples])[:-1]

        def join(out: Rows) -> Rows:
            rows = np.split(np.concatenate(out), ends)
            return [r.reshape(-1, r.shape[-1]) for r in rows] if self.graph.kept == "pooled" else rows

        starts = range(0, len(stacked), step)
        return (np.ascontiguousarray(stacked[start : start + step]) for start in starts), join


feeds.add("image", PictureFeed)
feeds.add("video", PictureFeed)
