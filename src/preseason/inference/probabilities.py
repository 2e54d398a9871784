"""From logits to calibrated probabilities, and those of several candidates together."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from preseason.arrays.types import Floats


def softmax(logits: Floats, temperature: float = 1.0) -> Floats:
    """float32 [n, c] probabilities of logits [n, c] divided by `temperature`; rows sum to 1."""
    return np.exp(log_softmax(np.asarray(logits, np.float64) / temperature)).astype(np.float32)


def log_softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logarithms of the probabilities of logits [n, c]."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    logs: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return logs


def averaged(each: Sequence[Floats], weights: Sequence[float] = ()) -> Floats:
    """The normalised geometric mean of probabilities [n, c]: a way that is sure of a no is heard.

    Args:
        weights: one for each, which need not sum to 1; all the same where there are none.
    """
    found = [np.log(np.maximum(p, 1e-9)) for p in each]
    if weights:
        logs = np.sum([weight * log for weight, log in zip(weights, found, strict=True)], axis=0)
    else:
        logs = np.mean(found, axis=0)
    means = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray(means / means.sum(axis=1, keepdims=True), np.float32)


def sharpened(probabilities: Floats, temperature: float) -> Floats:
    """Probabilities [n, c] raised to 1 / temperature and normalised."""
    powered = np.maximum(probabilities, 1e-12) ** np.float32(1 / temperature)
    return np.asarray(powered / powered.sum(axis=1, keepdims=True), np.float32)


def joined(network: Floats, vectors: Floats, weight: Floats, bias: Floats) -> Floats:
    """Probabilities of a network's classes and of those that were added later, float32 [n, c].

    Added classes get what a linear probe on the vectors gives them; the network's classes share the rest.

    Args:
        network: float32 [n, classes of the network].
        vectors: float32 [n, d].
        weight, bias: of the probe, float32 [d, c] and [c].
    """
    own = np.asarray(network / np.maximum(network.sum(axis=1, keepdims=True), 1e-9), np.float32)
    if weight.shape[1] == network.shape[1]:
        return own
    probe = softmax(vectors @ weight + bias, 1.0)
    new = probe[:, network.shape[1] :]
    return np.concatenate([own * (1 - new.sum(axis=1, keepdims=True)), new], axis=1).astype(np.float32)
