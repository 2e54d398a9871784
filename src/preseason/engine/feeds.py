"""What a pass feeds to the network and how its rows are put together: one feed for each kind of input."""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from preseason.backbones.base import Backbone
from preseason.backbones.encoders import Encoder
from preseason.engine.passes import FeatureSpec, FrozenFeatures
from preseason.engine.tokens import TokenFeatures, Windows

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


class Feed(Protocol):
    """Between decoded examples and the engine.

    Attributes:
        module: the graph of the pass, as the engine runs it.
        graph: the pass as far as it shapes that graph.
        row_shape: of one example in the bank.
        chunk: how many examples are handed over together.
    """

    module: FrozenFeatures | TokenFeatures
    graph: FeatureSpec
    row_shape: tuple[int, ...]
    chunk: int

    def trials(self) -> list[Array]:
        """Batches to convert the network with; sizes that differ between them may differ in use."""

    def deal(self, examples: Sequence[Array]) -> tuple[Iterator[Array], Callable[[Rows], Rows]]:
        """Batches for the engine, and what makes the examples' rows from the batches' outputs in order."""


def feed_for(backbone: Backbone, spec: FeatureSpec, device: str = "cpu") -> Feed:
    """The feed of a backbone's kind of input, with batches as `device` wants them."""
    times = CUDA_BATCHES if device == "cuda" else 1
    if isinstance(backbone, Encoder):
        return TextFeed(backbone, spec, times)
    return PictureFeed(backbone, spec, times)


class PictureFeed:
    """Looks uint8 [looks, (t,) h, w, 3] of pictures and clips; batches `times` as large as on a CPU."""

    def __init__(self, backbone: Backbone, spec: FeatureSpec, times: int = 1) -> None:
        self.module: FrozenFeatures | TokenFeatures = FrozenFeatures(backbone, spec)
        self.graph = spec
        self._plan, frames = spec, backbone.preprocessing.frames
        self._look_shape = (*([frames] if frames else []), *spec.shape, 3)
        pixels = max(frames, 1) * spec.shape[0] * spec.shape[1]
        self._step = max(1, times * BATCH_PIXELS // pixels)
        self.chunk = int(np.clip(6 * times * BATCH_PIXELS // (spec.count() * pixels), 1, 32 * times))
        self.row_shape = self._shape()

    def trials(self) -> list[Array]:
        """Two looks of noise."""
        noise = np.random.default_rng(0).integers(0, 256, (1, *self._look_shape), np.uint8)
        return [np.ascontiguousarray(np.repeat(noise, 2, axis=0))]

    def deal(self, examples: Sequence[Array]) -> tuple[Iterator[Array], Callable[[Rows], Rows]]:
        """Looks of all examples one after the other, a few in each batch."""
        stacked, step = np.concatenate(examples), self._step
        ends = np.cumsum([len(crops) for crops in examples])[:-1]

        def join(out: Rows) -> Rows:
            return [rows.reshape(self.row_shape) for rows in np.split(np.concatenate(out), ends)]

        starts = range(0, len(stacked), step)
        return (np.ascontiguousarray(stacked[start : start + step]) for start in starts), join

    def _shape(self) -> tuple[int, ...]:
        """[parts, d] for pooled passes, [looks, c, h, w] for maps."""
        with torch.device("meta"):
            picture = torch.zeros((1, *self._look_shape), dtype=torch.uint8)
        shape = tuple(copy.deepcopy(self.module).to("meta")(picture).shape[1:])
        count = self._plan.count()
        return (count * shape[0], shape[1]) if self._plan.kept == "pooled" else (count, *shape)


class TextFeed:
    """Texts, one in each example's array; their windows are sorted by length and padded.

    Batches are `times` as large as on a CPU.
    """

    def __init__(self, encoder: Encoder, spec: FeatureSpec, times: int = 1) -> None:
        module = TokenFeatures(encoder, spec)
        self.module: FrozenFeatures | TokenFeatures = module
        # Windows of every length and number go through one graph.
        self.graph = replace(spec, size=0, frames=0)
        self._windows = Windows(encoder, spec.size, spec.count())
        self._words = int(encoder.network.config.vocab_size)  # type: ignore[union-attr,arg-type]
        self._plan, self.chunk, self.row_shape = spec, times * TEXTS, module.row_shape
        self._tokens = times * BATCH_TOKENS

    def trials(self) -> list[Array]:
        """Windows of two lengths, some padded, of tokens from all over the vocabulary."""
        longest, words = self._plan.size, self._words
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
