"""Rows of the feature bank, as heads read them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from preseason.arrays.types import Floats, Ints

CHUNK = 64
"""Samples read from the bank at a time where a computation streams."""


class RowSource(Protocol):
    """Rows [n, ...] that are read when indexed: bank rows or a plain array."""

    shape: tuple[int, ...]

    def __getitem__(self, index: Any) -> NDArray[Any]:
        """A copy of the chosen rows."""


@dataclass(frozen=True)
class Features:
    """Bank rows of n samples, one source for each pass, with the choice `index` of the samples.

    Attributes:
        sources: rows [m, parts, d] of pooled passes or [m, looks, c, h, w] of map passes.
        index: int64 [n], which rows of the sources these samples are.
    """

    sources: tuple[RowSource, ...]
    index: Ints

    def __len__(self) -> int:
        return len(self.index)

    @classmethod
    def of(cls, sources: Sequence[RowSource]) -> "Features":
        """All rows of `sources`."""
        return cls(tuple(sources), np.arange(sources[0].shape[0]))

    def take(self, chosen: Ints) -> "Features":
        """The samples at positions `chosen`, in that order."""
        return Features(self.sources, self.index[chosen])

    def read(self) -> list[NDArray[Any]]:
        """These samples' rows of every source, in memory."""
        return [source[self.index] for source in self.sources]

    def only(self, passes: Sequence[int]) -> "Features":
        """The same samples, of the passes at these positions alone."""
        return Features(tuple(self.sources[p] for p in passes), self.index)

    def rows(self, source: int, chosen: Ints | slice = slice(None)) -> Floats:
        """Rows of one pass as float32 [b, ...]."""
        return np.asarray(self.sources[source][self.index[chosen]], np.float32)

    def whole(self) -> Floats:
        """The first part of the first pass, the whole example: float32 [n, d]."""
        source = self.sources[0]
        out = np.empty((len(self), source.shape[-1]), np.float32)
        mapped = getattr(source, "mapped", None)
        if mapped is not None:  # rows in the bank, of which no other part need be read
            for place, row in enumerate(self.index.tolist()):
                out[place] = mapped(row)[0]
            return out
        for chunk in self.chunks():
            out[chunk] = np.asarray(source[self.index[chunk]][:, 0], np.float32)
        return out

    def pieces(self, size: int) -> "Iterator[Features]":
        """These samples in pieces of at most `size`, in their order."""
        return (self.take(chunk) for chunk in self.chunks(size))

    def wholes(self, size: int) -> Iterator[Floats]:
        """`whole` in pieces of at most `size` samples."""
        return (piece.whole() for piece in self.pieces(size))

    def pooled(self) -> Floats:
        """One vector for each example: the whole's pooled features, or the first look's map averaged."""
        return self.whole() if len(self.sources[0].shape) == 3 else self._map_means()

    def _map_means(self) -> Floats:
        means = [self.rows(0, chunk)[:, 0] for chunk in self.chunks()]
        return np.concatenate([rows.reshape(*rows.shape[:2], -1).mean(axis=2) for rows in means])

    def chunks(self, size: int = CHUNK) -> Iterator[Ints]:
        """Positions 0..n-1 in pieces of at most `size`."""
        for start in range(0, len(self), size):
            yield np.arange(start, min(start + size, len(self)))
