"""How a detection head is built, as plain values: training, inference and export read the same."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class HeadShape:
    """Of a head on maps of several strides.

    Attributes:
        channels: of the maps that are read, the finest first.
        strides: of these maps, in pixels.
        classes: how many there are, c.
        width: channels at strides of 8 and more.
        thin: channels at stride 4, where most cells are.
        depth: convolutions of 3x3 at stride 8.
    """

    channels: tuple[int, ...]
    strides: tuple[int, ...]
    classes: int
    width: int = 96
    thin: int = 48
    depth: int = 2

    @property
    def stride(self) -> int:
        """Pixels that a cell of the answer covers."""
        return self.strides[0]

    @property
    def answers(self) -> int:
        """Channels of the answer: a score of each class, four distances to the edges, the box's quality."""
        return self.classes + 5

    def values(self) -> dict[str, Any]:
        """As JSON values; `head_shape_from` reads them."""
        return asdict(self)


def head_shape_from(values: dict[str, Any]) -> HeadShape:
    """The shape whose `values` these are."""
    lists = {name: tuple(int(n) for n in values[name]) for name in ("channels", "strides")}
    return HeadShape(**{**values, **lists})
