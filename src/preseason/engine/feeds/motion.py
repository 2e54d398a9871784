"""Pairs of frames as what describes motion takes them: a clip at a time, each in its own shape."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from preseason.backbones.motion import MOTION
from preseason.engine.feeds.base import Array, Rows, feeds
from preseason.engine.motion import SHAPE, MotionEngine
from preseason.engine.networks import Engine
from preseason.engine.passes import FeatureSpec

if TYPE_CHECKING:
    from torch import nn


class MotionFeed:
    """Clips uint8 [pairs, 2, h, w, 3]; it brings an engine of its own in place of a graph."""

    unit, together, chunk, precision = "px", 64, 8, "f32"

    def __init__(self, backbone: Any, spec: FeatureSpec, device: str = "cpu") -> None:
        self.graph, self._backbone = spec, backbone

    def engine(self) -> Engine:
        """What computes flow and describes it.

        Raises:
            MissingPackageError: the extra is not installed.
            UsageError: a model was fitted with rows of another kind.
        """
        self._backbone.check()
        return MotionEngine()

    @property
    def module(self) -> "nn.Module":
        """There is no graph.

        Raises:
            TypeError: always.
        """
        raise TypeError("motion is computed by OpenCV, not by a graph")

    def out_shape(self) -> tuple[int, ...]:
        """[1, d]."""
        return SHAPE

    def row_shape(self, out: tuple[int, ...]) -> tuple[int, ...]:
        """The same."""
        return out

    def trials(self) -> list[Array]:
        """None: nothing is converted."""
        return []

    def deal(self, examples: Sequence[Array]) -> tuple[Iterator[Array], Callable[[Rows], Rows]]:
        """Each clip by itself."""
        return iter(examples), lambda out: [rows[0] for rows in out]


feeds.add(MOTION, MotionFeed)
