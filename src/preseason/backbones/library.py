"""Where networks come from: one `Library` for each package that defines some, ours among them."""

from collections.abc import Sequence
from typing import Any, Protocol

from torch import nn

from preseason.backbones.base import Backbone, Split
from preseason.registry import Registry


class Library(Protocol):
    """A source of networks; a file in `preseason.backbones.libraries` registers it by name."""

    def names(self) -> Sequence[str]:
        """Every name that `load` takes, apart from paths."""

    def knows(self, name: str) -> bool:
        """Whether `load` takes `name`."""

    def load(self, name: str, weights: str | None) -> Backbone:
        """The pretrained network `name`, its weights from the file or folder `weights` where given.

        Raises:
            WeightsError: the weights are not on this machine, or do not fit.
        """

    def architecture(self, network: nn.Module) -> str:
        """What `rebuild` needs to know of `network`, as a name."""

    def rebuild(self, architecture: str, config: dict[str, Any]) -> nn.Module:
        """The network with random weights.

        Args:
            config: what `config` gave when the network was saved.
        """

    def split(self, network: nn.Module) -> Split:
        """The blocks of `network`."""

    def config(self, backbone: Backbone, labels: tuple[str, ...]) -> dict[str, Any]:
        """Plain values for the network's config.json, as the library's own loader expects them."""


libraries = Registry[Library]("library of networks", "preseason.backbones.libraries")
