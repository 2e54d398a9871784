"""What a head is: it learns from rows of the feature bank and turns rows into logits."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from preseason.arrays.types import Floats, Ints
from preseason.registry import Registry
from preseason.runtime.progress import Progress, Silent

if TYPE_CHECKING:
    from preseason.backbones.base import Backbone
    from preseason.distributed.data_parallel import SingleProcess

CHUNK = 64
"""Samples read from the bank at a time where a computation streams."""

Folds = Sequence[tuple[Ints, Ints]]


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
        width = self.sources[0].shape[-1]
        out = np.empty((len(self), width), np.float32)
        for chunk in self.chunks():
            out[chunk] = np.asarray(self.sources[0][self.index[chunk]][:, 0], np.float32)
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


@dataclass(frozen=True)
class TrainingSet:
    """What a head learns from.

    Attributes:
        features: of n labelled samples.
        targets: int64 [n] in 0..classes-1.
        classes: how many there are, c.
        folds: pairs (train, validation) of positions, never cutting a group; for inner choices.
        seed: of every random draw.
        settings: the recipe's values that this head reads.
        backbone: the network whose rows these are; heads that train its last blocks copy them.
        checkpoint: file in which gradient training keeps its finished epochs; None keeps none.
        progress: told of finished epochs, under the name `stage`.
        team: workers that take each step of gradient training together; None where this one is alone.
    """

    features: Features
    targets: Ints
    classes: int
    folds: Folds
    seed: int
    settings: dict[str, Any] = field(default_factory=dict)
    backbone: "Backbone | None" = None
    checkpoint: Path | None = None
    progress: Progress = field(default_factory=Silent)
    stage: str = "training"
    team: "SingleProcess | None" = None

    def part(self, chosen: Ints, folds: Folds = ()) -> "TrainingSet":
        """The training set of the samples at positions `chosen` alone."""
        return replace(self, features=self.features.take(chosen), targets=self.targets[chosen], folds=folds)


@dataclass(frozen=True)
class State:
    """A fitted head as plain values: what the model folder stores.

    Attributes:
        kind: registered name of the head.
        arrays: its tensors.
        settings: its JSON values.
    """

    kind: str
    arrays: dict[str, NDArray[Any]]
    settings: dict[str, Any] = field(default_factory=dict)


class Head(Protocol):
    """A fitted head."""

    def logits(self, features: Features) -> Floats:
        """Float32 [n, c]."""

    def embed(self, features: Features) -> Floats:
        """Float32 [n, e]: the vector that the answers are read from; for distances and new classes."""

    def attention(self, features: Features) -> Floats | None:
        """Float32 [n, p], the weight of each part, rows sum to 1; None where the head has no parts."""

    def state(self) -> State:
        """This head as plain values."""


class HeadFactory(Protocol):
    """A way to make heads, registered under its name.

    One that has an attribute `shares_steps` that is true lets its team take each step together.
    """

    def fit(self, training_set: TrainingSet) -> Head:
        """A head fitted on the whole training set."""

    def restore(self, state: State, backbone: "Backbone") -> Head:
        """The head that gave `state`; `backbone` is the network it was fitted on."""


heads = Registry[HeadFactory]("head", "preseason.heads")


def restore(state: State, backbone: "Backbone") -> Head:
    """The head of a stored state.

    Raises:
        UsageError: no head of that kind is known.
    """
    return heads.get(state.kind).restore(state, backbone)
