"""Clips: video files, and folders of numbered frames."""

from itertools import pairwise
from pathlib import Path

import numpy as np

from preseason.data.dataset import File, Sample, Source
from preseason.engine.hiding import Cover
from preseason.media import video
from preseason.modalities.base import Cost, Units, modalities
from preseason.modalities.image import hidden_forms

MOMENTS = 8
"""Equal stretches of a clip that are hidden in turn."""


class Video:
    """The modality `video`."""

    name = "video"
    viewer = "video"
    hub_task = "video-classification"
    file_name = "clip.mp4"
    package = "preseason"
    typed = False
    timed = True
    hides_words = False

    def check(self, path: Path) -> str | None:
        """None for a video."""
        return video.check(path)

    def source(self, path: Path) -> Source:
        """The file."""
        return File(path)

    def cost(self, source: Source) -> Cost:
        """Its pixels and seconds; containers lie about their length, so packets are counted as well."""
        path = Sample(source).path
        facts = video.facts(path)
        return Cost(facts.height, facts.width, max(facts.duration_s, video.length_s(path)))

    def quote(self, sample: Sample) -> None:
        """Nothing: frames are shown."""

    def units(self, sample: Sample) -> Units:
        """Equal stretches of time."""
        edges = [float(edge) for edge in np.linspace(0, 1, MOMENTS + 1)]
        covers = {str(place): Cover(span=span) for place, span in enumerate(pairwise(edges))}
        names = tuple(f"{100 * start:.0f} to {100 * end:.0f} %" for start, end in pairwise(edges))
        return Units("moments", names, hidden_forms(sample, covers), covers)


modalities.add("video", Video())
