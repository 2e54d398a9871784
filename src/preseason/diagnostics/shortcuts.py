"""The shirt test: judged again with less of every example, from the bank alone.

What colours and textures give, or the surroundings without the middle, was not read off a face; what one
frame gives needs no movement. Linear heads are fitted anew on what is left: that is what could be read there.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from preseason.arrays.types import Floats, Ints
from preseason.backbones.base import Backbone
from preseason.diagnostics.evidence import Evidence
from preseason.diagnostics.locality import layers_of
from preseason.engine.passes import WHOLE, Box
from preseason.evaluation.linear_probe import cross_val_predict, shorten
from preseason.inference.heads.attention import AttentionHead
from preseason.runtime.threads import one_blas_thread
from preseason.training.cross_validation import CrossValResult

MIDDLE = Box(0.25, 0.25, 0.75, 0.75)
UPPER, LOWER = Box(0.0, 0.0, 1.0, 0.5), Box(0.0, 0.5, 1.0, 1.0)
MOSTLY, HARDLY = 0.7, 0.2
"""Share of a region inside a box from which on it counts as inside; and up to which as outside."""
CLOSE = 0.12
"""Regions of at most this share of the picture are close ones."""
Masks = NDArray[np.bool_]


@dataclass(frozen=True)
class Part:
    """Some of every example.

    Attributes:
        key, shown: e.g. `surroundings`, and in words.
        weights: float32 [p], how the parts of a row are averaged.
        columns: int64 columns that are read, or None for all.
        of: key of what it is compared with.
    """

    key: str
    shown: str
    weights: Floats
    columns: Ints | None = None
    of: str = "all"


@dataclass(frozen=True)
class Trial:
    """One part of the examples shown alone.

    Attributes:
        full: accuracy of the same kind of head with everything that `accuracy` is compared with.
    """

    key: str
    shown: str
    accuracy: float
    full: float


@dataclass(frozen=True)
class Shortcuts:
    """What the answers may rest on.

    Attributes:
        chance: accuracy of always naming the commonest class.
        trials: each part shown alone.
    """

    chance: float
    trials: tuple[Trial, ...]

    def share(self, trial: Trial) -> float:
        """How much of what can be known beyond chance is there with that part alone, 0..1."""
        return float(np.clip((trial.accuracy - self.chance) / max(trial.full - self.chance, 1e-9), 0, 1))


def hidden_parts(evidence: Evidence) -> Shortcuts | None:
    """The test on pictures or frames; None where no way reads parts of them."""
    fit = _of_parts(evidence)
    if fit is None:
        return None
    spec = fit.fitted.candidate.spec
    boxes = np.array(spec.parts(), np.float32)
    timed = evidence.modality.timed
    what = "moment" if getattr(evidence.modality, "listened", False) else "frame"
    parts = _frames(boxes, spec.frames, what) if timed else _places(boxes, fit, evidence.backbone)
    right = _regressed(evidence, fit, parts)
    chosen = evidence.targets[evidence.few]
    chance = float(np.bincount(chosen).max() / len(chosen))
    trials = [Trial(p.key, p.shown, right[p.key], right[p.of]) for p in parts if p.shown]
    return Shortcuts(chance, (*trials, *_crops(evidence)))


def _of_parts(evidence: Evidence) -> CrossValResult | None:
    """A way whose rows hold several parts, at the same places for all examples."""
    for fit in evidence.trials.fits:
        spec = fit.fitted.candidate.spec
        own = not fit.fitted.candidate.network and fit.fitted.candidate.crops_from is None
        several = spec.frames > 1 if evidence.modality.timed else len(spec.parts()) > 1
        if own and spec.kept == "pooled" and several:
            return fit
    return None


def _places(boxes: Floats, fit: CrossValResult, backbone: "Backbone") -> list[Part]:
    """The whole picture, its colours, and places of it, as far as there are layers that see nothing else."""
    spec = fit.fitted.candidate.spec
    whole = _mean(np.all(boxes == np.array(WHOLE, np.float32), axis=1))
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    inside = _inside(boxes, MIDDLE)
    around = (inside <= HARDLY) & (area < CLOSE)
    found = [Part("all", "", whole)]
    if not around.any() or len(spec.crops) > 1:
        return found
    layers = layers_of(backbone, spec, np.flatnonzero(around))
    if len(layers.first):
        found.append(Part("colours", "only colours and textures", whole, layers.first))
    if not len(layers.local):
        return found
    masks = [
        ("surroundings", "only the surroundings", around),
        ("middle", "only the middle", inside >= MOSTLY),
        ("upper", "only the upper half", _inside(boxes, UPPER) >= MOSTLY),
        ("lower", "only the lower half", _inside(boxes, LOWER) >= MOSTLY),
    ]
    found.append(Part("near", "", whole, layers.local))
    return found + [
        Part(key, said, _mean(mask), layers.local, "near") for key, said, mask in masks if mask.any()
    ]


def _frames(boxes: Floats, frames: int, what: str) -> list[Part]:
    """All moments of a clip or sound, each a `what`, and some alone."""
    moment = np.repeat(np.arange(frames), len(boxes) // frames)
    every = [
        ("all", "", moment >= 0),
        (f"one {what}", f"only one {what}, the middle one", moment == frames // 2),
        ("beginning", "only the first half", moment < frames / 2),
        ("end", "only the second half", moment >= frames / 2),
    ]
    return [Part(key, shown, _mean(mask)) for key, shown, mask in every]


def _mean(mask: Masks) -> Floats:
    return np.asarray(mask / max(mask.sum(), 1), np.float32)


def _inside(boxes: Floats, box: Box) -> Floats:
    """Share of each region that lies inside `box`, float32 [p]."""
    width = np.minimum(boxes[:, 2], box.x1) - np.maximum(boxes[:, 0], box.x0)
    height = np.minimum(boxes[:, 3], box.y1) - np.maximum(boxes[:, 1], box.y0)
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return np.asarray(width.clip(0) * height.clip(0) / np.maximum(area, 1e-9), np.float32)


def _regressed(evidence: Evidence, fit: CrossValResult, parts: list[Part]) -> dict[str, float]:
    """Accuracy of a linear head on each part, over the folds of the fit."""
    chosen = evidence.few
    features = evidence.trials.features[fit.fitted.candidate.name].take(chosen)
    pieces: dict[str, list[Floats]] = {part.key: [] for part in parts}
    for chunk in features.chunks():
        rows = features.rows(0, chunk)
        for part in parts:
            mixed = np.einsum("p,npd->nd", part.weights, rows)
            pieces[part.key].append(mixed if part.columns is None else mixed[:, part.columns])
    with one_blas_thread():
        return {key: _accuracy(evidence, np.concatenate(pieces.pop(key))) for key in list(pieces)}


def _accuracy(evidence: Evidence, rows: Floats) -> float:
    chosen = evidence.few
    targets, place = evidence.targets[chosen], np.full(len(evidence.targets), -1)
    place[chosen] = np.arange(len(chosen))
    sides = [(place[train], place[held]) for train, held in evidence.folds]
    folds = [(train[train >= 0], held[held >= 0]) for train, held in sides]
    said, _ = cross_val_predict(shorten(rows), targets, len(evidence.labels), folds)
    seen = said >= 0
    return float((said[seen] == targets[seen]).mean())


def _crops(evidence: Evidence) -> list[Trial]:
    """The closer look with its crops alone, which went through the network on their own, and without them."""
    for fit in evidence.trials.fits:
        candidate = fit.fitted.candidate
        if candidate.head == "attention" and candidate.crops_from is not None and candidate.joined:
            features = evidence.trials.features[candidate.name]
            first = features.sources[0].shape[1]
            count = sum(source.shape[1] for source in features.sources)
            far = np.arange(count) < first
            full, near, without = _by_attention(evidence, fit, np.stack([far | True, ~far, far])[:, None])
            return [
                Trial("crops", "only the closest crops", near, full),
                Trial("no crops", "without the closest crops", without, full),
            ]
    return []


def _by_attention(evidence: Evidence, fit: CrossValResult, masks: Masks) -> list[float]:
    """Accuracy [m] of the way's own unseeing members on the parts that are left."""
    features = evidence.trials.features[fit.fitted.candidate.name]
    right = []
    for fold_model, (_, held) in zip(fit.fitted.fold_models, evidence.folds, strict=False):
        if isinstance(fold_model, AttentionHead):
            said = fold_model.within(features.take(held), masks).argmax(axis=2)
            right.append(said == evidence.targets[held])
    return [float(share) for share in np.concatenate(right, axis=1).mean(axis=1)]
