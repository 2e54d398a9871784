"""Whether a batch comes from another world than the examples of training: a new camera, night, another kit.

Compared is what the frozen network shows, untouched by labels: its features, brought to one scale and
projected on a few random directions, less the mean of the class that was answered. So a batch of one player
is no drift, and training examples and new ones are alike where nothing has changed. The test is the energy
distance (Szekely and Rizzo 2013) with its null by permutation. n known examples, m new ones, w directions.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from preseason.arrays.scaling import Pieces, scale_over
from preseason.arrays.types import Floats, Ints
from preseason.inference.sketch import Sketch
from preseason.results import Drift

WIDTH = 48
MIN_EXAMPLES = 10
"""New examples below which nothing can be told."""
MIN_KNOWN = 30
MIN_GROUPS = 4
RARE = 0.05
"""Share of a batch below which a class does not limit with how many known examples it is compared."""
MAX_EXAMPLES = 400
"""Examples of either side that are compared."""
FAR = 0.9
"""Quantile of the distances of training beyond which an example lies far off."""
DRAWS = 999
LEVEL = 0.02
"""p-value below which it is another world. Promised is one false alarm in 20; the room is for examples that
share a scene without anybody knowing."""
SEED = 0


def sketch_of(pieces: Pieces) -> Sketch:
    """The sketch of training's features [n, d], which come in pieces; directions do not depend on them."""
    scale = scale_over(pieces)
    width = len(scale.mean)
    directions = np.random.default_rng(SEED).normal(size=(width, WIDTH)) / np.sqrt(width)
    return Sketch(scale.mean, scale.deviation, directions.astype(np.float16))


@dataclass(frozen=True)
class ReferenceDistribution:
    """What the examples of training look like, as the frozen network sees them.

    Attributes:
        labels: classes of `means`.
        means: float32 [c, w], mean sketch of the examples answered with each class.
        rows: float32 [n, w], sketches less the mean of the answered class, taken without their own fold.
        sure: float32 [n], probability of the answer by a member that had not seen the example.
        right: bool [n], whether that answer was right.
        targets, answered: int64 [n], true classes, and those that were answered.
        groups: int64 [n]; what shares a number (a match) is one piece of evidence.
    """

    labels: tuple[str, ...]
    means: Floats
    rows: Floats
    sure: Floats
    right: NDArray[np.bool_]
    targets: Ints
    answered: Ints
    groups: Ints

    def without(self, label: str) -> "ReferenceDistribution":
        """Without the examples of a class that is removed."""
        if label not in self.labels:
            return self
        gone = self.labels.index(label)
        kept = (self.targets != gone) & (self.answered != gone)
        return replace(
            self,
            labels=self.labels[:gone] + self.labels[gone + 1 :],
            means=np.delete(self.means, gone, axis=0),
            rows=self.rows[kept],
            sure=self.sure[kept],
            right=self.right[kept],
            targets=np.where(self.targets > gone, self.targets - 1, self.targets)[kept],
            answered=np.where(self.answered > gone, self.answered - 1, self.answered)[kept],
            groups=self.groups[kept],
        )

    def residuals(self, plain: Floats, probabilities: Floats, labels: tuple[str, ...]) -> "Batch":
        """The examples of a batch as the world's own: less the mean of the class that was answered.

        Examples answered with a class that was added later are left out: nothing is known of its mean.

        Args:
            plain: float32 [m, w].
            probabilities: float32 [m, c] of `labels`.
        """
        place = np.array([self.labels.index(name) if name in self.labels else -1 for name in labels])
        answered = place[probabilities.argmax(axis=1)]
        kept = answered >= 0
        rows = plain[kept] - self.means[answered[kept]]
        return Batch(rows, probabilities.max(axis=1)[kept], answered[kept])

    def like(self, batch: "Batch") -> Floats:
        """Known examples answered with the classes of the batch, in the same shares where possible."""
        classes, counts = np.unique(batch.answered, return_counts=True)
        share = counts / counts.sum()
        there = np.array([(self.answered == c).sum() for c in classes])
        common = share >= RARE
        size = int((there[common] / share[common]).min()) if common.any() else 0
        if size < MIN_KNOWN // 2:
            return self.rows
        rng = np.random.default_rng(SEED)
        taken = [
            rng.permutation(np.flatnonzero(self.answered == c))[: max(round(size * part), 0)]
            for c, part in zip(classes, share, strict=True)
        ]
        chosen: Floats = self.rows[np.sort(np.concatenate(taken))]
        return chosen

    def state(self) -> dict[str, NDArray[Any]]:
        """Plain arrays to store; `labels` are stored beside them."""
        named = ("means", "rows", "sure", "right", "targets", "answered", "groups")
        return {name: getattr(self, name) for name in named}


