"""A gated recurrent unit over frames (Cho et al. 2014, arXiv 1406.1078)."""

from torch import nn

from preseason.heads.base import heads
from preseason.heads.sequence import READ, Recurrent, Sequence
from preseason.inference.head import restorers


def reader(width: int) -> Recurrent:
    """Frames [n, t, width] to [n, t, READ], both directions side by side."""
    return Recurrent(nn.GRU(width, READ // 2, batch_first=True, bidirectional=True))


own = Sequence("gru", reader)
heads.add("gru", own)
restorers.add("gru", own.restore)
