"""The graph of a pass over texts: the frozen encoder's states pooled over a window, or before a block."""

import torch
from torch import Tensor, nn

from preseason.backbones.base import Backbone
from preseason.backbones.encoders import Encoder, encoder_of
from preseason.backbones.text_blocks import digits
from preseason.engine.feeds.base import graphs
from preseason.engine.passes import FeatureSpec

LOWEST = -1e4
"""Stands for no token where the largest is sought; float16 holds it."""


class TokenFeatures(nn.Module):
    """The graph of a pass over texts: token numbers int [n, l], -1 for padding, to rows of one window.

    Gives float32 [n, 3 d] for "pooled": means, maxima over tokens and first tokens of every chosen block, d
    the blocks' widths together; for "map" the input of block `cut`, [n, l, m].
    """

    def __init__(self, encoder: Encoder, spec: FeatureSpec) -> None:
        super().__init__()
        self.encoder, self.spec = encoder, spec
        self.blocks = spec.blocks or tuple(range(len(encoder)))
        self.width = encoder.width

    def out_shape(self) -> tuple[int, ...]:
        """Of a window: [3 d], or [l, m] at its full length."""
        if self.spec.kept == "map":
            return (self.spec.size, 2 if self.spec.cut == 0 else self.width + 1)
        return (3 * len(self.blocks) * self.width,)

    def forward(self, tokens: Tensor) -> Tensor:
        """Rows of a batch of windows."""
        x = digits(tokens)
        if self.spec.kept == "map":
            return self.encoder.run(x, stop=self.spec.cut)
        states = []
        for index, block in enumerate(self.encoder.split.blocks):
            x = block(x)
            if index in self.blocks:
                states.append(x[..., :-1])
        hidden, there = torch.cat(states, dim=-1), (tokens >= 0).unsqueeze(-1)
        mean = (hidden * there).sum(1) / there.sum(1)
        return torch.cat([mean, torch.where(there, hidden, LOWEST).amax(1), hidden[:, 0]], dim=1)


def _make(backbone: Backbone, spec: FeatureSpec) -> TokenFeatures:
    return TokenFeatures(encoder_of(backbone), spec)


graphs.add("texts", _make)
