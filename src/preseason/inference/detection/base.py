"""What every finder offers, whatever network it is of."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar, Protocol

from preseason.arrays.types import Floats
from preseason.data.dataset import Sample
from preseason.errors import MediaError
from preseason.inference.detection.finder import Located, Pixels
from preseason.inference.detection.peaks import Found
from preseason.inference.predictor import FeatureExtractors


class FeedingPlan(Protocol):
    """How pictures are fed."""

    @property
    def longest(self) -> int:
        """Pixels of a picture's longer side at the network."""


class BoxFinder(Protocol):
    """A network that finds things on pictures.

    Attributes:
        kind: of the model folder, a name in `preseason.models.loading.kinds`.
    """

    kind: ClassVar[str]

    @property
    def extractors(self) -> FeatureExtractors:
        """The network, its cache and device."""

    @property
    def plan(self) -> FeedingPlan:
        """How pictures are fed."""

    def find(self, pictures: Iterable[Pixels]) -> Iterator[Found]:
        """Boxes in 0..1 of each picture uint8 [h, w, 3], the surest first."""

    def find_in(self, samples: Sequence[Sample]) -> Iterator[Located | MediaError]:
        """Boxes on the picture of each sample, in order, or why it cannot be read."""

    def identity(self) -> str:
        """Hex digest that changes with what it finds."""

    def values(self) -> dict[str, Any]:
        """What the manifest says of it, as JSON values."""

    def tensors(self) -> dict[str, Floats]:
        """Weights besides those of the network, by name."""
