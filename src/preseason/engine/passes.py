"""What the frozen network is asked of an example: which looks, which regions, which blocks."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from preseason.backbones.facts import BackboneSource


class Box(NamedTuple):
    """A region in units of the whole, 0..1, y downwards; x1 < x0 means mirrored left to right."""

    x0: float
    y0: float
    x1: float
    y1: float

    def mirrored(self) -> "Box":
        """The same region, flipped left to right."""
        return self._replace(x0=self.x1, x1=self.x0)


WHOLE = Box(0.0, 0.0, 1.0, 1.0)
HEADROOM = 0.25
"""Share of what a tall picture has beyond its square that is left out at the top: people stand with their
faces there."""
FRAMES = ("whole", "square")
"""What crops may be parts of."""


def frame_of(frame: str, height: int, width: int) -> Box:
    """Where in a picture of `height` x `width` pixels the frame lies that a spec's crops are parts of.

    The square is of the shorter side: in the middle of a wide picture, a quarter down in a tall one.

    Example:
        >>> frame_of("square", 100, 200)
        Box(x0=0.25, y0=0.0, x1=0.75, y1=1.0)
    """
    if frame == "whole":
        return WHOLE
    side = min(height, width)
    x0, y0 = (width - side) / 2 / width, HEADROOM * (height - side) / height
    return Box(x0, y0, x0 + side / width, y0 + side / height)


def grid(count: int, side: float) -> tuple[Box, ...]:
    """`count` x `count` overlapping squares of `side`, evenly spread, row by row.

    Example:
        >>> grid(2, 0.5)[3]
        Box(x0=0.5, y0=0.5, x1=1.0, y1=1.0)
    """
    starts = [round(i * (1 - side) / max(count - 1, 1), 6) for i in range(count)]
    return tuple(Box(x, y, round(x + side, 6), round(y + side, 6)) for y in starts for x in starts)


def within(place: Box, crop: Box) -> Box:
    """A crop of `place`, in units of what `place` is a part of; mirrored where the crop is."""
    width, height = place.x1 - place.x0, place.y1 - place.y0
    return Box(
        place.x0 + crop.x0 * width,
        place.y0 + crop.y0 * height,
        place.x0 + crop.x1 * width,
        place.y0 + crop.y1 * height,
    )


@dataclass(frozen=True)
class FeatureSpec:
    """One way of running the frozen network over an example.

    Attributes:
        size: side in pixels of the square fed to the network; of texts, the most tokens of a window.
        middle: share of a clip that the moments are spread over, in its middle.
        height: in pixels, where the input is no square; `size` is its width then. 0 for squares.
        longest: pixels of a look's longer side where its aspect is kept and the rest of the input is padding
            (kept="maps"); 0 where looks fill the input.
        frames: moments of a clip that are looked at: pictures for a network of pictures, runs of frames for
            a video network; 0 for photos. Of texts, how many windows they are cut into.
        rate: moments a second from the sample's start on; 0 spreads them evenly over the sample.
        crops: parts of the picture, each resized to `size` and fed on its own; empty when every sample
            brings looks of its own, of the number `dynamic_crops`.
        regions: parts of each look whose maps are pooled (kept="pooled").
        blocks: indices of the blocks whose maps are pooled; empty means every block.
        kept: "pooled" for averages and maxima over regions, "map" for the map before block `cut`, "maps" for
            the chosen blocks' maps as they are, one after the other, "raw" for the decoded example itself,
            which no network has seen.
        cut: index of the first trainable block (kept="map").
        frame: what the crops are parts of: the "whole" picture, whatever its shape, or the "square" of its
            shorter side, in which nothing is squeezed (`frame_of`).
        white: the value of grey of more than 8 bits that becomes white; 0 tells it from each picture.
        ranges: of sounds, a look for each of them, in which nothing lies more than so many dB below the
            loudest moment; 0 is what the network's own front end does. Empty is that look alone.
    """

    size: int
    crops: tuple[Box, ...] = (WHOLE,)
    dynamic_crops: int = 0
    regions: tuple[Box, ...] = (WHOLE,)
    blocks: tuple[int, ...] = ()
    kept: str = "pooled"
    cut: int = 0
    frames: int = 0
    rate: float = 0.0
    height: int = 0
    middle: float = 1.0
    longest: int = 0
    frame: str = "whole"
    white: float = 0.0
    ranges: tuple[float, ...] = ()

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels of what is fed to the network."""
        return self.height or self.size, self.size

    def key(self, backbone: "BackboneSource", precision: str) -> str:
        """Name of this pass's shelf in the feature bank: 32 hex digits over all that shapes its rows."""
        facts = {
            "pass": self.facts(),
            "weights": backbone.weights_id,
            "preprocessing": asdict(backbone.preprocessing),
            "precision": precision,
            "format": 2,
        }
        text = json.dumps(facts, sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

    def facts(self) -> dict[str, Any]:
        """What shapes the rows; what came later only where it is used, so that older rows keep their keys."""
        usual = {"height": 0, "middle": 1.0, "longest": 0, "frame": "whole", "white": 0.0, "ranges": ()}
        return {name: value for name, value in asdict(self).items() if usual.get(name, ...) != value}

    def count(self) -> int:
        """How many pictures, or runs of frames, of an example are fed to the network."""
        return max(self.frames, 1) * (len(self.crops) or self.dynamic_crops) * max(len(self.ranges), 1)

    def kinds(self) -> list[int]:
        """For each part a number that is shared by the regions of one size."""
        sizes = [round((box.x1 - box.x0) * (box.y1 - box.y0), 3) for box in self.regions]
        order = sorted(set(sizes), reverse=True)
        return [order.index(size) for size in sizes] * self.count()

    def parts(self, crops: Sequence[Box] = ()) -> tuple[Box, ...]:
        """The region of the frame that each part of a pooled row covers: moments, in them looks, then ranges.

        Args:
            crops: the sample's own looks, where the pass has none.
        """
        looks = [crop for crop in self.crops or crops for _ in range(max(len(self.ranges), 1))]
        once = tuple(_inside(look, region) for look in looks for region in self.regions)
        return once * max(self.frames, 1)


def feature_spec_from(values: Mapping[str, Any]) -> FeatureSpec:
    """The pass whose `asdict` these JSON values are.

    Raises:
        KeyError, TypeError, ValueError: values that no pass has.
    """
    spec = dict(values)
    for name in ("crops", "regions"):
        spec[name] = tuple(Box(*(float(x) for x in box)) for box in spec[name])
    spec["blocks"] = tuple(int(b) for b in spec["blocks"])
    spec["ranges"] = tuple(float(range_db) for range_db in spec.get("ranges", ()))
    return FeatureSpec(**spec)


def _inside(crop: Box, region: Box) -> Box:
    width, height = crop.x1 - crop.x0, crop.y1 - crop.y0
    x0, x1 = sorted((crop.x0 + region.x0 * width, crop.x0 + region.x1 * width))
    return Box(x0, crop.y0 + region.y0 * height, x1, crop.y0 + region.y1 * height)
