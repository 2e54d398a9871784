"""What the frozen network is asked of an example: which looks, which regions, which blocks."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from preseason.backbones.base import Backbone, Normalise, as_map


class Box(NamedTuple):
    """A region in units of the whole, 0..1, y downwards; x1 < x0 means mirrored left to right."""

    x0: float
    y0: float
    x1: float
    y1: float

    def mirrored(self) -> "Box":
        """The same region, flipped left to right."""
        return self._replace(x0=self.x1, x1=self.x0)


WHOLE = Box(0.0, 0.0, 1.0, 1.0)


def grid(count: int, side: float) -> tuple[Box, ...]:
    """`count` x `count` overlapping squares of `side`, evenly spread, row by row.

    Example:
        >>> grid(2, 0.5)[3]
        Box(x0=0.5, y0=0.5, x1=1.0, y1=1.0)
    """
    starts = [round(i * (1 - side) / max(count - 1, 1), 6) for i in range(count)]
    return tuple(Box(x, y, round(x + side, 6), round(y + side, 6)) for y in starts for x in starts)


@dataclass(frozen=True)
class FeatureSpec:
    """One way of running the frozen network over an example.

    Attributes:
        size: side in pixels of the square fed to the network; of texts, the most tokens of a window.
        middle: share of a clip that the moments are spread over, in its middle.
        height: in pixels, where the input is no square; `size` is its width then. 0 for squares.
        frames: moments of a clip that are looked at: pictures for a network of pictures, runs of frames for
            a video network; 0 for photos. Of texts, how many windows they are cut into.
        rate: moments a second from the sample's start on; 0 spreads them evenly over the sample.
        crops: parts of the picture, each resized to `size` and fed on its own; empty when every sample
            brings looks of its own, of the number `dynamic_crops`.
        regions: parts of each look whose maps are pooled (kept="pooled").
        blocks: indices of the blocks whose maps are pooled; empty means every block.
        kept: "pooled" for averages and maxima over regions, "map" for the map before block `cut`, "raw" for
            the decoded example itself, which no network has seen.
        cut: index of the first trainable block (kept="map").
    """

    size: int
    crops: tuple[Box, ...] = (WHOLE,)
    dynamic_crops: int = 0
    regions: tuple[Box, ...] = (WHOLE,)
    blocks: tuple[int, ...] = ()
    kept: str = "pooled"
    cut: int = 0
    frames: int = 0
    rate: float = 0.0
    height: int = 0
    middle: float = 1.0

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels of what is fed to the network."""
        return self.height or self.size, self.size

    def key(self, backbone: Backbone, precision: str) -> str:
        """Name of this pass's shelf in the feature bank: 32 hex digits over all that shapes its rows."""
        facts = {
            "pass": self.facts(),
            "weights": backbone.weights_id,
            "preprocessing": asdict(backbone.preprocessing),
            "precision": precision,
            "format": 2,
        }
        text = json.dumps(facts, sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

    def facts(self) -> dict[str, Any]:
        """What shapes the rows; what came later only where it is used, so that older rows keep their keys."""
        usual = {"height": 0, "middle": 1.0}
        return {name: value for name, value in asdict(self).items() if usual.get(name, ...) != value}

    def count(self) -> int:
        """How many pictures, or runs of frames, of an example are fed to the network."""
        return max(self.frames, 1) * (len(self.crops) or self.dynamic_crops)

    def kinds(self) -> list[int]:
        """For each part a number that is shared by the regions of one size."""
        sizes = [round((box.x1 - box.x0) * (box.y1 - box.y0), 3) for box in self.regions]
        order = sorted(set(sizes), reverse=True)
        return [order.index(size) for size in sizes] * self.count()

    def parts(self, crops: Sequence[Box] = ()) -> tuple[Box, ...]:
        """The region of the whole that each part of a pooled row covers; moments outermost, then looks.

        Args:
            crops: the sample's own looks, where the pass has none.
        """
        once = tuple(_inside(crop, region) for crop in self.crops or crops for region in self.regions)
        return once * max(self.frames, 1)


def feature_spec_from(values: Mapping[str, Any]) -> FeatureSpec:
    """The pass whose `asdict` these JSON values are.

    Raises:
        KeyError, TypeError, ValueError: values that no pass has.
    """
    spec = dict(values)
    for name in ("crops", "regions"):
        spec[name] = tuple(Box(*(float(x) for x in box)) for box in spec[name])
    spec["blocks"] = tuple(int(b) for b in spec["blocks"])
    return FeatureSpec(**spec)


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


def _inside(crop: Box, region: Box) -> Box:
    width, height = crop.x1 - crop.x0, crop.y1 - crop.y0
    x0, x1 = sorted((crop.x0 + region.x0 * width, crop.x0 + region.x1 * width))
    return Box(x0, crop.y0 + region.y0 * height, x1, crop.y0 + region.y1 * height)
