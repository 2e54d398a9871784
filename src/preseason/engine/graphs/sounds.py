"""The graph of a pass over sounds: averages of blocks at moments in time, or maps."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from preseason.backbones.base import Backbone
from preseason.backbones.sounds.base import SoundBackbone
from preseason.engine.feeds.base import graphs
from preseason.engine.passes import FeatureSpec


class SoundFeatures(nn.Module):
    """The graph of a pass: waves float32 [n, samples] to rows of one window.

    Gives float32 [n, moments x ranges, d] for "pooled", with d the averages over bands of every chosen block;
    float32 [n, ...] of the input of block `cut` for "map".

    Args:
        moments: into how many the time of a window is divided.
    """

    def __init__(self, backbone: Backbone, spec: FeatureSpec, moments: int) -> None:
        super().__init__()
        assert isinstance(backbone, SoundBackbone), "only networks of sounds read waves"
        self.backbone, self.spec, self.moments = backbone, spec, moments
        self.blocks = spec.blocks or tuple(range(len(backbone)))

    def forward(self, waves: Tensor) -> Tensor:
        """Rows of a batch."""
        if self.spec.kept == "map":
            return self.backbone.run(waves, stop=self.spec.cut)
        if not self.spec.ranges:
            return self._means(self.backbone.maps(waves, self.blocks))
        each = self.backbone.maps_within(waves, self.blocks, self.spec.ranges)
        return torch.stack([self._means(maps) for maps in each], dim=2).flatten(1, 2)

    def _means(self, maps: Sequence[Tensor]) -> Tensor:
        """Averages over bands at each moment, [n, moments, d]."""
        means = [functional.adaptive_avg_pool1d(each.mean(3), self.moments) for each in maps]
        return torch.cat(means, dim=1).transpose(1, 2)


def make(backbone: Backbone, spec: FeatureSpec) -> SoundFeatures:
    """One that reads any length reads an example at once and gives all moments of it."""
    moments = max(spec.frames, 1) if backbone.preprocessing.resizable else 1
    return SoundFeatures(backbone, spec, moments)


graphs.add("sounds", make)
