"""Export of models of clips."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from torch import Tensor

from preseason.backbones.base import Backbone
from preseason.backbones.motion import MOTION
from preseason.data.dataset import Sample
from preseason.engine.passes import FeatureSpec
from preseason.exporting.runners.base import LookRunner, runners

MADE, FRAMES, RATE, SIDE = 8, 24, 12, (160, 224)


class ClipRunner(LookRunner):
    """Looks of frames uint8 [n, looks, h, w, 3], of runs of frames [n, looks, t, h, w, 3]."""

    program = "run_clips"
    needs = "av\npillow"
    made = "drawn clips"
    input_name = "frames"
    companions: Mapping[str, str] = {MOTION: "opencv-python"}

    def examples(self, folder: Path) -> Sequence[str | Path]:
        """Clips of soft shapes that move."""
        rng = np.random.default_rng(0)
        paths = []
        for number in range(MADE):
            cells = rng.integers(0, 256, (5, 7, 3), np.uint8)
            large = np.kron(cells, np.ones((SIDE[0] // 5, SIDE[1] // 7, 1), np.uint8))
            path = folder / f"{number}.mp4"
            with av.open(str(path), "w") as out:
                stream: Any = out.add_stream("mpeg4", rate=RATE)
                stream.height, stream.width = SIDE
                for time in range(FRAMES):
                    moved = np.ascontiguousarray(np.roll(large, (1 + number) * time, axis=number % 2))
                    out.mux(stream.encode(av.VideoFrame.from_ndarray(moved, format="rgb24")))
                out.mux(stream.encode())
            paths.append(path)
        return paths

    def content(self, sample: Sample) -> Any:
        """The file, and the seconds of it that are the clip."""
        return sample.path, sample.span

    def trial(self, backbone: Backbone, spec: FeatureSpec) -> Tensor:
        """Two clips of noise."""
        run = backbone.preprocessing.frames
        shape = (2, spec.count(), *([run] if run else []), *spec.shape, 3)
        return torch.randint(0, 256, shape, dtype=torch.uint8)


runners.add("video", ClipRunner())
