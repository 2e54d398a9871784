"""What a pass feeds to the network and how its rows are put together: one feed for each kind of input."""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from preseason.backbones.facts import BackboneSource, TextSource
from preseason.engine.passes import FeatureSpec
from preseason.engine.tokens import Windows
from preseason.registry import Registry

if TYPE_CHECKING:
    from torch import nn

    from preseason.backbones.base import Backbone

BATCH_PIXELS = 6 * 224 * 224
"""Pictures of a batch are as many as these pixels hold, at least one."""
BATCH_TOKENS = 1024
"""Windows of a batch are as many as these tokens hold, padding included, at least one."""
CUDA_BATCHES = 16
"""A graphics processor wants batches this many times as large: smaller ones leave most of it idle."""
TEXTS = 512
"""Texts that are sorted by length together."""

Array = NDArray[Any]
Rows = list[NDArray[np.float32]]


graphs = Registry[Callable[["Backbone", FeatureSpec], "nn.Module"]](
    "kind of input", "preseason.engine.graphs"
)
"""For what a network reads, the module of a pass."""


class Feed(Protocol):
    """Between decoded examples and the engine.

    Attributes:
        graph: the pass as far as it shapes its graph.
        chunk: how many examples are handed over together.
    """

    graph: FeatureSpec
    chunk: int

    @property
    def module(self) -> "nn.Module":
        """The graph of the pass as torch has it; the network is loaded for it."""

    def out_shape(self) -> tuple[int, ...]:
        """What the graph gives for one of a batch, found in torch; the network is loaded for it."""

    def row_shape(self, out: tuple[int, ...]) -> tuple[int, ...]:
        """Of one example in the bank, where the graph gives [n, *out]."""

    def trials(self) -> list[Array]:
        """Batches to convert the network with; sizes that differ between them may differ in use."""

    def deal(self, examples: Sequence[Array]) -> tuple[Iterator[Array], Callable[[Rows], Rows]]:
        """Batches for the engine, and what makes the examples' rows from the batches' outputs in order."""


def feed_for(backbone: BackboneSource, spec: FeatureSpec, device: str = "cpu") -> Feed:
    """The feed of a backbone's kind of input, with batches as `device` wants them."""
    times = CUDA_BATCHES if device == "cuda" else 1
    if backbone.reads == "texts":
        return TextFeed(cast("TextSource", backbone), spec, times)
    return PictureFeed(backbone, spec, times)


class PictureFeed:
    """Looks uint8 [looks, (t,) h, w, 3] of pictures and clips; batches `times` as large as on a CPU."""

    def __init__(self, backbone: BackboneSource, spec: FeatureSpec, times: int = 1) -> None:
        self._backbone, self.graph, frames = backbone, spec, backbone.preprocessing.frames
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


class TextFeed:
    """Texts, one in each example's array; their windows are sorted by length and padded.

    Batches are `times` as large as on a CPU.
    """

    def __init__(self, encoder: TextSource, spec: FeatureSpec, times: int = 1) -> None:
        self._encoder, self._plan = encoder, spec
        # Windows of every length and number go through one graph.
        self.graph = replace(spec, size=0, frames=0)
        self._windows = Windows(encoder, spec.size, spec.count())
        self.chunk, self._tokens = times * TEXTS, times * BATCH_TOKENS

    @cached_property
    def module(self) -> "nn.Module":
        """`TokenFeatures`."""
        return graphs.get("texts")(self._encoder.loaded(), self._plan)

    def out_shape(self) -> tuple[int, ...]:
        """[3 d] or [l, m] of a window."""
        found: tuple[int, ...] = self.module.out_shape()  # type: ignore[operator]
        return found

    def row_shape(self, out: tuple[int, ...]) -> tuple[int, ...]:
        """[parts, 3 d] for pooled passes; [windows, l, m] for maps, at the full length of a window."""
        count = self._plan.count()
        if self._plan.kept == "map":
            return (count, self._plan.size, out[-1])
        return (count + 1 if count > 1 else 1, out[-1])

    def trials(self) -> list[Array]:
        """Windows of two lengths, some padded, of tokens from all over the vocabulary."""
        longest = self._plan.size
        words = int(self._encoder.loaded().network.config.vocab_size)  # type: ignore[union-attr,arg-type]
        long = np.random.default_rng(0).integers(0, words, (2, longest))
        long[1, longest // 4 :] = -1
        return [long, np.ascontiguousarray(np.tile(long, (2, 1))[:3, : max(longest // 3, 4)])]

    def deal(self, examples: Sequence[Array]) -> tuple[Iterator[Array], Callable[[Rows], Rows]]:
        """Different windows once each, the longest first, so that batches need little padding."""
        windows = self._windows.of([str(example[0]) for example in examples])
        different = {window: place for place, window in enumerate(dict.fromkeys(windows))}
        order = sorted(different, key=len, reverse=True)
        batches = list(_batches(order, self._tokens))

        def join(out: Rows) -> Rows:
            rows = [row for batch in out for row in self._padded(batch)]
            placed = dict(zip(order, rows, strict=True))
            count = self._plan.count()
            starts = range(0, len(windows), count)
            return [self._example([placed[w] for w in windows[start : start + count]]) for start in starts]

        return (self._windows.padded(batch) for batch in batches), join

    def _padded(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Maps [n, l, m] of a batch at the full length of a window; pooled rows as they are."""
        if self._plan.kept == "pooled":
            return rows
        full = np.zeros((len(rows), self._plan.size, rows.shape[2]), np.float32)
        if self._plan.cut == 0:
            full -= 1
        full[:, : rows.shape[1]] = rows
        return full

    def _example(self, rows: Rows) -> NDArray[np.float32]:
        """Windows as parts; of several pooled ones the whole goes in front."""
        stacked = np.stack(rows)
        if self._plan.kept == "map" or len(rows) == 1:
            return stacked
        mean, largest, first = np.split(stacked, 3, axis=1)
        whole = np.concatenate([mean.mean(0), largest.max(0), first.mean(0)])
        return np.concatenate([whole[None], stacked])


def _batches(windows: list[tuple[int, ...]], tokens: int) -> Iterator[list[tuple[int, ...]]]:
    """Runs of windows, longest first, that hold `tokens` when padded."""
    start = 0
    while start < len(windows):
        count = max(1, tokens // len(windows[start]))
        yield windows[start : start + count]
        start += count