@dataclass(frozen=True)
class Batch:
    """New examples in the world's terms.

    Attributes:
        rows: float32 [m, w], sketches less the mean of the answered class.
        sure: float32 [m], probability of the answer.
        answered: int64 [m], classes of the world.
    """

    rows: Floats
    sure: Floats
    answered: Ints


def world_of(
    labels: tuple[str, ...], plain: Floats, oof_proba: Floats, targets: Ints, folds: Ints, groups: Ints
) -> ReferenceDistribution:
    """The world of n examples of training.

    Args:
        plain: float32 [n, w], their sketches.
        oof_proba: float32 [n, c], probabilities by fold models that had not seen them.
        targets: int64 [n].
        folds: int64 [n], by which they were held out; one alone is split by groups.
        groups: int64 [n].
    """
    answered = oof_proba.argmax(axis=1)
    _, numbers = np.unique(groups, return_inverse=True)
    split = folds if len(np.unique(folds)) > 1 else numbers % 4
    rows = np.empty_like(plain)
    for part in np.unique(split):
        own = split == part
        others = ~own if (~own).any() else own
        rows[own] = plain[own] - _means(plain[others], answered[others], len(labels))[answered[own]]
    means = _means(plain, answered, len(labels))
    right = answered == targets
    return ReferenceDistribution(
        labels, means, rows, oof_proba.max(axis=1), right, targets, answered, numbers
    )


def drift_of(reference_distribution: ReferenceDistribution, batch: Batch) -> Drift:
    """Whether new examples come from another world, and what that is expected to cost."""
    rows = batch.rows
    clustered = len(np.unique(reference_distribution.groups)) < len(reference_distribution.rows) / 2
    groups = len(np.unique(reference_distribution.groups))
    if len(rows) < MIN_EXAMPLES:
        return Drift("cannot tell", f"{len(rows)} examples are too few; at least {MIN_EXAMPLES} are needed.")
    if len(reference_distribution.rows) < MIN_KNOWN or (clustered and groups < MIN_GROUPS):
        known = f"{groups} matches or scenes" if clustered else f"{len(reference_distribution.rows)} examples"
        return Drift("cannot tell", f"the model was trained on only {known}.")
    here, there = _evenly(reference_distribution.like(batch)), _evenly(rows)
    distance, p_value = (
        _against_groups(reference_distribution, there) if clustered else energy_test(here, there)
    )
    expected = float(expected_right(reference_distribution, rows, batch.sure).mean())
    usual = float(reference_distribution.right.mean())
    verdict = "other" if p_value < LEVEL else "same"
    return Drift(verdict, _words(verdict, usual, expected), p_value, distance, usual, expected)


def far_off(
    reference_distribution: ReferenceDistribution,
    plain: Floats,
    probabilities: Floats,
    labels: tuple[str, ...],
) -> NDArray[np.bool_]:
    """Which of m examples lie farther off than nine in ten of training; bool [m]."""
    limit = float(np.quantile(np.linalg.norm(reference_distribution.rows, axis=1), FAR))
    place = np.array(
        [
            reference_distribution.labels.index(name) if name in reference_distribution.labels else -1
            for name in labels
        ]
    )
    answered = place[probabilities.argmax(axis=1)]
    off = np.linalg.norm(plain - reference_distribution.means[answered], axis=1)
    return np.asarray((answered >= 0) & (off > limit), np.bool_)


def energy_test(here: Floats, there: Floats, draws: int = DRAWS) -> tuple[float, float]:
    """Energy distance of two samples [n, w] and [m, w], 0 none to 1, and its p-value by permutation."""
    pooled = np.concatenate([here, there])
    apart = _distances(pooled, pooled)
    members = np.zeros((draws + 1, len(pooled)), np.float32)
    members[0, len(here) :] = 1
    rng = np.random.default_rng(SEED)
    for row in members[1:]:
        row[rng.permutation(len(pooled))[: len(there)]] = 1
    found = _energies(apart, members, len(here), len(there))
    return float(max(found[0], 0)), float((found >= found[0] - 1e-9).mean())


