"""Parts of an example hidden, one at a time: a place painted in the mean colour, a moment frozen over."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from preseason.data.dataset import Sample
from preseason.engine.extract import Decoder
from preseason.engine.passes import WHOLE, Box, FeatureSpec, frame_of, within
from preseason.media.image import size

Array = NDArray[Any]


@dataclass(frozen=True)
class Cover:
    """What is hidden.

    Attributes:
        box: a place, in 0..1 of the picture; of all frames of a clip.
        span: start and end of a time, in 0..1 of the clip.
        crop: show `box` alone, enlarged, rather than hide it.
    """

    box: Box | None = None
    span: tuple[float, float] | None = None
    crop: bool = False


class Hiding:
    """A decoder that hides what a sample's `variant` names among `covers`; others pass as they are."""

    def __init__(self, decoder: Decoder, covers: dict[str, Cover] | None = None) -> None:
        self._decoder, self.covers = decoder, {} if covers is None else covers
        self._held: tuple[str, FeatureSpec, Array] | None = None

    def decode(self, sample: Sample, spec: FeatureSpec) -> Array:
        """What the decoder gives, with the part hidden; same shape and dtype.

        Raises:
            MediaError: the sample cannot be decoded.
        """
        cover = self.covers.get(sample.variant)
        if cover is not None and cover.crop and cover.box is not None:
            return self._decoder.decode(sample, _of_part(cover.box, sample, spec))
        shown = self._decoded(sample, spec)
        if cover is None:
            return shown
        frames = max(spec.frames, 1)
        # [frames x looks, ...] to [frames, looks, ...]
        parts = shown.reshape(frames, len(spec.crops), *shown.shape[1:]).copy()
        if cover.span is not None:
            parts = _frozen(parts, _in_middle(cover.span, spec.middle))
        if cover.box is not None:
            _paint(parts, cover.box, _seen(sample, spec), (parts.shape[-3], parts.shape[-2]))
        return parts.reshape(shown.shape)

    def _decoded(self, sample: Sample, spec: FeatureSpec) -> Array:
        """Decoded once for many variants in a row."""
        # A variant that no cover stands for is hidden by the decoder itself.
        own = "" if sample.variant in self.covers else sample.variant
        key = f"{sample.fingerprint} {sample.span} {own}"
        held = self._held
        if held is not None and held[:2] == (key, spec):
            return held[2]
        shown = self._decoder.decode(sample, spec)
        self._held = (key, spec, shown)
        return shown


def _in_middle(span: tuple[float, float], middle: float) -> tuple[float, float]:
    """A span in 0..1 of a clip in units of its middle part, which may reach beyond 0..1."""
    start, end = (((edge - 0.5) / middle) + 0.5 for edge in span)
    return start, end


def _frozen(parts: Array, span: tuple[float, float]) -> Array:
    """Moments [t, ...] with those inside `span` replaced by the nearest outside."""
    times = (np.arange(len(parts)) + 0.5) / len(parts)
    seen = np.flatnonzero((times < span[0]) | (times >= span[1]))
    if not len(seen):
        return np.broadcast_to(parts.mean(axis=0, keepdims=True), parts.shape).astype(parts.dtype)
    nearest = seen[np.abs(times[:, None] - times[seen]).argmin(axis=1)]
    return np.asarray(parts[nearest])


def _of_part(box: Box, sample: Sample, spec: FeatureSpec) -> FeatureSpec:
    """The spec with its looks taken of `box` as they were of the whole picture."""
    place = within(box, _frame(sample, spec, box))
    return replace(spec, crops=tuple(within(place, crop) for crop in spec.crops), frame="whole")


def _seen(sample: Sample, spec: FeatureSpec) -> list[Box]:
    """The looks in 0..1 of the whole picture."""
    place = _frame(sample, spec, WHOLE)
    return [within(place, crop) for crop in spec.crops]


def _frame(sample: Sample, spec: FeatureSpec, box: Box) -> Box:
    """The spec's frame in the part `box` of the sample's picture, in units of that part."""
    if spec.frame == "whole":
        return WHOLE
    height, width = size(sample.media)
    return frame_of(
        spec.frame, max(1, round((box.y1 - box.y0) * height)), max(1, round((box.x1 - box.x0) * width))
    )


def _paint(parts: Array, box: Box, looks: Sequence[Box], shape: tuple[int, int]) -> None:
    """Paint the box of every look [t, looks, ..., h, w, 3] in the look's mean colour."""
    for number, crop in enumerate(looks):
        view = parts[:, number]
        fill = view.mean(axis=tuple(range(1, view.ndim - 1)), keepdims=True).astype(view.dtype)
        rows, columns = _inside(box, crop, shape)
        mask = np.zeros((*shape, 1), bool)
        mask[rows, columns] = True
        parts[:, number] = np.where(mask, fill, view)


def _inside(box: Box, crop: Box, shape: tuple[int, int]) -> tuple[slice, slice]:
    """Rows and columns of a look's pixels that `box` covers; a mirrored look has x1 < x0."""
    across = sorted((x - crop.x0) / (crop.x1 - crop.x0) for x in (box.x0, box.x1))
    down = sorted((y - crop.y0) / (crop.y1 - crop.y0) for y in (box.y0, box.y1))
    first, second = (
        slice(*(math.floor(float(np.clip(value, 0, 1)) * side + 0.5) for value in pair))
        for pair, side in zip((down, across), shape, strict=True)
    )
    return first, second
