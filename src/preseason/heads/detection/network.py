"""The network that is trained: maps of several strides to a score and a box for every cell.

One answer for each cell of the finest map, as in CenterNet (Zhou et al. 2019, arXiv 1904.07850) and FCOS
(Tian et al. 2019, arXiv 1904.01355); coarse maps are added from the top down (Lin et al. 2017, arXiv
1612.03144) and have the width, the finest map only a thin layer: it has most of the cells.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from preseason.arrays.types import Floats
from preseason.inference.detection.shape import HeadShape

RARE = -4.6
"""Log-odds of a score before training: one cell in a hundred."""


class DetectionHead(nn.Module):
    """Maps, the finest first, to float [n, classes + 5, h, w]: scores, l t r b, quality, all before exp."""

    def __init__(self, shape: HeadShape) -> None:
        super().__init__()
        self.shape = shape
        widths = [shape.thin if stride < 8 else shape.width for stride in shape.strides]
        self.laterals = nn.ModuleList(nn.Conv2d(c, w, 1) for c, w in zip(shape.channels, widths, strict=True))
        self.narrow = nn.ModuleList(
            nn.Conv2d(above, own, 1) if above != own else nn.Identity() for own, above in pairwise(widths)
        )
        self.smooth = nn.ModuleList(
            nn.Sequential(*(_layer(w) for _ in range(_depth(shape, place)))) for place, w in enumerate(widths)
        )
        self.answer = nn.Conv2d(widths[0], shape.answers, 1)
        nn.init.normal_(self.answer.weight, std=0.01)
        self.answer.bias = nn.Parameter(torch.tensor([RARE] * shape.classes + [1.0] * 4 + [0.0]))

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Answers of a batch."""
        x = self.smooth[-1](self.laterals[-1](maps[-1]))
        for place in range(len(maps) - 2, -1, -1):
            factor = self.shape.strides[place + 1] // self.shape.strides[place]
            above = functional.interpolate(self.narrow[place](x), scale_factor=factor, mode="nearest")
            x = self.smooth[place](self.laterals[place](maps[place]) + above)
        out: Tensor = self.answer(x)
        return out


def _depth(shape: HeadShape, place: int) -> int:
    """Convolutions of 3x3 at a map: most at stride 8, one elsewhere, none on the coarsest."""
    if place == len(shape.strides) - 1:
        return 0
    return shape.depth if shape.strides[place] == 8 else 1


def _layer(width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)
    )


def folded(head: DetectionHead) -> dict[str, Floats]:
    """The weights of a trained head, normalisation folded in, as `inference.detection.graph` reads them."""
    arrays: dict[str, Floats] = {}

    def put(name: str, weight: Tensor, bias: Tensor) -> None:
        arrays[f"{name}.weight"] = weight.detach().float().cpu().contiguous().numpy()
        arrays[f"{name}.bias"] = bias.detach().float().cpu().numpy()

    for kind in ("laterals", "narrow"):
        for place, each in enumerate(getattr(head, kind)):
            if isinstance(each, nn.Conv2d):
                put(f"{kind}.{place}", each.weight, _bias(each))
    for place, layers in enumerate(head.smooth):
        for number, layer in enumerate(cast("nn.Sequential", layers)):
            convolution, norm, _ = cast("tuple[Any, Any, Any]", tuple(cast("nn.Sequential", layer)))
            scale = norm.weight / (norm.running_var + norm.eps).sqrt()
            bias = norm.bias - norm.running_mean * scale
            put(f"smooth.{place}.{number}", convolution.weight * scale.view(-1, 1, 1, 1), bias)
    put("answer", head.answer.weight, _bias(head.answer))
    return arrays


def _bias(convolution: nn.Conv2d) -> Tensor:
    return torch.zeros(convolution.out_channels) if convolution.bias is None else convolution.bias
