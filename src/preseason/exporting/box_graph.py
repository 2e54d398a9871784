"""A finder as one graph: the frozen network, its heads, and peaks of their average."""

from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from preseason.engine.feeds.maps import graph_of
from preseason.engine.graphs.pictures import FrozenMaps
from preseason.inference.detection.finder import Finder
from preseason.inference.detection.graph import Arrays
from preseason.inference.detection.shape import HeadShape

HIGHEST = 6.0
"""Logarithm of the longest distance to an edge, in cells."""


class BoxGraph(nn.Module):
    """Pictures uint8 [n, h, w, 3] to peaks [n, c, h', w'] and edges [n, 4, h', w'].

    It computes what `inference.detection.graph` does.
    """

    def __init__(self, finder: Finder) -> None:
        super().__init__()
        spec = graph_of(finder.plan.spec((64, 64)))
        self.frozen = FrozenMaps(finder.extractors.backbone.loaded(), spec).eval().requires_grad_(False)
        self.classes, self.levels = finder.shape.classes, len(finder.shape.strides)
        self.heads = nn.ModuleList(_Head(finder.shape, arrays) for arrays in finder.members)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Peaks and edges, averaged over the heads."""
        maps = self.frozen(pictures)[-self.levels :]
        said = torch.stack([self._judged(head(maps)) for head in self.heads]).mean(0)
        scores, edges = torch.split(said, [self.classes, 4], 1)
        around = functional.max_pool2d(scores, 3, 1, 1)
        return scores * (scores == around), edges.clamp(max=HIGHEST).exp()

    def _judged(self, raw: Tensor) -> Tensor:
        """The geometric mean of the class's score and the box's quality, and the edges."""
        scores, edges, quality = torch.split(raw, [self.classes, 4, 1], 1)
        return torch.cat([(scores.sigmoid() * quality.sigmoid()).sqrt(), edges], 1)


class _Head(nn.Module):
    """A head with its normalisation folded in."""

    def __init__(self, shape: HeadShape, arrays: Arrays) -> None:
        super().__init__()
        self.steps = [
            after // before for before, after in zip(shape.strides, shape.strides[1:], strict=False)
        ]
        places = range(len(shape.strides))
        self.laterals = nn.ModuleList(_layers(arrays, f"laterals.{place}") for place in places)
        self.narrow = nn.ModuleList(_layers(arrays, f"narrow.{place}") for place in places)
        self.smooth = nn.ModuleList(_smooth(arrays, place) for place in places)
        self.answer = _layers(arrays, "answer")

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Answers [n, classes + 5, h', w'], before exp."""
        x: Tensor = self.laterals[-1](maps[-1])
        for place in reversed(range(len(self.steps))):
            x = self.narrow[place](x)
            above = functional.interpolate(x, scale_factor=float(self.steps[place]), mode="nearest")
            x = self.smooth[place](self.laterals[place](maps[place]) + above)
        return cast("Tensor", self.answer(x))


def _smooth(arrays: Arrays, place: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    while f"smooth.{place}.{len(layers) // 2}.weight" in arrays:
        layers += [_layers(arrays, f"smooth.{place}.{len(layers) // 2}"), nn.ReLU()]
    return nn.Sequential(*layers)


def _layers(arrays: Arrays, name: str) -> nn.Module:
    """The convolution of a name; what changes nothing where there is none."""
    if f"{name}.weight" not in arrays:
        return nn.Identity()
    weight, bias = (np.asarray(arrays[f"{name}.{kind}"], np.float32) for kind in ("weight", "bias"))
    out, into, side = weight.shape[:3]
    layer = nn.Conv2d(into, out, side, padding=side // 2)
    layer.weight = nn.Parameter(torch.from_numpy(weight.copy()), requires_grad=False)
    layer.bias = nn.Parameter(torch.from_numpy(bias.copy()), requires_grad=False)
    return layer
