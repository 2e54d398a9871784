"""How far pictures are from those that a network was pretrained on, told by the network itself.

Batch normalisation remembers the mean and the variance of every channel over the pretraining data. What the
same channels show on other pictures is compared with that (Li et al. 2016, arXiv 1603.04779, adapt by it):
0 is like the pretraining data, 1 as far from it as pictures of pure noise.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from preseason.backbones.base import Backbone
from preseason.data.dataset import Sample
from preseason.engine.extract import Decoder
from preseason.engine.graphs.pictures import FrozenFeatures
from preseason.engine.passes import FeatureSpec

LOOKED_AT = 48
BATCH = 8


def domain_shift(
    backbone: Backbone, decoder: Decoder, samples: Sequence[Sample], frames: int
) -> float | None:
    """Distance of the samples' pictures to the pretraining data, 0 none, 1 as for noise.

    Args:
        backbone: the network.
        decoder: of the samples' pictures.
        samples: evenly chosen ones are looked at.
        frames: 1 where samples are clips, of which the middle is looked at; 0 for pictures.

    Returns:
        None for networks without such a memory (transformers, networks of texts or of runs of frames).
    """
    if backbone.preprocessing.frames or not _memories(backbone):
        return None
    spec = FeatureSpec(backbone.preprocessing.size, frames=frames)
    spread = np.linspace(0, len(samples) - 1, min(LOOKED_AT, len(samples))).round().astype(int)
    pictures = np.concatenate([_pictures(decoder, samples[i], spec) for i in spread])
    noise = np.random.default_rng(0).integers(0, 256, (LOOKED_AT // 2, *pictures.shape[1:]), np.uint8)
    return _distance(backbone, spec, pictures) / max(_distance(backbone, spec, noise), 1e-9)


def _pictures(decoder: Decoder, sample: Sample, spec: FeatureSpec) -> NDArray[np.uint8]:
    return np.asarray(decoder.decode(sample, spec), np.uint8)


def _memories(backbone: Backbone) -> list[Any]:
    from torch.nn.modules.batchnorm import _BatchNorm

    every = backbone.network.modules()
    return [part for part in every if isinstance(part, _BatchNorm) and part.track_running_stats]


def _distance(backbone: Backbone, spec: FeatureSpec, pictures: NDArray[np.uint8]) -> float:
    """Mean over layers and channels of the divergence (Kullback and Leibler) of normal laws, in nats."""
    import torch

    layers = _memories(backbone)
    sums: dict[int, list[Any]] = {}

    def watch(layer: Any, inputs: Any, _: Any) -> None:
        x = inputs[0].double()
        own = sums.setdefault(id(layer), [0, 0.0, 0.0])
        own[0] += x.numel() // x.shape[1]
        own[1] = own[1] + x.sum(dim=(0, 2, 3))
        own[2] = own[2] + x.square().sum(dim=(0, 2, 3))

    hooks = [layer.register_forward_hook(watch) for layer in layers]
    normalise = FrozenFeatures(backbone, spec).normalise
    try:
        with torch.inference_mode():
            for start in range(0, len(pictures), BATCH):
                chunk = torch.from_numpy(pictures[start : start + BATCH])
                backbone(normalise(chunk))
    finally:
        for hook in hooks:
            hook.remove()
    return float(np.mean([_divergence(layer, *sums[id(layer)]) for layer in layers if id(layer) in sums]))


def _divergence(layer: Any, count: int, total: Any, squares: Any) -> float:
    mean = total / count
    variance = (squares / count - mean.square()).clamp(min=1e-12) + layer.eps
    known = layer.running_var.double() + layer.eps
    apart = (mean - layer.running_mean.double()).square()
    return float(0.5 * ((variance + apart) / known - 1 - (variance / known).log()).mean())
