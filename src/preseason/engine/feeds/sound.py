"""Sounds as waves, which networks of sounds read with a front end of their own."""

import copy
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from preseason.backbones.facts import BackboneSource
from preseason.engine.feeds.base import Array, Rows, feeds, graphs, larger_on
from preseason.engine.networks import precision_on
from preseason.engine.passes import FeatureSpec

if TYPE_CHECKING:
    from torch import nn

BATCH_SAMPLES = 10 * 16_000
"""Windows of a batch are as many as these samples hold, at least one."""


class SoundFeed:
    """Windows float32 [windows, samples] of sounds."""

    unit = "samples"
    together = 64

    def __init__(self, backbone: BackboneSource, spec: FeatureSpec, device: str = "cpu") -> None:
        self.precision = precision_on(device)
        times = larger_on(device)
        self._backbone, self.graph = backbone, spec
        self._windows = windows_of(backbone, spec)
        self._step = max(1, times * BATCH_SAMPLES // spec.size)
        self.chunk = int(np.clip(6 * times * BATCH_SAMPLES // (self._windows * spec.size), 1, 64 * times))

    @cached_property
    def module(self) -> "nn.Module":
        """`SoundFeatures`."""
        return graphs.get("sounds")(self._backbone.loaded(), self.graph)

    def out_shape(self) -> tuple[int, ...]:
        """[moments, d] or the shape of a map, of a window."""
        import torch

        with torch.device("meta"):
            wave = torch.zeros((1, self.graph.size))
        return tuple(copy.deepcopy(self.module).to("meta")(wave).shape[1:])

    def row_shape(self, out: tuple[int, ...]) -> tuple[int, ...]:
        """[moments, d] for pooled passes, [windows, ...] for maps."""
        if self.graph.kept == "pooled":
            return (self._windows * out[0], out[1])
        return (self._windows, *out)

    def trials(self) -> list[Array]:
        """Two windows of noise."""
        noise = np.random.default_rng(0).normal(0, 0.1, (2, self.graph.size))
        return [noise.astype(np.float32)]

    def deal(self, examples: Sequence[Array]) -> tuple[Iterator[Array], Callable[[Rows], Rows]]:
        """Windows of all examples one after the other, a few in each batch."""
        stacked, step = np.concatenate(examples), self._step
        ends = np.cumsum([len(windows) for windows in examples])[:-1]

        def join(out: Rows) -> Rows:
            rows = np.split(np.concatenate(out), ends)
            return [r.reshape(-1, r.shape[-1]) for r in rows] if self.graph.kept == "pooled" else rows

        starts = range(0, len(stacked), step)
        return (np.ascontiguousarray(stacked[start : start + step]) for start in starts), join


def windows_of(backbone: BackboneSource, spec: FeatureSpec) -> int:
    """How many windows of an example are fed to the network; where it reads any length, one for each view."""
    views = len(spec.crops) or 1
    return views * (1 if backbone.preprocessing.resizable else max(spec.frames, 1))


feeds.add("sound", SoundFeed)
