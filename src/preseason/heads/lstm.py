"""A long short-term memory over frames: ConvNet + LSTM (Donahue et al. 2015, arXiv 1411.4389)."""

from torch import nn

from preseason.heads.base import heads
from preseason.heads.sequence import READ, Recurrent, Sequence
from preseason.inference.head import restorers


def reader(width: int) -> Recurrent:
    """Frames [n, t, width] to [n, t, READ], both directions side by side."""
    return Recurrent(nn.LSTM(width, READ // 2, batch_first=True, bidirectional=True))


own = Sequence("lstm", reader)
heads.add("lstm", own)
restorers.add("lstm", own.restore)
