"""Logistic regression on every block's pooled features (Head2Toe, Evci et al. 2022, arXiv 2201.03529)."""

import warnings
from contextlib import nullcontext
from typing import Any

import numpy as np
from numpy.typing import NDArray

from preseason.arrays.scaling import ROWS, Scale, rotation_of, sample_of, scale_over
from preseason.arrays.types import Floats, Ints
from preseason.heads.base import NoConfig, TrainingSet, heads
from preseason.heads.streamed import in_a_file, logistic_regression_over
from preseason.inference.heads.linear import LinearHead
from preseason.runtime.threads import one_blas_thread

STRENGTHS = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 1.0)
"""Inverse penalties tried, on features of deviation 1 divided by the square root of their number."""
USUAL = 10.0
"""Inverse penalty, relative to all examples, that is good on most data. Others must be likelier by the square
of the distance in powers of ten, so that a handful of examples does not decide for an extreme one."""
PATIENCE = 2
"""Weaker penalties that may be worse one after the other before no weaker one is tried: they take longest."""
LARGE = 20_000_000
"""Values from which on a second thread gains more than its waiting costs."""
INNER_FOLDS = 2
"""Folds that choose the penalty; more hardly change the choice."""
MANY = 2000
"""Examples from which on one fold chooses it, on the leading directions alone."""
LEADING = 1024
STREAMED = 20_000
"""Examples from which on short rows lie in a file, and so many of them choose the penalty."""


class Linear:
    """Fits `LinearHead`; the penalty is chosen by cross-validation on the training set's folds."""

    config = NoConfig

    def fit(self, training_set: TrainingSet) -> LinearHead:
        """Logistic regression with the strength of the best cross-validated log-likelihood."""
        features = training_set.features
        width = features.sources[0].shape[-1]
        with one_blas_thread() if len(features) * width < LARGE else nullcontext():
            scale = scale_over(lambda: features.wholes(ROWS))
            unit = np.sqrt(np.float32(width))
            sample = features.take(np.sort(sample_of(len(features), training_set.seed)))
            # Beyond as many as there are features the directions are rounding.
            rotation = rotation_of(scale(sample.whole()) / unit, training_set.seed)[:, -width:]
            short = _shortened(training_set, scale, rotation)
        with one_blas_thread():
            fitted = _regressed if len(features) <= STREAMED else _regressed_in_pieces
            weight, bias = fitted(short, training_set)
        unrotated = rotation @ weight / np.sqrt(np.float32(len(rotation)))
        return LinearHead(scale, unrotated.astype(np.float32), bias)


def logistic_regression(
    x: Floats, targets: Ints, classes: int, strength: float, counts: Floats | None = None
) -> tuple[Floats, Floats]:
    """Weights float32 [d, c] and biases [c] of a multinomial logistic regression.

    A class without examples gets a bias of -30: it is never the answer.

    Args:
        x: float32 [n, d].
        strength: inverse of the L2 penalty, relative to one example.
        counts: float32 [n], how much each example counts; 1 by default.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    weight = np.zeros((x.shape[1], classes), np.float32)
    bias = np.full(classes, -30.0, np.float32)
    present = np.unique(targets)
    if len(present) == 1:
        bias[present] = 0
        return weight, bias
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = LogisticRegression(C=strength * x.shape[1], max_iter=200).fit(x, targets, counts)
    coefficients, intercept = _both_sides(fitted)
    weight[:, present], bias[present] = coefficients.T, intercept
    return weight, bias


def _shortened(training_set: TrainingSet, scale: Scale, rotation: Floats) -> NDArray[Any]:
    """Scaled rows along the directions, in units of their width: float32 [n, r], or float16 in a file."""
    features, shape = training_set.features, (len(training_set.features), rotation.shape[1])
    if len(features) <= STREAMED:
        short: NDArray[Any] = np.empty(shape, np.float32)
    else:
        checkpoint = training_set.checkpoint
        short = in_a_file(shape, None if checkpoint is None else checkpoint.parent)
    for chunk, rows in zip(features.chunks(ROWS), features.wholes(ROWS), strict=True):
        short[chunk[0] : chunk[-1] + 1] = scale(rows) @ rotation / np.sqrt(np.float32(len(rotation)))
    return short


def _regressed_in_pieces(x: NDArray[Any], training_set: TrainingSet) -> tuple[Floats, Floats]:
    """The regression on rows in a file, begun at that on some of them, which choose the strength."""
    few = np.sort(np.random.default_rng(training_set.seed).choice(len(x), STREAMED, replace=False))
    folds = [tuple(np.flatnonzero(np.isin(few, side)) for side in fold) for fold in training_set.folds[:1]]
    some = training_set.part(few, [(train, validation) for train, validation in folds])
    rows = np.asarray(x[few], np.float32)
    training_set.progress.start(training_set.stage, len(STRENGTHS))
    strength = _best_strength(rows, some)
    training_set.progress.finish()
    start = logistic_regression(rows, some.targets, some.classes, strength)
    return logistic_regression_over(x, training_set.targets, training_set.classes, strength, start)


def _regressed(x: Floats, training_set: TrainingSet) -> tuple[Floats, Floats]:
    """The regression on [n, r] with the strength that cross-validation favours."""
    training_set.progress.start(training_set.stage, len(STRENGTHS))
    strength = _best_strength(x, training_set)
    training_set.progress.finish()
    return logistic_regression(x, training_set.targets, training_set.classes, strength)


def _both_sides(fitted: Any) -> tuple[Floats, Floats]:
    """Coefficients for each class; scikit-learn gives one row for two classes."""
    if len(fitted.classes_) > 2:
        return fitted.coef_, fitted.intercept_
    half, offset = fitted.coef_ / 2, fitted.intercept_ / 2
    return np.concatenate([-half, half]), np.concatenate([-offset, offset])


def _best_strength(x: Floats, training_set: TrainingSet) -> float:
    losses: list[float] = []
    searched = x if len(x) < MANY else x[:, -LEADING:]
    for strength in STRENGTHS:
        doubt = float(np.log10(strength * x.shape[1] / USUAL)) ** 2
        losses.append(_loss(searched, training_set, strength * x.shape[1] / searched.shape[1]) + doubt)
        training_set.progress.advance()
        if len(losses) - 1 - int(np.argmin(losses)) >= PATIENCE:
            break
    return STRENGTHS[int(np.argmin(losses))]


def _loss(x: Floats, training_set: TrainingSet, strength: float) -> float:
    """Cross-validated negative log-likelihood."""
    from scipy.special import log_softmax

    total = 0.0
    for train, validation in training_set.folds[: INNER_FOLDS if len(x) < MANY else 1]:
        weight, bias = logistic_regression(
            x[train], training_set.targets[train], training_set.classes, strength
        )
        likelihood = log_softmax(x[validation] @ weight + bias, axis=1)
        total -= float(likelihood[np.arange(len(validation)), training_set.targets[validation]].sum())
    return total


heads.add("linear", Linear())
