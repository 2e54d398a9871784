"""Fine-tuning on sounds: as `tail`, with bands of time and of frequency hidden in the maps of each step.

SpecAugment (Park et al. 2019, arXiv 1904.08779) hides them in the spectrogram; on hidden maps it is
SpecAugment++ (Wang et al. 2021, arXiv 2103.16858). Maps are [n, c, bands, t] of pictures, [n, c, t, bands]
of networks of sounds; both axes are treated alike. Tokens lie on such a grid, too; where they are moments
alone, as of wav2vec 2.0, stretches of time are hidden. Waves, before the first block, stay whole.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from preseason.backbones.base import Backbone
from preseason.heads.base import heads
from preseason.heads.tail import Tail, TailKind
from preseason.inference.head import restorers

BANDS = 2
WIDEST = 0.2
"""Share of an axis that one band hides at most."""


class MaskedTail(Tail):
    """A tail whose input is hidden in bands while it learns."""

    def vectors(self, maps: Tensor) -> Tensor:
        """One vector for each look."""
        learning = self.training and torch.is_grad_enabled()
        return super().vectors(masked_at(maps, self.backbone, self.cut) if learning else maps)


class MaskedTailKind(TailKind):
    """Fits a `TailHead` on masked maps."""

    kind = "masked_tail"

    def make(self, backbone: Backbone, cut: int, classes: int, over_time: Mapping[str, Any]) -> Tail:
        """What is trained."""
        return MaskedTail(backbone, cut, classes, **over_time)


def masked_at(maps: Tensor, backbone: Backbone, cut: int) -> Tensor:
    """The input of block `cut`, in whatever order its network has the axes, with bands hidden."""
    layout = backbone.split.layout if cut else "NCHW"
    if layout == "NHWC":
        return masked(maps.movedim(-1, -3)).movedim(-3, -1)
    return masked_tokens(maps, backbone) if layout == "NLC" else masked(maps)


def masked_tokens(tokens: Tensor, backbone: Backbone) -> Tensor:
    """Tokens [..., l, c] with bands of their grid hidden; those in front of it stay."""
    prefix = backbone.split.prefix_tokens
    front, placed = tokens[..., :prefix, :], tokens[..., prefix:, :]
    grid = torch.unflatten(placed, -2, (backbone.token_rows(placed.shape[-2]), -1)).movedim(-1, -3)
    return torch.cat([front, masked(grid).movedim(-3, -1).flatten(-3, -2)], dim=-2)


def masked(maps: Tensor) -> Tensor:
    """Maps [..., c, h, w] with bands across either axis set to the mean of their channel; waves stay."""
    if maps.ndim < 4:
        return maps
    hidden = torch.zeros(maps.shape[0], *[1] * (maps.ndim - 3), *maps.shape[-2:], dtype=torch.bool)
    for axis in (-2, -1):
        length = maps.shape[axis]
        places = torch.arange(length).view(-1, 1) if axis == -2 else torch.arange(length)
        shape = (len(maps), *[1] * (maps.ndim - 1))
        for _ in range(BANDS):
            width = torch.rand(shape) * WIDEST * length
            start = torch.rand(shape) * (length - width)
            hidden = hidden | ((places >= start) & (places < start + width))
    mean = maps.mean((-2, -1), keepdim=True)
    return torch.where(hidden.to(maps.device), mean, maps)


heads.add("masked_tail", MaskedTailKind())
restorers.add("masked_tail", MaskedTailKind().restore)
