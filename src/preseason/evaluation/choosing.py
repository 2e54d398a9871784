"""Which examples to label next: those the model is unsure of, and of these such as differ from each other.

One after the other the example is taken whose doubt times novelty is largest. Doubt is how far the answer is
from certain; novelty is how unlike the example is to those taken before, by cosine, and full from half
of the usual unlikeness on. So frames of one scene share one place among the chosen, and examples that
have nothing in common are taken by doubt alone. n examples, c classes, d width.
"""

import numpy as np

from preseason.arrays.rows import unit_rows
from preseason.arrays.types import Floats, Ints

MAX_EXAMPLES = 20_000
"""Examples that are compared with each other, the most doubtful ones."""
SAMPLE = 500
"""Examples whose unlikeness to each other is the usual one."""
FULL = 0.5
"""Share of the mean unlikeness of two examples from which on novelty is full."""


def doubt(probabilities: Floats) -> Floats:
    """How far each answer is from certain, float32 [n]: 0 sure, 1 - 1/c when all classes are even."""
    return np.asarray(1 - probabilities.max(axis=1), np.float32)


def choose(probabilities: Floats, vectors: Floats, count: int) -> Ints:
    """Positions int64 [at most count] of the examples to label, the most telling first.

    Args:
        probabilities: float32 [n, c], calibrated.
        vectors: float32 [n, d], where the examples lie for the model.
        count: how many are wanted.
    """
    return choose_by(doubt(probabilities), vectors, count)


def choose_by(doubts: Floats, vectors: Floats, count: int) -> Ints:
    """As `choose`, with the doubt of each example given: float32 [n], 0 or more."""
    doubts = doubts + 1e-6
    pool = np.argsort(-doubts, kind="stable")[:MAX_EXAMPLES]
    doubts, unit = doubts[pool], unit_rows(vectors[pool])
    full = _usual(unit)
    novelty = np.ones(len(pool), np.float32)
    taken: list[int] = []
    while len(taken) < min(count, len(pool)):
        worth = doubts * novelty
        # What is taken counts no more, and among copies of it the most doubtful comes next.
        worth[taken] = -1
        pick = int(worth.argmax()) if worth.max() > 0 else int(np.setdiff1d(np.arange(len(pool)), taken)[0])
        taken.append(pick)
        novelty = np.minimum(novelty, (1 - unit @ unit[pick]) / full)
    return pool[taken].astype(np.int64)


def _usual(unit: Floats) -> float:
    """Unlikeness from which on two examples have nothing in common."""
    spread = np.linspace(0, len(unit) - 1, min(len(unit), SAMPLE)).round().astype(np.int64)
    likeness = unit[spread] @ unit[spread].T
    above = likeness[np.triu_indices(len(spread), 1)]
    return max(FULL * float((1 - above).mean()), 1e-6) if len(above) else 1.0
