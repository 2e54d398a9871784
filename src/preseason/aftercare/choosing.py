"""Which examples to label next: those the model is unsure of, and of these such as differ from each other.

What labelling an example would teach is as large as the gradient of the loss that its own answer would give:
the outer product of (probabilities - answer) and vector. Examples are drawn by k-means++ on these gradients
(BADGE, Ash et al. 2020, arXiv 1906.03671), so an example is taken when it is unsure and unlike those taken
before. n examples, c classes, d width.
"""

from dataclasses import dataclass

import numpy as np

from preseason.record import Floats, Ints


@dataclass(frozen=True)
class Gradients:
    """Gradients of n examples by their factors: `weights` [n, c] x `vectors` [n, d], never multiplied out."""

    weights: Floats
    vectors: Floats

    def squares(self) -> Floats:
        """Squared length of each, float32 [n]."""
        return np.asarray(
            np.square(self.weights).sum(axis=1) * np.square(self.vectors).sum(axis=1), np.float32
        )

    def apart(self, place: int) -> Floats:
        """Squared distance of each to the one at `place`, float32 [n]."""
        inner = (self.weights @ self.weights[place]) * (self.vectors @ self.vectors[place])
        squares = self.squares()
        return np.asarray(np.maximum(squares + squares[place] - 2 * inner, 0), np.float32)


def gradients_of(probabilities: Floats, vectors: Floats) -> Gradients:
    """Gradients of the log-loss at the last layer, were each answer right.

    Args:
        probabilities: float32 [n, c].
        vectors: float32 [n, d].
    """
    weights = -np.asarray(probabilities, np.float32)
    best = probabilities.argmax(axis=1)
    weights[np.arange(len(weights)), best] += 1
    scale = np.sqrt(np.square(vectors).sum(axis=1).mean()) if len(vectors) else 1.0
    # A constant beside the vector: an unsure example near the centre teaches the bias.
    wide = np.concatenate([vectors / max(float(scale), 1e-9), np.ones((len(vectors), 1))], axis=1)
    return Gradients(weights, wide.astype(np.float32))


def choose(probabilities: Floats, vectors: Floats, count: int, seed: int = 0) -> Ints:
    """Positions int64 [at most count] of the examples to label, the first the most telling.

    The first is the one with the longest gradient; each further one is drawn with the square of its distance
    to the nearest taken one, or to the gradient of nothing, as weight.

    Args:
        probabilities: float32 [n, c], calibrated.
        vectors: float32 [n, d].
        count: how many are wanted.
        seed: of the draw.
    """
    gradients, rng = gradients_of(probabilities, vectors), np.random.default_rng(seed)
    squares = gradients.squares()
    if not len(squares):
        return np.zeros(0, np.int64)
    taken = [int(squares.argmax())]
    # The origin counts as taken: an example that teaches nothing is no novelty however far the others are.
    nearest = np.minimum(gradients.apart(taken[0]), squares)
    while len(taken) < min(count, len(squares)):
        nearest[taken] = 0
        total = float(nearest.sum())
        left = np.setdiff1d(np.arange(len(squares)), taken)
        pick = int(rng.choice(len(nearest), p=nearest / total)) if total > 1e-12 else int(left[0])
        taken.append(pick)
        nearest = np.minimum(nearest, gradients.apart(pick))
    return np.array(taken, np.int64)
