"""Small modules from which the families build their blocks."""

from typing import Any

from torch import Tensor, nn


class Chain(nn.Sequential):
    """Modules applied one after the other, as one block."""


class Embed(nn.Module):
    """The part of a timm network between its last map and its classifier.

    timm's `forward_head(x, pre_logits=True)` pools and, in some families, projects.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self._head: tuple[Any] = (network.forward_head,)

    def forward(self, x: Tensor) -> Tensor:
        """Vector [n, d] for each example."""
        vector: Tensor = self._head[0](x, pre_logits=True)
        return vector
