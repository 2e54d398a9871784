"""Logistic regression that abstains from examples in which there was nothing to read, such as motion.

Classes count the same however many examples they have: an example from which it abstains favours none.
"""

import numpy as np
from numpy.typing import NDArray

from preseason.arrays.scaling import Scale, rotation_of, scale_of
from preseason.arrays.types import Floats, Ints
from preseason.heads.base import NoConfig, TrainingSet, heads
from preseason.heads.linear import logistic_regression
from preseason.inference.heads.abstaining import AbstainingHead
from preseason.inference.heads.linear import LinearHead
from preseason.inference.probabilities import log_softmax
from preseason.runtime.threads import one_blas_thread

STRENGTHS = (0.3, 1.0, 3.0, 10.0, 30.0)
"""Inverse penalties tried, on rows whose squared length is 1 on average, relative to all examples."""
INNER_FOLDS = 2


class Abstaining:
    """Fits `AbstainingHead`; the penalty is chosen by cross-validation on the set's folds."""

    config = NoConfig

    def fit(self, training_set: TrainingSet) -> AbstainingHead:
        """The head on all rows that are there; one that always abstains where there are none."""
        rows = training_set.features.whole()
        there, classes = np.asarray(rows.any(axis=1), np.bool_), training_set.classes
        if not there.any():
            return AbstainingHead(_silent(rows.shape[1], classes))
        scale = scale_of(rows[there])
        unit = np.sqrt(np.float32(rows.shape[1]))
        scaled = scale(rows) / unit
        training_set.progress.start(training_set.stage, len(STRENGTHS))
        with one_blas_thread():
            # Fewer rows than columns: nothing is lost in the directions that the rows span.
            turned = there.sum() < rows.shape[1]
            rotation = rotation_of(scaled[there], training_set.seed) if turned else None
            short = scaled if rotation is None else scaled @ rotation
            strength = _chosen(short, there, training_set)
            weight, bias = _fitted(short[there], training_set.targets[there], classes, strength)
        training_set.progress.finish()
        whole = weight if rotation is None else rotation @ weight
        return AbstainingHead(LinearHead(scale, np.asarray(whole / unit, np.float32), bias))


def _silent(width: int, classes: int) -> LinearHead:
    scale = Scale(np.zeros(width, np.float32), np.ones(width, np.float32))
    return LinearHead(scale, np.zeros((width, classes), np.float32), np.zeros(classes, np.float32))


def _chosen(short: Floats, there: NDArray[np.bool_], training_set: TrainingSet) -> float:
    """The penalty with the best log-likelihood of examples that were left out."""
    targets, losses = training_set.targets, []
    for strength in STRENGTHS:
        loss = 0.0
        for train, held in training_set.folds[:INNER_FOLDS]:
            learnt, judged = train[there[train]], held[there[held]]
            if len(learnt) and len(judged):
                weight, bias = _fitted(short[learnt], targets[learnt], training_set.classes, strength)
                said = log_softmax(np.asarray(short[judged] @ weight + bias, np.float64))
                loss -= float(said[np.arange(len(judged)), targets[judged]].sum())
        losses.append(loss)
        training_set.progress.advance()
    return STRENGTHS[int(np.argmin(losses))]


def _fitted(x: Floats, targets: Ints, classes: int, strength: float) -> tuple[Floats, Floats]:
    """Weights float32 [d, c] and biases [c], in which every class counts the same."""
    counts = np.bincount(targets, minlength=classes)
    even = (len(targets) / (np.maximum(counts, 1) * (counts > 0).sum()))[targets]
    return logistic_regression(x, targets, classes, strength / x.shape[1], even.astype(np.float32))


heads.add("abstaining", Abstaining())
