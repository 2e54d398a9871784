"""Whole detectors of transformers at work: pictures on a square, scores and boxes of every query."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from preseason.arrays.types import Floats
from preseason.backbones.detectors import Boxes
from preseason.data.dataset import Sample
from preseason.engine.canvas import Canvas, painted
from preseason.engine.networks import TorchEngine
from preseason.engine.passes import WHOLE, Box
from preseason.errors import MediaError
from preseason.inference.detection.finder import Located, Pixels, decoded
from preseason.inference.detection.peaks import LEAST, MOST, Found
from preseason.inference.predictor import FeatureExtractors

BATCH = {"cpu": 1, "cuda": 8}
"""Pictures that are run at a time."""


@dataclass(frozen=True)
class SquarePlan:
    """How pictures are fed to a detector whose input is square.

    Squares, since its weights have learnt boxes in units of the sides of squares; the aspect is kept by
    padding.

    Attributes:
        longest: side of the input in pixels, and so the longer side of a picture on it.
        median: of all labelled objects, the root of the area in pixels at the network.
        smallest: the same, of the smallest tenth.
        trained: parts of the network that were trained besides the heads.
    """

    longest: int
    median: float
    smallest: float
    trained: tuple[str, ...] = ()

    def canvas(self, size: tuple[int, int], part: Box = WHOLE) -> Canvas:
        """Where a part of a picture of this height and width lies on what is fed."""
        high, wide = size[0] * (part.y1 - part.y0), size[1] * abs(part.x1 - part.x0)
        scale = self.longest / max(high, wide)
        inner = [min(self.longest, max(1, round(side * scale))) for side in (high, wide)]
        return Canvas(self.longest, self.longest, inner[0], inner[1], part)

    def sentence(self) -> str:
        """What was decided, for the user."""
        parts = " and ".join(self.trained)
        also = f"its {parts} and its heads are trained" if parts else "its heads alone are trained"
        return (
            f"The detector sees pictures at {self.longest} pixels on the longer side, padded to a square. "
            f"There the median object is {self.median:.0f} pixels wide, the smallest tenth "
            f"{self.smallest:.0f} or less. Of the detector, {also}."
        )

    def values(self) -> dict[str, Any]:
        """As JSON values; `square_plan_from` reads them."""
        return {
            "longest": self.longest,
            "median": self.median,
            "smallest": self.smallest,
            "trained": list(self.trained),
        }


def square_plan_from(values: dict[str, Any]) -> SquarePlan:
    """The plan whose `values` these are."""
    return SquarePlan(**{**values, "trained": tuple(map(str, values["trained"]))})


@dataclass(frozen=True)
class SquareFinder:
    """A fine-tuned detector of transformers.

    Attributes:
        extractors: have the detector as their backbone.
    """

    extractors: FeatureExtractors
    plan: SquarePlan
    kind: ClassVar[str] = "square_detector"

    def find(self, pictures: Iterable[Pixels]) -> Iterator[Found]:
        """Boxes in 0..1 of each picture uint8 [h, w, 3], the surest first."""
        for each in self._located(pictures):
            assert isinstance(each, Located)
            yield each.found

    def find_in(self, samples: Sequence[Sample]) -> Iterator[Located | MediaError]:
        """Boxes on the picture of each sample, in order, or why it cannot be read."""
        return self._located(decoded(samples))

    def identity(self) -> str:
        """Hex digest that changes with what it finds."""
        told = f"{sorted(self.plan.values().items())} {self.extractors.backbone.weights_id}"
        return hashlib.blake2b(told.encode(), digest_size=16).hexdigest()

    def values(self) -> dict[str, Any]:
        """What the manifest says of it."""
        return {"plan": self.plan.values()}

    def tensors(self) -> dict[str, Floats]:
        """Weights besides those of the backbone: none."""
        return {}

    def _located(self, pictures: Iterable[Pixels | MediaError]) -> Iterator[Located | MediaError]:
        waiting = iter(pictures)
        while several := list(islice(waiting, BATCH[self.extractors.device])):
            readable = [each for each in several if not isinstance(each, MediaError)]
            found = iter(self._found(readable))
            yield from (each if isinstance(each, MediaError) else next(found) for each in several)

    def _found(self, pictures: Sequence[Pixels]) -> list[Located]:
        if not pictures:
            return []
        sizes = [(each.shape[0], each.shape[1]) for each in pictures]
        canvases = [self.plan.canvas(size) for size in sizes]
        fed = np.stack([painted(each, on) for each, on in zip(pictures, canvases, strict=True)])
        rows = self._engine.start(fed)()
        return [
            Located(boxes_of(row, canvas), size)
            for row, canvas, size in zip(rows, canvases, sizes, strict=True)
        ]

    @cached_property
    def _engine(self) -> TorchEngine:
        network: Any = self.extractors.backbone.loaded()
        return TorchEngine(Boxes(network).eval(), self.extractors.device)


def boxes_of(row: NDArray[np.float32], canvas: Canvas) -> Found:
    """The boxes of one picture, in 0..1 of it, the surest first.

    Args:
        row: float32 [q, c + 4], scores and x y w h of q queries in 0..1 of the square.
    """
    scores = row[:, :-4].reshape(-1)
    places = np.flatnonzero(scores > LEAST)
    places = places[np.argsort(-scores[places], kind="stable")][:MOST]
    queries, labels = np.divmod(places, row.shape[1] - 4)
    middle, half = row[queries, -4:-2], row[queries, -2:] / 2
    edges = np.concatenate([middle - half, middle + half], 1) * np.float32(canvas.width)
    lifted = canvas.lifted(edges.astype(np.float32))
    there = np.flatnonzero((lifted[:, 2] > lifted[:, 0]) & (lifted[:, 3] > lifted[:, 1]))
    return Found(lifted, scores[places], labels.astype(np.int64)).take(there)
