"""What a fitted head is: it turns rows of the feature bank into logits."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from numpy.typing import NDArray

from preseason.arrays.types import Floats
from preseason.inference.features import Features
from preseason.registry import Registry

if TYPE_CHECKING:
    from torch import Tensor

    from preseason.backbones.facts import BackboneSource


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


@runtime_checkable
class FineTuned(Head, Protocol):
    """A head that holds blocks of the network that were trained with it.

    Attributes:
        tail: the blocks and the classifier, a torch module.
    """

    tail: Any

    def timm_tensors(self) -> "dict[str, Tensor]":
        """Tensors of the fine-tuned network under its library's names, timm's with the new classifier."""


Restore = Callable[[State, "BackboneSource", str], Head]
"""The head that gave a state, of the network that it was fitted on, for `cpu` or `cuda`."""

restorers = Registry[Restore]("head", "preseason.inference.heads", "preseason.heads")


def restore(state: State, backbone: "BackboneSource", device: str = "cpu") -> Head:
    """The head of a stored state.

    Args:
        backbone: the network that it was fitted on.
        device: `cpu` or `cuda`, where a head with blocks of the network runs them.

    Raises:
        UsageError: no head of that kind is known.
    """
    return restorers.get(state.kind)(state, backbone, device)
