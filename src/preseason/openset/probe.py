"""A linear discriminant over the known examples' vectors, to which a class is added in a moment."""

import warnings

import numpy as np

from preseason.arrays.types import Floats, Ints


def probe(vectors: Floats, targets: Ints, classes: int) -> tuple[Floats, Floats]:
    """Linear discriminant analysis of known examples' vectors: weights float32 [d, c] and biases [c].

    Its one covariance, shrunk by Ledoit and Wolf, is shared by all classes: a new class needs a mean only.
    A class without examples gets a bias of -30: it is never the answer.
    """
    from sklearn.covariance import ledoit_wolf

    weight, bias = np.zeros((vectors.shape[1], classes), np.float32), np.full(classes, -30.0, np.float32)
    present = np.unique(targets)
    if len(present) == 1:
        bias[present] = 0
        return weight, bias
    with warnings.catch_warnings():
        # A class of one example has no spread of its own; that of the others stands for it.
        warnings.filterwarnings("ignore", "Only one sample available")
        means = np.stack([vectors[targets == c].mean(axis=0) for c in present])
    within = vectors - means[np.searchsorted(present, targets)]
    covariance = ledoit_wolf(within, assume_centered=True)[0].astype(np.float64)
    covariance.flat[:: len(covariance) + 1] += 1e-6 * np.trace(covariance) / len(covariance) + 1e-9
    directions = np.linalg.solve(covariance, means.T)
    share = np.array([(targets == c).mean() for c in present])
    weight[:, present] = directions
    bias[present] = np.log(share) - 0.5 * np.einsum("cd,dc->c", means, directions)
    return weight, bias
