"""Sounds: files that can be heard."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from preseason.data.dataset import File, Sample, Source
from preseason.media import mel, sound
from preseason.modalities.base import Cost, Units, modalities

MOMENTS = 8
"""Equal stretches of time that are hidden in turn."""
BANDS = (0, 250, 500, 1000, 2000, 4000, 8001)
"""Hz between which bands lie that are hidden in turn."""
BRIEF_S = 4.0
"""Of shorter sounds, times are told to a hundredth of a second."""


class Sound:
    """The modality `sound`.

    Attributes:
        listened: whether a model of it can be left to listen for events in a long recording.
    """

    name = "sound"
    viewer = "sound"
    hub_task = "audio-classification"
    file_name = "sound.wav"
    package = "preseason[sound]"
    typed = False
    timed = True
    hides_words = False
    listened = True

    def check(self, path: Path) -> str | None:
        """None for a sound."""
        return sound.check(path)

    def source(self, path: Path) -> Source:
        """The file."""
        return File(path)

    def cost(self, source: Source) -> Cost:
        """Its seconds."""
        return Cost(duration_s=sound.length_s(Sample(source).media))

    def quote(self, sample: Sample) -> None:
        """Nothing: the spectrogram is shown."""

    def units(self, sample: Sample) -> Units:
        """Stretches of time, then bands of frequency, where they lie in the spectrogram."""
        seconds = len(sound.read(sample.media, sample.span)) / sound.RATE
        edges = [float(edge) for edge in np.linspace(0, 1, MOMENTS + 1)]
        times = [f"time {start} {end}" for start, end in pairwise(edges)]
        bands = [f"band {low} {high}" for low, high in pairwise(BANDS)]
        digits = 1 if seconds >= BRIEF_S else 2
        names = [f"{seconds * a:.{digits}f} to {seconds * b:.{digits}f} s" for a, b in pairwise(edges)]
        names += [f"{low} to {min(high, 8000)} Hz" for low, high in pairwise(BANDS)]
        heights = [(1 - _place(high), 1 - _place(low)) for low, high in pairwise(BANDS)]
        boxes = [(start, 0.0, end, 1.0) for start, end in pairwise(edges)]
        boxes += [(0.0, top, 1.0, bottom) for top, bottom in heights]
        forms = (sample, *(replace(sample, variant=place) for place in (*times, *bands)))
        return Units("places", tuple(names), forms, {}, np.array(boxes, np.float32))


def _place(hertz: float) -> float:
    """Where a frequency lies in a spectrogram, 0 its lower edge and 1 its upper one."""
    low, high = mel.PICTURE.low, mel.PICTURE.high
    span = mel.mel_of(high) - mel.mel_of(low)
    return float(((mel.mel_of(hertz) - mel.mel_of(low)) / span).clip(0, 1))


modalities.add("sound", Sound())
