"""Logistic regression on parts that may be missing, such as the faces of a photo.

An example's label is that of one of its parts, which is not known: a part counts by how likely the model of
before makes the label for it (expectation-maximisation over instances; Zhang and Goldman 2001, EM-DD).
Classes count the same however many examples they have, so that an example without a part favours none.
"""

from dataclasses import dataclass

import numpy as np

from preseason.arrays.types import Floats, Ints
from preseason.heads.base import TrainingSet, heads
from preseason.heads.linear import logistic_regression
from preseason.inference.heads.best_part import POOLINGS, BestPartHead, Flags, part_rows, pooled, present
from preseason.inference.probabilities import log_softmax
from preseason.runtime.threads import one_blas_thread

STRENGTHS = (0.01, 0.1, 1.0, 10.0)
"""Inverse penalties tried, for each of the d directions of parts of deviation 1 along all together."""
ROUNDS = 3
"""Times that it is asked anew which part of an example its label is of."""
INNER_FOLDS = 3


@dataclass(frozen=True)
class BestPartConfig:
    """Settings: how many columns at the end of a row say where the part lies and are not learnt from."""

    places: int = 0


class BestPart:
    """Fits `BestPartHead`; penalty and pooling are chosen by cross-validation on the set's folds."""

    config = BestPartConfig

    def fit(self, training_set: TrainingSet) -> BestPartHead:
        """The head on all parts that are there; one that favours no class where there are none."""
        places = training_set.config_as(BestPartConfig).places
        rows = part_rows(training_set.features, places)
        there, width = present(rows), rows.shape[-1]
        mean, deviation = _scale(rows[there], width)
        scaled = (rows - mean) / deviation
        training_set.progress.start(training_set.stage, len(STRENGTHS))
        with one_blas_thread():
            strength, pooling = _chosen(scaled, there, training_set)
            weight, bias = _fitted(scaled, there, training_set.targets, training_set.classes, strength)
        training_set.progress.finish()
        return BestPartHead(mean, deviation, weight, bias, pooling, places)


def _scale(parts: Floats, width: int) -> tuple[Floats, Floats]:
    """Mean [d] of parts [m, d], and the one number [1] that makes their squared length 1 on average."""
    if len(parts) < 2:
        return np.zeros(width, np.float32), np.ones(1, np.float32)
    mean = parts.mean(axis=0)
    length = np.sqrt(np.square(parts - mean).sum(axis=1).mean())
    return mean, np.array([max(float(length), 1e-6)], np.float32)


def _chosen(scaled: Floats, there: Flags, training_set: TrainingSet) -> tuple[float, str]:
    """Penalty and pooling with the best log-likelihood of examples that were left out."""
    losses = {(strength, pooling): 0.0 for strength in STRENGTHS for pooling in POOLINGS}
    targets = training_set.targets
    for strength in STRENGTHS:
        for train, held in training_set.folds[:INNER_FOLDS]:
            weight, bias = _fitted(
                scaled[train], there[train], targets[train], training_set.classes, strength
            )
            logs = _each(scaled[held], weight, bias)
            for pooling in POOLINGS:
                said = pooled(logs, there[held], pooling)[np.arange(len(held)), targets[held]]
                losses[strength, pooling] -= float(said[there[held].any(axis=1)].sum())
        training_set.progress.advance()
    return min(losses, key=lambda each: losses[each])


def _fitted(
    scaled: Floats, there: Flags, targets: Ints, classes: int, strength: float
) -> tuple[Floats, Floats]:
    """Weights float32 [d, c] and biases [c]; zeros where no part is there."""
    examples, _ = np.nonzero(there)
    if not len(examples):
        return np.zeros((scaled.shape[-1], classes), np.float32), np.zeros(classes, np.float32)
    parts, labels = scaled[there], targets[examples]
    shares = (1 / np.maximum(there.sum(axis=1), 1))[examples]
    for _ in range(ROUNDS):
        counts = np.bincount(labels, weights=shares, minlength=classes)
        even = shares * counts.sum() / (np.maximum(counts, 1e-9)[labels] * (counts > 0).sum())
        weight, bias = logistic_regression(parts, labels, classes, strength, even.astype(np.float32))
        likely = np.exp(_each(parts[None], weight, bias)[0][np.arange(len(parts)), labels])
        sums = np.bincount(examples, weights=likely, minlength=len(there))
        shares = likely / np.maximum(sums[examples], 1e-9)
    return weight, bias


def _each(scaled: Floats, weight: Floats, bias: Floats) -> Floats:
    logits = np.asarray(scaled @ weight + bias, np.float64)
    return np.asarray(log_softmax(logits.reshape(-1, logits.shape[-1])).reshape(logits.shape), np.float32)


heads.add("best_part", BestPart())
