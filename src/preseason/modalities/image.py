"""Pictures."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from preseason.data.dataset import File, Sample, Source
from preseason.engine.hiding import Cover
from preseason.engine.passes import Box, grid
from preseason.media import image
from preseason.modalities.base import Cost, Units, modalities

PLACES = tuple(grid(7, 0.25))
"""Overlapping squares of a picture that are hidden in turn."""


class Image:
    """The modality `image`."""

    name = "image"
    viewer = "image"
    hub_task = "image-classification"
    file_name = "photo.jpg"
    package = "preseason"
    typed = False
    timed = False
    hides_words = False

    def check(self, path: Path) -> str | None:
        """None for a picture."""
        return image.check(path)

    def source(self, path: Path) -> Source:
        """The file."""
        return File(path)

    def cost(self, source: Source) -> Cost:
        """Its pixels."""
        height, width = image.size(Sample(source).path)
        return Cost(height, width)

    def quote(self, sample: Sample) -> None:
        """Nothing: the picture is shown."""

    def units(self, sample: Sample) -> Units:
        """Overlapping places."""
        covers = {str(number): Cover(box=box) for number, box in enumerate(PLACES)}
        boxes = np.array([(b.x0, b.y0, b.x1, b.y1) for b in PLACES], np.float32)
        return Units("places", tuple(map(_words_for, PLACES)), hidden_forms(sample, covers), covers, boxes)


def hidden_forms(sample: Sample, covers: dict[str, Cover]) -> tuple[Sample, ...]:
    """The sample itself, then once for each cover."""
    return (sample, *(replace(sample, variant=name) for name in covers))


def _words_for(box: Box) -> str:
    x, y = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
    across = ("left", "", "right")[min(int(3 * x), 2)]
    down = ("upper", "", "lower")[min(int(3 * y), 2)]
    return " ".join(filter(None, (down, across))) or "middle"


modalities.add("image", Image())
