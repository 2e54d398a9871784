"""Texts as windows of tokens, which an encoder reads."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from preseason.backbones.facts import BackboneSource, TextSource
from preseason.engine.feeds.base import Array, Rows, feeds, graphs, larger_on
from preseason.engine.networks import precision_on
from preseason.engine.passes import FeatureSpec
from preseason.engine.tokens import Windows

if TYPE_CHECKING:
    from torch import nn

BATCH_TOKENS = 1024
"""Windows of a batch are as many as these tokens hold, padding included, at least one."""
TEXTS = 512
"""Texts that are sorted by length together."""


class TextFeed:
    """Texts, one in each example's array; their windows are sorted by length and padded."""

    unit = "tokens"
    together = TEXTS

    def __init__(self, backbone: BackboneSource, spec: FeatureSpec, device: str = "cpu") -> None:
        # Token numbers, which are what lies before the first block, are exact in f32 alone.
        numbers = spec.kept == "map" and spec.cut == 0
        self.precision = precision_on(device, halves=not numbers)
        times = larger_on(device)
        encoder = cast("TextSource", backbone)
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


feeds.add("text", TextFeed)
