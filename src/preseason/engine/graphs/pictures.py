"""The graph of a pass over pictures and clips: averages and maxima over regions, or maps before a block."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from preseason.backbones.base import Backbone, Normalise, as_map
from preseason.engine.feeds.base import graphs
from preseason.engine.passes import Box, FeatureSpec


class FrozenFeatures(nn.Module):
    """The graph of a pass: pictures uint8 [n, (t,) h, w, 3] to rows of one look.

    Gives float32 [n, regions, d] for "pooled", with d the averages then the maxima of every chosen block;
    float32 [n, ...] of the input of block `cut` for "map", as [n, c, (t,) h, w] after the last block.
    """

    def __init__(self, backbone: Backbone, spec: FeatureSpec) -> None:
        super().__init__()
        self.normalise = Normalise(backbone.preprocessing)
        self.backbone = backbone
        self.spec = spec
        self.blocks = spec.blocks or tuple(range(len(backbone)))

    def forward(self, pictures: Tensor) -> Tensor:
        """Rows of a batch."""
        x = self.normalise(pictures)
        if self.spec.kept == "map":
            out = self.backbone.run(x, stop=self.spec.cut)
            return as_map(out, self.backbone.split) if self.spec.cut == len(self.backbone) else out
        averages, maxima = _to_cells(self.backbone.maps(x, self.blocks))
        return torch.cat([_averaged(averages, self.spec.regions), _largest(maxima, self.spec.regions)], dim=2)


def _to_cells(maps: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Averages and maxima of all maps in the cells of the last one: two of [n, d, gh, gw].

    Every map is read once; regions are then put together from cells, however many they are. Maps of clips
    are taken together over time.
    """
    cells = (int(maps[-1].shape[-2]), int(maps[-1].shape[-1]))
    averages, maxima = [], []
    for m in maps:
        mean, largest = (m.mean(2), m.amax(2)) if m.ndim == 5 else (m, m)
        shape = tuple(map(int, m.shape[-2:]))
        step = (shape[0] // cells[0], shape[1] // cells[1])
        if shape != (step[0] * cells[0], step[1] * cells[1]):
            averages.append(functional.adaptive_avg_pool2d(mean, cells))
            maxima.append(functional.adaptive_max_pool2d(largest, cells))
        else:
            averages.append(functional.avg_pool2d(mean, step) if step != (1, 1) else mean)
            maxima.append(functional.max_pool2d(largest, step) if step != (1, 1) else largest)
    return torch.cat(averages, dim=1), torch.cat(maxima, dim=1)


def _averaged(cells: Tensor, regions: Sequence[Box]) -> Tensor:
    """Mean over each region's cells: [n, regions, d]."""
    high, wide = map(int, cells.shape[-2:])
    weights = torch.zeros(len(regions), high, wide)
    for index, box in enumerate(regions):
        (y0, y1), (x0, x1) = _span(box.y0, box.y1, high), _span(box.x0, box.x1, wide)
        weights[index, y0:y1, x0:x1] = 1 / ((y1 - y0) * (x1 - x0))
    weights = weights.to(cells.device).flatten(1)
    return (weights @ cells.flatten(2).transpose(1, 2).to(weights.dtype)).to(cells.dtype)


def _largest(cells: Tensor, regions: Sequence[Box]) -> Tensor:
    """Maximum over each region's cells: [n, regions, d]."""
    high, wide = map(int, cells.shape[-2:])
    largest = []
    for box in regions:
        (y0, y1), (x0, x1) = _span(box.y0, box.y1, high), _span(box.x0, box.x1, wide)
        largest.append(cells[:, :, y0:y1, x0:x1].amax((2, 3)))
    return torch.stack(largest, dim=1)


def _span(low: float, high: float, count: int) -> tuple[int, int]:
    start = min(round(low * count), count - 1)
    return start, max(round(high * count), start + 1)


class FrozenMaps(nn.Module):
    """The graph of a pass that keeps several blocks' maps: pictures uint8 [n, h, w, 3] to a map of each.

    Gives float32 [n, c, h', w'] for each chosen block, the finest first; h and w may be any that the network
    divides.
    """

    def __init__(self, backbone: Backbone, spec: FeatureSpec) -> None:
        super().__init__()
        self.normalise = Normalise(backbone.preprocessing)
        self.backbone = backbone
        self.blocks = spec.blocks

    def forward(self, pictures: Tensor) -> tuple[Tensor, ...]:
        """Maps of a batch."""
        return tuple(self.backbone.maps(self.normalise(pictures), self.blocks))


graphs.add("pictures", FrozenFeatures)
graphs.add("maps", FrozenMaps)