def expected_right(reference_distribution: ReferenceDistribution, rows: Floats, sure: Floats) -> Floats:
    """Chance float32 [m] that each answer is right, from how sure it is and how far off the example lies.

    A logistic regression over the examples of training, in which distance never helps.
    """
    from scipy.optimize import minimize

    def design(far: Floats, chance: Floats) -> NDArray[np.float64]:
        odds = np.log(np.clip(chance, 1e-4, 1 - 1e-4) / (1 - np.clip(chance, 1e-4, 1 - 1e-4)))
        return np.stack([np.ones(len(far)), odds, -np.log(far / middle)], axis=1)

    norms = np.linalg.norm(reference_distribution.rows, axis=1)
    middle = max(float(np.median(norms)), 1e-9)
    known = design(np.maximum(norms, 1e-6), reference_distribution.sure)
    signs = np.where(reference_distribution.right, 1.0, -1.0)

    def loss(weights: NDArray[np.float64]) -> float:
        fit = np.logaddexp(0, -signs * (known @ weights)).sum()
        return float(fit + 0.5 * ((weights[1] - 1) ** 2 + (weights[2]) ** 2 / 4))

    bounds = [(None, None), (0, None), (0, None)]
    weights = minimize(loss, np.array([0.0, 1.0, 0.0]), bounds=bounds).x
    asked = design(np.maximum(np.linalg.norm(rows, axis=1), 1e-6), sure)
    return np.asarray(1 / (1 + np.exp(-asked @ weights)), np.float32)


def _words(verdict: str, usual: float, expected: float) -> str:
    points = 100 * (usual - expected)
    cost = (
        f"expect accuracy about {points:.0f} points lower than in the report"
        if points >= 1
        else "how much accuracy that costs cannot be estimated without labels"
    )
    if verdict == "other":
        return f"these inputs differ from the training data: {cost}."
    return "these inputs look like the training data."


def _against_groups(reference_distribution: ReferenceDistribution, there: Floats) -> tuple[float, float]:
    """Distance to all, and how it stands among the distances of each known group to the others."""
    from scipy.stats import t

    own = []
    for group in np.unique(reference_distribution.groups):
        inside = reference_distribution.groups == group
        if inside.sum() >= MIN_EXAMPLES // 2:
            own.append(
                _energy(
                    _evenly(reference_distribution.rows[~inside]),
                    _evenly(reference_distribution.rows[inside]),
                )
            )
    distance = _energy(_evenly(reference_distribution.rows), there)
    if len(own) < MIN_GROUPS:
        return distance, 1.0
    logs = np.log(np.maximum(own, 1e-4))
    spread = max(float(logs.std(ddof=1)), 0.1) * np.sqrt(1 + 1 / len(logs))
    beyond = (np.log(max(distance, 1e-4)) - logs.mean()) / spread
    return distance, float(t.sf(beyond, len(logs) - 1))


def _energy(here: Floats, there: Floats) -> float:
    pooled = np.concatenate([here, there])
    members = np.zeros((1, len(pooled)), np.float32)
    members[0, len(here) :] = 1
    return float(max(_energies(_distances(pooled, pooled), members, len(here), len(there))[0], 0))


def _energies(apart: Floats, members: Floats, n: int, m: int) -> NDArray[np.float64]:
    """Energy distance over twice the mean distance between the sides, of k choices `members` [k, n + m]."""
    to_members = members @ apart
    within = (to_members * members).sum(axis=1).astype(np.float64)
    across = to_members.sum(axis=1) - within
    rest = float(apart.sum()) - within - 2 * across
    between = across / (n * m)
    # Unbiased within: an example has no distance to itself.
    gap = 2 * between - within / (m * max(m - 1, 1)) - rest / (n * max(n - 1, 1))
    return np.asarray(gap / (2 * np.maximum(between, 1e-12)))


def _distances(a: Floats, b: Floats) -> Floats:
    squares = np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1) - 2 * a @ b.T
    return np.asarray(np.sqrt(np.maximum(squares, 0)), np.float32)


def _evenly(rows: Floats) -> Floats:
    if len(rows) <= MAX_EXAMPLES:
        return rows
    return rows[np.linspace(0, len(rows) - 1, MAX_EXAMPLES).round().astype(np.int64)]


def _means(plain: Floats, answered: Ints, classes: int) -> Floats:
    """Mean of each class; one without examples has the mean of all."""
    every = plain.mean(axis=0)
    return np.stack(
        [plain[answered == c].mean(axis=0) if (answered == c).any() else every for c in range(classes)]
    ).astype(np.float32)
