"""Export of models of pictures."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from preseason.backbones.base import Backbone
from preseason.data.dataset import Sample
from preseason.engine.passes import FeatureSpec
from preseason.exporting.runners.base import LookRunner, runners

DRAWN = 16


class ImageRunner(LookRunner):
    """Looks of pictures uint8 [n, looks, side, side, 3]."""

    program = "run"
    needs = "pillow"
    made = "drawn pictures"
    input_name = "pictures"

    def examples(self, folder: Path) -> Sequence[str | Path]:
        """Pictures of soft shapes."""
        from PIL import Image

        rng = np.random.default_rng(0)
        paths = []
        for number in range(DRAWN):
            cells = rng.integers(0, 256, (3 + number % 5, 4 + number % 3, 3), np.uint8)
            path = folder / f"{number}.png"
            Image.fromarray(cells).resize((320 + 16 * number, 360), Image.Resampling.BICUBIC).save(path)
            paths.append(path)
        return paths

    def content(self, sample: Sample) -> bytes:
        """The photo's file."""
        return sample.source.content()

    def trial(self, backbone: Backbone, spec: FeatureSpec) -> Tensor:
        """Two photos of noise."""
        crops = len(spec.crops) or spec.dynamic_crops
        return torch.randint(0, 256, (2, crops, spec.size, spec.size, 3), dtype=torch.uint8)


runners.add("image", ImageRunner())
