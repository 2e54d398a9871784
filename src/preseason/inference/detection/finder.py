"""From pictures to boxes: network and heads as one graph, several pictures under way at a time."""

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from preseason.arrays.types import Floats
from preseason.data.dataset import Sample
from preseason.engine.canvas import Canvas, painted
from preseason.engine.extract import Extractor
from preseason.engine.networks import GraphEngine
from preseason.errors import MediaError
from preseason.inference.detection.graph import Arrays, on_maps, on_network
from preseason.inference.detection.peaks import Found, joined, on_picture
from preseason.inference.detection.plan import Plan
from preseason.inference.detection.shape import HeadShape
from preseason.inference.detection.tiles import Tile
from preseason.inference.predictor import FeatureExtractors
from preseason.media.image import decode
from preseason.runtime.threads import available

Pixels = NDArray[np.uint8]
Answers = Callable[[], tuple[Floats, ...]]
T = TypeVar("T")


@dataclass(frozen=True)
class Finder:
    """Trained heads on a frozen network.

    Attributes:
        members: weights of each head, whose answers are averaged.
    """

    extractors: FeatureExtractors
    plan: Plan
    shape: HeadShape
    members: tuple[Arrays, ...]
    kind: ClassVar[str] = "detector"

    def find(self, pictures: Iterable[Pixels]) -> Iterator[Found]:
        """Boxes in 0..1 of each picture uint8 [h, w, 3], the surest first."""
        return (each() for each in _some_ahead(map(self._begin, pictures)))

    def find_in(self, samples: Sequence[Sample]) -> "Iterator[Located | MediaError]":
        """Boxes on the picture of each sample, in order, or why it cannot be read."""
        return (each() for each in _some_ahead(map(self._begin_located, decoded(samples))))

    def identity(self) -> str:
        """Hex digest that changes with what it finds."""
        told = f"{sorted(asdict(self.plan).items())} {self.shape} {self.extractors.backbone.weights_id}"
        digest = hashlib.blake2b(told.encode(), digest_size=16)
        for member in self.members:
            for name, array in sorted(member.items()):
                digest.update(name.encode() + np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def values(self) -> dict[str, Any]:
        """What the manifest says of it."""
        return {"plan": self.plan.values(), "head": self.shape.values(), "members": len(self.members)}

    def tensors(self) -> dict[str, Floats]:
        """Weights besides those of the network: of each member by its number."""
        return {
            f"{number}.{name}": np.ascontiguousarray(array)
            for number, member in enumerate(self.members)
            for name, array in member.items()
        }

    def from_maps(self, maps: Sequence[NDArray[np.float16]], canvas: Canvas) -> Found:
        """Boxes in 0..1 from the maps of one picture, as the bank has them, each [c, h, w]."""
        batch = [np.ascontiguousarray(m, np.float32)[None] for m in maps[-len(self.shape.strides) :]]
        return self._boxes(canvas, self._heads.begin(batch))

    def _begin(self, picture: Pixels) -> Callable[[], Found]:
        tiles = self.plan.tiles((picture.shape[0], picture.shape[1]))
        begun = (self._begin_tile(picture, tile) for tile in tiles)
        if len(tiles) == 1:
            return next(begun)
        # Tiles of one picture are waited for here: a request of its own for each would take too much memory.
        found = joined([each() for each in _some_ahead(begun)])
        return lambda: found

    def _begin_tile(self, picture: Pixels, tile: Tile) -> Callable[[], Found]:
        canvas = self.plan.canvas((picture.shape[0], picture.shape[1]), tile.part)
        answers = self._start(painted(picture, canvas))

        def wait() -> Found:
            found = self._boxes(canvas, answers)
            return found.take(np.flatnonzero(tile.owns(found.boxes)))

        return wait

    def _begin_located(self, picture: Pixels | MediaError) -> "Callable[[], Located | MediaError]":
        if isinstance(picture, MediaError):
            return lambda: picture
        found, size = self._begin(picture), (picture.shape[0], picture.shape[1])
        return lambda: Located(found(), size)

    def _boxes(self, canvas: Canvas, answers: Answers) -> Found:
        peaks, edges = answers()
        return on_picture(peaks, edges, self.shape.stride, canvas)

    def _start(self, picture: Pixels) -> Answers:
        if self._whole is not None:
            return self._whole.begin([picture[None]])
        extractor = self._extractor(picture.shape[:2])
        row = extractor.rows([picture[None]], lambda line: None)[0]
        return self._heads.begin(self._split(row, picture.shape[:2]))

    def _split(self, row: Floats, sides: tuple[int, ...]) -> list[Floats]:
        maps, begin = [], 0
        for channels, stride in zip(self.shape.channels, self.shape.strides, strict=True):
            shape = (1, channels, sides[0] // stride, sides[1] // stride)
            end = begin + int(np.prod(shape))
            maps.append(row[begin:end].reshape(shape))
            begin = end
        return maps

    def _extractor(self, sides: tuple[int, ...]) -> Extractor:
        found = self.extractors.extractor(self.plan.spec((sides[0], sides[1])))
        if not isinstance(found, Extractor):
            raise TypeError(f"received {found!r}, expected an Extractor")
        return found

    @cached_property
    def _whole(self) -> GraphEngine | None:
        """Network and heads in one; None where OpenVINO cannot run the network."""
        trunk = self._extractor((64, 64)).network(lambda line: None)
        return None if trunk is None else GraphEngine(on_network(trunk, self.shape, self.members))

    @cached_property
    def _heads(self) -> GraphEngine:
        return GraphEngine(on_maps(self.shape, self.members))


@dataclass(frozen=True)
class Located:
    """What was found on a picture, and the picture's height and width in pixels."""

    found: Found
    size: tuple[int, int]


def _some_ahead(begun: Iterable[T]) -> Iterator[T]:
    """The same, each taken a few before it is given."""
    ahead: deque[T] = deque()
    for each in begun:
        ahead.append(each)
        if len(ahead) > available():
            yield ahead.popleft()
    yield from ahead


def decoded(samples: Sequence[Sample]) -> Iterator[Pixels | MediaError]:
    """Decoded pictures in order, a few ahead of whoever takes them."""
    ahead: deque[Future[Pixels | MediaError]] = deque()
    waiting = iter(samples)
    with ThreadPoolExecutor(available(), thread_name_prefix="decode") as pool:
        try:
            while True:
                while len(ahead) < 2 * available() and (sample := next(waiting, None)) is not None:
                    ahead.append(pool.submit(_attempt, sample))
                if not ahead:
                    return
                yield ahead.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _attempt(sample: Sample) -> Pixels | MediaError:
    try:
        return decode(sample.path)
    except MediaError as error:
        return error.with_traceback(None)
