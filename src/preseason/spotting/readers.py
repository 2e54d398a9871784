"""A model's ways over windows that slide along a video, in bounded memory.

A network of pictures runs over every frame of the grid once, and windows are put together from its rows. A
video network runs over every run of frames once: windows that share a run share its row.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from preseason.arrays.types import Floats, Ints
from preseason.data.dataset import File, Sample
from preseason.engine.extract import Extractor
from preseason.engine.passes import FeatureSpec
from preseason.errors import UsageError
from preseason.inference.features import Features, RowSource
from preseason.inference.pictures import cut_out
from preseason.media.stream import Pixels
from preseason.models.classifier import Model
from preseason.runtime.progress import Silent
from preseason.spotting.scan import STRETCH, Rows

JUDGED = 8
"""Windows of a video network that begin within the length of one, about."""
RUNS_AT_ONCE = 4
"""Runs of frames that a video network is handed together."""

Array = NDArray[Any]


class Network(Protocol):
    """How one pass sees a video."""

    def rows(self, frames: Sequence[Pixels]) -> Array:
        """What is held of each frame, [frames, ...]."""

    def windows(self, held: Array, starts: Ints) -> RowSource:
        """Rows [n, moments x parts, ...] of the windows that begin at `starts` among the held frames."""


class WindowReader:
    """A model over windows around the steps of a grid of time.

    Args:
        rate: frames a second of the grid.
        width: frames from the first to the last one of a window.

    Attributes:
        before, after: frames that a step needs on either side.
        stride: steps from one that is judged to the next; those between have its answer.
    """

    def __init__(self, model: Model, rate: float, width: int) -> None:
        self.model, self.rate = model, rate
        self.candidates = [fitted.candidate for fitted in model.predictor.candidates]
        if not all(candidate.spec.frames for candidate in self.candidates):
            raise UsageError(
                f"This model is one of {model.job.noun}: `spot` needs one of clips or of actions."
            )
        self.before, self.after = width // 2, width - width // 2
        self.stride = stride_of(width) if model.extractors.backbone.preprocessing.frames else 1
        self._plans = list(dict.fromkeys(candidate.spec for candidate in self.candidates))
        self._networks = [_network(model, spec, width) for spec in self._plans]

    def key(self, path: Path) -> str:
        """Names the result by the video's content, the model and the rate."""
        digest = hashlib.blake2b(self.model.job.fingerprint(Sample(File(path))).encode(), digest_size=16)
        digest.update(f"{self.rate:.6f} {self.model.record.fingerprint} {self.model.labels}".encode())
        digest.update(self.model.extractors.backbone.weights_id.encode())
        for fitted in self.model.predictor.candidates:
            for fold_model in fitted.fold_models:
                for name, array in sorted(fold_model.state().arrays.items()):
                    digest.update(name.encode() + np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def rows(self, frames: Sequence[Pixels]) -> Rows:
        """What every pass holds of each frame."""
        return {str(number): network.rows(frames) for number, network in enumerate(self._networks)}

    def predict_proba(self, rows: Rows) -> Floats:
        """Probabilities float32 [n, c] of the n steps that have all their neighbours among the rows."""
        count = len(rows["0"]) - self.before - self.after
        starts = np.arange(0, count, self.stride)
        seen = [network.windows(rows[str(number)], starts) for number, network in enumerate(self._networks)]
        features = {
            candidate.name: Features.of([seen[self._plans.index(candidate.spec)]])
            for candidate in self.candidates
        }
        raw = self.model.predictor.predict_proba(np.arange(len(starts)), features, {}, ())
        known = self.model.known
        answers = known.probabilities(raw.probabilities, known.place(raw.embeddings))
        return np.repeat(answers, self.stride, axis=0)[:count]


def stride_of(width: int) -> int:
    """Steps between the windows of a video network: a power of two, so that it divides every stretch.

    Example:
        >>> stride_of(31)
        4
    """
    return min(int(2 ** np.floor(np.log2(max((width + 1) / JUDGED, 1)))), STRETCH)


class FrameNetwork:
    """A network of pictures; the rows of frames are held.

    Args:
        places: int64 [moments], where in a window it looks.
    """

    def __init__(self, extractor: Extractor, places: Ints) -> None:
        self._extractor, self._places = extractor, places

    def rows(self, frames: Sequence[Pixels]) -> Array:
        """Rows of single frames, float16 [frames, parts, ...]."""
        crops = list(looks_of(frames, self._extractor.spec))
        return np.stack(self._extractor.rows(crops, Silent().say)).astype(np.float16)

    def windows(self, held: Array, starts: Ints) -> RowSource:
        """Rows of frames side by side, put together when read."""
        return _Windows(held, self._places, starts)


class RunNetwork:
    """A video network; the pictures are held, since its rows are those of whole runs.

    Args:
        places: int64 [moments, run], which frames of a window each run holds.
    """

    def __init__(self, extractor: Extractor, places: Ints) -> None:
        self._extractor, self._places = extractor, places

    def rows(self, frames: Sequence[Pixels]) -> Array:
        """The network's looks at single frames, uint8 [frames, looks, size, size, 3]."""
        return looks_of(frames, self._extractor.spec)

    def windows(self, held: Array, starts: Ints) -> RowSource:
        """Rows of windows; every different run goes through the network once."""
        wanted = starts[:, None, None] + self._places
        different, back = np.unique(wanted.reshape(-1, wanted.shape[2]), axis=0, return_inverse=True)
        rows: list[Array] = []
        for first in range(0, len(different), RUNS_AT_ONCE):
            runs = [held[run].swapaxes(0, 1) for run in different[first : first + RUNS_AT_ONCE]]
            rows += [row.astype(np.float16) for row in self._extractor.rows(runs, Silent().say)]
        shape = (len(starts), -1, *rows[0].shape[1:])
        return np.asarray(np.stack(rows)[back.ravel()].reshape(shape))


class _Windows:
    """Rows of windows [n, moments x parts, ...] that are put together from rows of frames when read."""

    def __init__(self, held: Array, places: Ints, starts: Ints) -> None:
        self._held, self._places, self._starts = held, places, starts
        self.shape = (len(starts), len(places) * held.shape[1], *held.shape[2:])

    def __getitem__(self, index: Any) -> Array:
        steps = self._starts[index]
        windows: Array = self._held[steps[:, None] + self._places]
        return windows.reshape(len(steps), *self.shape[1:])


def looks_of(frames: Sequence[Pixels], spec: FeatureSpec) -> Pixels:
    """What a pass looks at in each frame, uint8 [frames, looks, size, size, 3]."""
    return np.stack([np.stack([cut_out(frame, box, spec.shape) for box in spec.crops]) for frame in frames])


def places_of(spec: FeatureSpec, run: int, width: int) -> Ints:
    """Where in a window, counted from its first frame to frame `width`, a pass looks: int64 [moments x run].

    Example:
        >>> places_of(FeatureSpec(224, frames=3, middle=0.5), 1, 8).tolist()
        [2, 4, 6]
    """
    left_out = (1 - spec.middle) / 2 * width
    return np.linspace(left_out, width - left_out, spec.frames * run).round().astype(np.int64)


def _network(model: Model, spec: FeatureSpec, width: int) -> Network:
    extractors, run = model.extractors, model.extractors.backbone.preprocessing.frames
    one = Extractor(
        extractors.backbone, replace(spec, frames=1), extractors.decoder, extractors.cache, extractors.device
    )
    places = places_of(spec, max(run, 1), width)
    return RunNetwork(one, places.reshape(spec.frames, run)) if run else FrameNetwork(one, places)
