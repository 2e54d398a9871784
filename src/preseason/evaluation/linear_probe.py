"""A linear head on short rows, fitted in milliseconds: what learning curves and checks compare."""

import numpy as np

from preseason.arrays.scaling import rotation_of, scale_of
from preseason.arrays.types import Floats, Ints
from preseason.heads.base import Folds
from preseason.heads.linear import logistic_regression

PENALTY = 3.0
"""Inverse L2 penalty on rows of about length 1."""
MAX_COMPONENTS = 384
SEED = 0


def shorten(rows: Floats, most: int = MAX_COMPONENTS) -> Floats:
    """Rows [n, d] scaled, of about length 1, in their `most` leading directions: float32 [n, r]."""
    scaled = scale_of(rows)(rows) / np.sqrt(np.float32(rows.shape[1]))
    return np.ascontiguousarray(scaled @ rotation_of(scaled, SEED)[:, ::-1][:, :most], np.float32)


def fit_predict(rows: Floats, targets: Ints, classes: int, train: Ints, validation: Ints) -> Ints:
    """Classes int64 [v] of the rows at `validation`, by a head fitted to those at `train`.

    Args:
        rows: float32 [n, r] of about length 1, see `shorten`.
        targets: int64 [n] in 0..classes-1.
        train, validation: positions among the n rows.
    """
    strength = PENALTY / rows.shape[1]
    weight, bias = logistic_regression(rows[train], targets[train], classes, strength)
    return np.asarray((rows[validation] @ weight + bias).argmax(axis=1), np.int64)


def cross_val_predict(rows: Floats, targets: Ints, classes: int, folds: Folds) -> tuple[Ints, Ints]:
    """Predicted classes int64 [n], -1 where no fold asked for one, and the fold [n] that gave each."""
    predicted, fold = np.full(len(targets), -1), np.full(len(targets), -1)
    for number, (train, validation) in enumerate(folds):
        predicted[validation] = fit_predict(rows, targets, classes, train, validation)
        fold[validation] = number
    return predicted, fold
