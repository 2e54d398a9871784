"""From the last map of a clip to one vector."""

import torch
from torch import Tensor, nn
from torch.nn import functional


class MeanOfMap(nn.Module):
    """Average over time and space; maps with the channels last are turned first."""

    def __init__(self, channels_last: bool = False) -> None:
        super().__init__()
        self.channels_last = channels_last

    def forward(self, x: Tensor) -> Tensor:
        """Vectors [n, c] of maps [n, c, t, h, w] or [n, t, h, w, c]."""
        return x.mean((1, 2, 3)) if self.channels_last else x.mean((2, 3, 4))


class MeanOfWindows(nn.Module):
    """Average over all windows of 2 steps and 7 x 7 cells, as the Inception networks of clips end.

    Their classifier is linear and its answers are averaged over the windows, which equals the classifier on
    this average. Maps smaller than a window are averaged whole.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Vectors [n, c] of maps [n, c, t, h, w]."""
        window = [min(side, int(own)) for side, own in zip((2, 7, 7), x.shape[2:], strict=True)]
        return functional.avg_pool3d(x, window, stride=1).mean((2, 3, 4))


class MeanOfTokens(nn.Module):
    """Average over all tokens, then a norm where the network has one."""

    def __init__(self, norm: nn.Module | None = None) -> None:
        super().__init__()
        self.norm = norm or nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Vectors [n, d] of tokens [n, t, d]."""
        vector: Tensor = self.norm(x.mean(1))
        return vector


class FirstToken(nn.Module):
    """The first token, which most transformers classify by."""

    def forward(self, x: Tensor) -> Tensor:
        """Vectors [n, d] of tokens [n, t, d]."""
        return x[:, 0]


class FirstOutput(nn.Module):
    """The first of the several results that a layer gives."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        """Tokens [n, t, d]."""
        first: Tensor = self.layer(x)[0]
        return first


class TimeFirst(nn.Module):
    """A layer that takes the frames before the channels."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        """Tokens [n, t, d] of clips [n, 3, t, h, w]."""
        tokens: Tensor = self.layer(torch.transpose(x, 1, 2))
        return tokens
