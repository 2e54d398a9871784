"""How well frozen features suit labels, without training a network. n examples of width d, c classes."""

import numpy as np

from preseason.arrays.rows import unit_rows
from preseason.arrays.scaling import rotation_of, scale_of
from preseason.arrays.types import Floats, Ints
from preseason.heads.base import Folds

NEIGHBOURS = 5
MAX_DIRECTIONS = 256
MAX_STEPS = 30


def neighbour_accuracy(rows: Floats, targets: Ints, folds: Folds) -> float:
    """Cross-validated accuracy of the vote of the nearest neighbours by cosine, weighted by likeness."""
    from sklearn.neighbors import KNeighborsClassifier

    unit = unit_rows(rows)
    right = total = 0
    for train, held in folds:
        count = min(NEIGHBOURS, len(train))
        fitted = KNeighborsClassifier(count, weights="distance").fit(unit[train], targets[train])
        right += int((fitted.predict(unit[held]) == targets[held]).sum())
        total += len(held)
    return right / max(total, 1)


def logme(rows: Floats, targets: Ints) -> float:
    """Log of the maximum evidence of linear models on the rows, per example, mean over classes.

    LogME (You et al. 2021, arXiv 2102.11005), by the fixed point in the space of singular vectors. The rows
    are brought to `MAX_DIRECTIONS` principal ones, so that networks of different width compare.
    """
    left, values, _ = np.linalg.svd(_principal(rows).astype(np.float64), full_matrices=False)
    squares = values**2
    return float(np.mean([_evidence(left, squares, targets == c) for c in np.unique(targets)]))


def _evidence(left: Floats, squares: Floats, is_class: Ints) -> float:
    """Log evidence per example of a Bayesian regression on one class's 0 and 1."""
    y = is_class.astype(np.float64)
    n, d = len(y), len(squares)
    share = (left.T @ y) ** 2
    rest = float(y @ y - share.sum())
    alpha, beta = 1.0, 1.0
    for _ in range(MAX_STEPS):
        ratio = alpha / beta
        gamma = float((squares / (squares + ratio)).sum())
        weight = float((squares * share / (squares + ratio) ** 2).sum())
        missed = float((ratio**2 * share / (squares + ratio) ** 2).sum()) + rest
        # Rows that are all equal explain nothing: the prior must not become infinitely wide.
        new_alpha = max(gamma / max(weight, 1e-12), 1e-12)
        beta = (n - gamma) / max(missed, 1e-12)
        settled = abs(new_alpha / alpha - 1) < 1e-3
        alpha = new_alpha
        if settled:
            break
    ratio = alpha / beta
    weight = float((squares * share / (squares + ratio) ** 2).sum())
    missed = float((ratio**2 * share / (squares + ratio) ** 2).sum()) + rest
    log = d * np.log(alpha) + n * np.log(beta) - n * np.log(2 * np.pi)
    log -= float(np.log(alpha + beta * squares).sum()) + beta * missed + alpha * weight
    return float(log / (2 * n))


def h_score(rows: Floats, targets: Ints) -> float:
    """Share of the features' variance that lies between classes, trace of the whitened part.

    H-score (Bao et al. 2019) with the covariance shrunk by Ledoit and Wolf, as Ibrahim et al. 2021
    (arXiv 2110.06893) propose; largest is c - 1.
    """
    from sklearn.covariance import ledoit_wolf

    x = _principal(rows).astype(np.float64)
    covariance, shrinkage = ledoit_wolf(x, assume_centered=True)
    classes, place = np.unique(targets, return_inverse=True)
    means = np.stack([x[place == index].mean(axis=0) for index in range(len(classes))])[place]
    between = means.T @ means / len(x)
    return float((1 - shrinkage) * np.trace(np.linalg.pinv(covariance, hermitian=True) @ between))


def _principal(rows: Floats) -> Floats:
    """Centred rows of deviation 1 in their leading directions, float32 [n, at most `MAX_DIRECTIONS`]."""
    scaled = scale_of(rows)(rows)
    most = min(MAX_DIRECTIONS, max(len(rows) // 2, 1))
    # Directions come with rising variance.
    return np.asarray(scaled @ rotation_of(scaled, 0)[:, ::-1][:, :most], np.float32)
