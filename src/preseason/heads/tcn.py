"""Temporal convolution over frames: dilated, with residual paths (Bai et al. 2018, arXiv 1803.01271)."""

from torch import Tensor, nn

from preseason.heads.base import heads
from preseason.heads.sequence import READ, Sequence
from preseason.inference.head import restorers

DILATIONS = (1, 2, 4)


class Convolutions(nn.Module):
    """Frames [n, t, width] to [n, t, READ]; the last layer sees 15 frames at once."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.enter = nn.Conv1d(width, READ, 1)
        self.layers = nn.ModuleList(nn.Conv1d(READ, READ, 3, padding=d, dilation=d) for d in DILATIONS)
        self.dropout = nn.Dropout(0.25)

    def forward(self, frames: Tensor) -> Tensor:
        """Each frame with what came before and after it."""
        read: Tensor = self.enter(frames.transpose(1, 2))
        for layer in self.layers:
            read = read + self.dropout(layer(read).relu())
        return read.transpose(1, 2)


own = Sequence("tcn", Convolutions)
heads.add("tcn", own)
restorers.add("tcn", own.restore)
