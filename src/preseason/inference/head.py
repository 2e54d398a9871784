"""What a fitted head is: it turns rows of the feature bank into logits."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from numpy.typing import NDArray

from preseason.arrays.types import Floats
from preseason.inference.features import Features
from preseason.registry import Registry

if TYPE_CHECKING:
    from preseason.backbones.base import Backbone


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


Restore = Callable[[State, "Backbone"], Head]
"""The head that gave a state; the backbone is the network it was fitted on."""

restorers = Registry[Restore]("head", "preseason.inference.heads", "preseason.heads")


def restore(state: State, backbone: "Backbone") -> Head:
    """The head of a stored state.

    Raises:
        UsageError: no head of that kind is known.
    """
    return restorers.get(state.kind)(state, backbone)
