"""Examples that an engine of its own reads one at a time, each in its own shape, without a graph."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from preseason.engine.feeds.base import Array, Rows
from preseason.engine.passes import FeatureSpec

if TYPE_CHECKING:
    from torch import nn


class AloneFeed:
    """What feeds of such examples share; they add `engine` and name the shape of a row.

    Attributes:
        shape: of a row.
    """

    unit, together, chunk, precision = "px", 64, 8, "f32"
    shape: ClassVar[tuple[int, ...]]

    def __init__(self, backbone: Any, spec: FeatureSpec, device: str = "cpu") -> None:
        self.graph, self.backbone = spec, backbone

    @property
    def module(self) -> "nn.Module":
        """There is no graph.

        Raises:
            TypeError: always.
        """
        raise TypeError(f"{self.backbone.name} is read by an engine of its own, not by a graph")

    def out_shape(self) -> tuple[int, ...]:
        """That of a row."""
        return self.shape

    def row_shape(self, out: tuple[int, ...]) -> tuple[int, ...]:
        """The same."""
        return out

    def trials(self) -> list[Array]:
        """None: nothing is converted."""
        return []

    def deal(self, examples: Sequence[Array]) -> tuple[Iterator[Array], Callable[[Rows], Rows]]:
        """Each example by itself."""
        return iter(examples), lambda out: [rows[0] for rows in out]
