"""What a pass feeds to the network and how its rows are put together: one feed for each modality."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from preseason.backbones.facts import BackboneSource
from preseason.engine.passes import FeatureSpec
from preseason.registry import Registry

if TYPE_CHECKING:
    from torch import nn

    from preseason.backbones.base import Backbone

CUDA_BATCHES = 16
"""A graphics processor wants batches this many times as large: smaller ones leave most of it idle."""

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
        unit: what `FeatureSpec.size` is counted in.
        precision: how rows are computed; shelves of the bank differ by it.
    """

    graph: FeatureSpec
    chunk: int
    unit: str
    precision: str

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


class MakeFeed(Protocol):
    """Makes the feed of a modality, or of maps; a file in `preseason.engine.feeds` registers it by that name.

    Attributes:
        together: examples that are predicted together, with all that is decoded of them in memory.
    """

    together: int

    def __call__(self, backbone: BackboneSource, spec: FeatureSpec, device: str = "cpu") -> Feed:
        """The feed of a pass, with batches as `device` wants them."""


feeds = Registry[MakeFeed]("feed for networks", "preseason.engine.feeds")


def feed_for(backbone: BackboneSource, spec: FeatureSpec, device: str = "cpu") -> Feed:
    """The feed of what the backbone reads, with batches as `device` wants them."""
    name = "maps" if spec.kept == "maps" else backbone.modality
    return feeds.get(name)(backbone, spec, device)


def larger_on(device: str) -> int:
    """How many times as large as on a CPU the batches on `device` are."""
    return CUDA_BATCHES if device == "cuda" else 1
