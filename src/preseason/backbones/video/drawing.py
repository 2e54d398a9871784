"""Random weights for the networks that are defined here."""

from torch import nn


def draw_for_relu(network: nn.Module) -> None:
    """Draw weights so that activations keep their size from layer to layer.

    He et al. 2015, arXiv 1502.01852. torch's own draw shrinks them to nothing at the end of a deep network.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv3d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
