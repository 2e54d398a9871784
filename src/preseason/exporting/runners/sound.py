"""Export of models of sounds."""

import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from preseason.backbones.base import Backbone
from preseason.data.dataset import Sample
from preseason.engine.feeds.sound import windows_of
from preseason.engine.passes import FeatureSpec
from preseason.exporting.runners.base import LookRunner, runners
from preseason.media import sound
from preseason.media.mel import Wave

MADE = 16


class SoundRunner(LookRunner):
    """Spectrograms uint8 [n, windows, h, w, 3], or waves float32 [n, windows, samples]."""

    program = "run_sounds"
    needs = "av"
    made = "made-up tones"
    input_name = "windows"

    def examples(self, folder: Path) -> Sequence[str | Path]:
        """Tones that rise or fall, in noise."""
        rng = np.random.default_rng(0)
        paths = []
        for number in range(MADE):
            time = np.arange(round((0.6 + 0.1 * number) * sound.RATE)) / sound.RATE
            tone = np.sin(2 * np.pi * (200 + 150 * number + 40 * (number % 3 - 1) * time) * time)
            heard = 0.4 * tone * (np.sin(6 * time + number) > 0) + rng.normal(0, 0.02, len(time))
            path = folder / f"{number}.wav"
            with wave.open(str(path), "wb") as file:
                file.setnchannels(1)
                file.setsampwidth(2)
                file.setframerate(sound.RATE)
                file.writeframes((heard.clip(-1, 1) * 32767).astype("<i2").tobytes())
            paths.append(path)
        return paths

    def content(self, sample: Sample) -> Wave:
        """The wave."""
        return sound.read(sample.media, sample.span)

    def trial(self, backbone: Backbone, spec: FeatureSpec) -> Tensor:
        """Two sounds of noise."""
        if backbone.modality == "image":
            return torch.randint(0, 256, (2, spec.count(), *spec.shape, 3), dtype=torch.uint8)
        return 0.1 * torch.randn(2, windows_of(backbone, spec), spec.size)


runners.add("sound", SoundRunner())
