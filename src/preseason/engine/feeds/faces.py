"""Whole photos as the network of faces takes them: one at a time, each in its own shape."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from preseason.backbones.faces import FACES
from preseason.engine.faces import SHAPE, FaceEngine
from preseason.engine.feeds.base import Array, Rows, feeds
from preseason.engine.networks import Engine
from preseason.engine.passes import FeatureSpec

if TYPE_CHECKING:
    from torch import nn


class FaceFeed:
    """Photos uint8 [1, h, w, 3]; it brings an engine of its own in place of a graph."""

    unit, together, chunk, precision = "px", 64, 8, "f32"

    def __init__(self, backbone: Any, spec: FeatureSpec, device: str = "cpu") -> None:
        self.graph, self._backbone = spec, backbone

    def engine(self) -> Engine:
        """What finds and describes faces.

        Raises:
            MissingPackageError: the extra is not installed.
        """
        return FaceEngine(self._backbone.folder)

    @property
    def module(self) -> "nn.Module":
        """There is no graph.

        Raises:
            TypeError: always.
        """
        raise TypeError("faces are read by dlib, not by a graph")

    def out_shape(self) -> tuple[int, ...]:
        """[faces, 128 + 4]."""
        return SHAPE

    def row_shape(self, out: tuple[int, ...]) -> tuple[int, ...]:
        """The same."""
        return out

    def trials(self) -> list[Array]:
        """None: nothing is converted."""
        return []

    def deal(self, examples: Sequence[Array]) -> tuple[Iterator[Array], Callable[[Rows], Rows]]:
        """Each photo by itself."""
        return iter(examples), lambda out: [rows[0] for rows in out]


feeds.add(FACES, FaceFeed)
