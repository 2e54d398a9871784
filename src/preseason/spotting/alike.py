"""Find more like these: the moments of a video nearest to a few of its times, with no model fitted."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from preseason import backbones
from preseason.arrays.types import Floats
from preseason.backbones.facts import BackboneSource
from preseason.data.audit import fingerprint
from preseason.engine.extract import Extractor
from preseason.engine.networks import device_for
from preseason.engine.passes import WHOLE, FeatureSpec
from preseason.engine.upkeep import WALKS
from preseason.errors import UsageError
from preseason.inference.clip_frames import MAX_SIDE
from preseason.inference.pictures import cut_out
from preseason.media.stream import Pixels
from preseason.runtime.cache_dir import cache_folder
from preseason.runtime.progress import Progress, Silent
from preseason.spotting.scan import Rows, VideoScan
from preseason.spotting.similar import Moment, nearest
from preseason.stores.mirror import here
from preseason.tasks.clips import ClipDecoder

RATE = 2.0
SIDE_STEPS = 2
"""Steps before and after a moment that belong to it: two seconds at the usual rate."""


@dataclass(frozen=True)
class Search:
    """How a video is searched.

    Attributes:
        backbone: name of the network whose features tell what is alike.
        rate: frames a second that are looked at.
        count: moments wanted.
        apart_s: least seconds between two of them.

    Raises:
        UsageError: a number is out of range.
    """

    backbone: str = "efficientnet_lite0"
    rate: float = RATE
    count: int = 20
    apart_s: float = 3.0
    device: str = "auto"
    cache: str | None = None

    def __post_init__(self) -> None:
        if not (self.rate > 0 and self.count >= 1 and self.apart_s >= 0):
            raise UsageError(
                f"rate={self.rate:g}, count={self.count}, apart_s={self.apart_s:g}: expected a rate above 0, "
                "at least one moment, and at least 0 seconds between two."
            )


def alike(
    match: str | Path,
    times_s: Sequence[float],
    search: Search | None = None,
    progress: Progress | None = None,
) -> tuple[Moment, ...]:
    """The moments of a video that are most like the ones at `times_s`, the likest first.

    The video is watched once; a second search of the same video takes a moment.

    Raises:
        UsageError: no time is given, or one lies outside the video.
        MediaError: the video cannot be decoded.
    """
    search = search or Search()
    features = features_of(here(match, cache_folder(search.cache)), search, progress or Silent())
    return nearest(features, times_s, search.rate, search.count, search.apart_s)


def features_of(path: Path, search: Search, progress: Progress) -> Floats:
    """What is seen at each step and how it changes around it: float16 [s, 2 d], mapped from the disk."""
    backbone = backbones.load(search.backbone)
    cache = cache_folder(search.cache)
    spec = FeatureSpec(backbone.preprocessing.size, frames=1)
    extractor = Extractor(backbone, spec, ClipDecoder(0), cache, device_for(search.device))
    extractor.prepare(progress.say)
    folder = cache / WALKS / _key(path, backbone, search)
    scan = VideoScan(path, search.rate, SIDE_STEPS, SIDE_STEPS, MAX_SIDE, folder)

    def rows(frames: Sequence[Pixels]) -> Rows:
        crops = [cut_out(frame, WHOLE, spec.shape)[None] for frame in frames]
        return {"whole": np.stack(extractor.rows(crops, progress.say))[:, 0]}

    return scan.run(rows, _around, progress, f"watching {path.name}")


def _around(rows: Rows) -> Floats:
    """Mean and mean change over a step and its neighbours."""
    shown = np.lib.stride_tricks.sliding_window_view(rows["whole"], 2 * SIDE_STEPS + 1, axis=0)
    mean = shown.mean(axis=-1)
    change = np.abs(np.diff(shown, axis=-1)).mean(axis=-1)
    return np.concatenate([mean, change], axis=1).astype(np.float16)


def _key(path: Path, backbone: BackboneSource, search: Search) -> str:
    text = f"{fingerprint(path)} {backbone.weights_id} {search.rate:.6f} alike 1"
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
