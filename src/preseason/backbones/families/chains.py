"""Small modules from which the families build their blocks."""

from typing import Any

from torch import Tensor, nn


class Chain(nn.Sequential):
    """Modules applied one after the other, as one block."""


class Borrowing(nn.Module):
    """Runs parts of a network that it does not own, so that saving the blocks stores nothing twice.

    Attributes:
        borrowed: names of these parts in the network; `""` is all of it.
    """

    borrowed: tuple[str, ...] = ()

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self._network: tuple[Any] = (network,)

    @property
    def network(self) -> Any:
        """The whole network."""
        return self._network[0]


def parameters_of(block: nn.Module) -> list[nn.Parameter]:
    """Parameters that a block trains, also those it borrows; never the library's own classifier's."""
    found = dict.fromkeys(block.parameters())
    for part in block.modules():
        if isinstance(part, Borrowing):
            found |= dict.fromkeys(_borrowed(part))
    return list(found)


def _borrowed(part: Borrowing) -> list[nn.Parameter]:
    config = getattr(part.network, "pretrained_cfg", {})
    classifier = config.get("classifier") or ()
    own = (classifier,) if isinstance(classifier, str) else tuple(classifier)
    return [
        parameter
        for name, parameter in part.network.named_parameters()
        if _below(name, part.borrowed) and not _below(name, own)
    ]


def _below(name: str, parts: tuple[str, ...]) -> bool:
    return any(part in ("", name) or name.startswith(f"{part}.") for part in parts)


class Embed(Borrowing):
    """The part of a timm network between its last map and its classifier.

    timm's `forward_head(x, pre_logits=True)` pools and, in some families, projects.
    """

    borrowed = ("global_pool", "conv_head", "norm_head", "attn_pool", "fc_norm", "pre_logits", "head")

    def forward(self, x: Tensor) -> Tensor:
        """Vector [n, d] for each example."""
        vector: Tensor = self.network.forward_head(x, pre_logits=True)
        return vector
