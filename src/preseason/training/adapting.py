"""Features of another world brought back to where those of training lay.

Each head scales its features by means and deviations of training. These are moved towards the batch's own, as
Schneider et al. 2020 (arXiv 2006.16971) move those of batch normalisation: n new examples count against a
prior of `PRIOR`. Examples are weighted so that the classes have the shares of training: a batch of one player
must not be moved onto the others. Looks that are chosen by attention and fine-tuned blocks stay as they are.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from preseason.arrays.scaling import Scale
from preseason.arrays.types import Floats
from preseason.data.dataset import Sample
from preseason.errors import UsageError
from preseason.inference.candidates import Fitted
from preseason.inference.features import Features
from preseason.inference.head import Head
from preseason.inference.parts import Scales, rows_of, shape_of
from preseason.inference.predictor import FeatureExtractors, Predictor, orders_for
from preseason.results import Adaptation
from preseason.runtime.progress import Progress

PRIOR = 16
MIN_EXAMPLES = 20
MIN_WEIGHT, MAX_WEIGHT = 0.2, 5.0


def adapted(
    predictor: Predictor,
    samples: Sequence[Sample],
    extractors: FeatureExtractors,
    shares: Floats,
    progress: Progress,
) -> tuple[Predictor, Adaptation]:
    """The predictor with its features re-centred on a batch.

    Args:
        samples: the batch, with fingerprints.
        shares: float32 [outputs], shares of the classes in training.

    Raises:
        UsageError: there are fewer than `MIN_EXAMPLES` examples, or no way can be re-centred.
    """
    if len(samples) < MIN_EXAMPLES:
        raise UsageError(
            f"--adapt needs at least {MIN_EXAMPLES} examples to re-centre on, received {len(samples)}."
        )
    candidates: list[Fitted] = []
    moved: dict[str, float] = {}
    for fitted in predictor.candidates:
        own, distance = _way(fitted, samples, extractors, shares, progress)
        candidates.append(own)
        if distance is not None:
            moved[fitted.candidate.name] = distance
    if not moved:
        raise UsageError("--adapt has nothing to re-centre in this model: its heads keep no scale.")
    left = tuple(each.candidate.name for each in predictor.candidates if each.candidate.name not in moved)
    mean = float(np.mean(list(moved.values())))
    return replace(predictor, candidates=tuple(candidates)), Adaptation(
        len(samples), mean, tuple(moved), left
    )


def _way(
    fitted: Fitted,
    samples: Sequence[Sample],
    extractors: FeatureExtractors,
    shares: Floats,
    progress: Progress,
) -> tuple[Fitted, float | None]:
    """A way re-centred; as it is, and None, where it builds on another one or trains blocks."""
    candidate = fitted.candidate
    if candidate.origins or candidate.spec.kept != "pooled":
        return fitted, None
    orders = orders_for(candidate, samples, None, ())
    found = (
        extractors.of(candidate)
        .extractor(candidate.spec)
        .extract(orders, progress, f"reading for {candidate.name}")
    )
    if not len(found.kept):
        return fitted, None
    features = Features.of([found.rows])
    weights = _weights(fitted.probabilities(features), shares)
    changed = [_recentred(fold_model, features, weights) for fold_model in fitted.fold_models]
    return replace(fitted, fold_models=tuple(fold_model for fold_model, _ in changed)), changed[0][1]


def _weights(probabilities: Floats, shares: Floats) -> Floats:
    """float32 [n], mean 1: examples of classes that are rarer here than in training count more."""
    here = np.maximum(probabilities.mean(axis=0), 1e-6)
    weights = np.clip(probabilities @ (shares / here), MIN_WEIGHT, MAX_WEIGHT)
    return np.asarray(weights / weights.mean(), np.float32)


def _recentred(head: Head, features: Features, weights: Floats) -> tuple[Any, float | None]:
    """The head on the batch's scale, and how far that moved it; None where it has no scale to move."""
    scale, scales = getattr(head, "scale", None), getattr(head, "scales", None)
    if isinstance(scale, Scale) and len(scale.mean) == shape_of(features)[1]:
        rows = features.whole()
        moved = _mixed(scale.mean, scale.deviation, rows, weights)
        own: Any = replace(head, scale=Scale(*moved))  # type: ignore[type-var]
        return own, _distance(scale.mean, moved[0], scale.deviation)
    if isinstance(scales, Scales) and len(scales.kinds) == shape_of(features)[0]:
        parts = rows_of(features, np.arange(len(features)))
        mean, deviation = scales.mean.copy(), scales.deviation.copy()
        for kind in range(len(mean)):
            same = np.asarray(parts[:, scales.kinds == kind], np.float32)
            flat, each = same.reshape(-1, same.shape[-1]), np.repeat(weights, same.shape[1])
            mean[kind], deviation[kind] = _mixed(mean[kind], deviation[kind], flat, each, len(features))
        own = replace(head, scales=Scales(scales.kinds, mean, deviation))  # type: ignore[type-var]
        return own, _distance(scales.mean, mean, scales.deviation)
    return head, None


def _mixed(
    mean: Floats, deviation: Floats, rows: Floats, weights: Floats, count: int | None = None
) -> tuple[Floats, Floats]:
    """Mean and deviation float32 [d] of training and of the batch, by their counts."""
    n = len(rows) if count is None else count
    share = np.float32(n / (n + PRIOR))
    part = weights / weights.sum()
    own = part @ rows
    spread = part @ np.square(rows - own)
    mixed = (1 - share) * mean + share * own
    variance = (1 - share) * np.square(deviation) + share * spread
    return np.asarray(mixed, np.float32), np.asarray(np.sqrt(np.maximum(variance, 1e-8)), np.float32)


def _distance(before: Floats, after: Floats, deviation: Floats) -> float:
    return float(np.mean(np.abs(after - before) / np.maximum(deviation, 1e-6)))
