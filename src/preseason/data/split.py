"""Which examples are held out: stratified by class, never cutting a group, the same for the same content."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from preseason.data.dataset import Dataset, Sample
from preseason.errors import DataError

Indices = NDArray[np.int64]


def hold_out(dataset: Dataset, fraction: float, seed: int) -> tuple[Indices, Indices]:
    """Indices of the training part and of the held-out part, int64, rising; together every sample once.

    Where the user made the split it is kept as it is: the test part is held out, or the validation part
    where there is no test part (beside a test part, validation is training material). Otherwise about
    `fraction` of each class is drawn in whole groups. The draw depends on the seed and the content
    (fingerprints, or paths below the root before the audit), not on the order of the samples, and
    adding examples moves few of the others.

    Every class keeps a group in training. A class with two or more groups also has one held out, unless
    its groups are shared with classes that would lose their last training group by it.
    """
    declared = _declared(dataset.samples)
    if declared is None:
        return _drawn(dataset, fraction, seed)
    held = np.fromiter((s.split == declared for s in dataset.samples), bool, len(dataset.samples))
    return np.flatnonzero(~held).astype(np.int64), np.flatnonzero(held).astype(np.int64)


def leaks(dataset: Dataset, train: Indices, test: Indices) -> tuple[tuple[int, int], ...]:
    """Pairs (training index, test index) that share a group: at most one for each held-out sample.

    Empty for a split that `hold_out` has drawn; a split made by the user may leak, and then flatters.
    """
    groups = group_numbers(dataset.samples)
    first = {int(groups[index]): int(index) for index in reversed(train)}
    return tuple((first[int(groups[i])], int(i)) for i in test if int(groups[i]) in first)


def group_numbers(samples: Iterable[Sample]) -> Indices:
    """int64 [n]: samples of one group share a number; a sample without a group has its own."""
    numbers: dict[object, int] = {}
    keys = (sample.group if sample.group is not None else index for index, sample in enumerate(samples))
    return np.fromiter((numbers.setdefault(key, len(numbers)) for key in keys), np.int64)


def folds(labels: Indices, groups: Indices, k: int, seed: int) -> list[tuple[Indices, Indices]]:
    """k (or fewer, where there are fewer groups) pairs of training and validation indices, int64.

    Stratified by class and whole in groups (scikit-learn's StratifiedGroupKFold). Every class stays in
    every training side; a class with one group is in training only, so a sample is validated at most
    once, and exactly once where its classes have groups enough.

    Args:
        labels: int64 [n], class of each sample.
        groups: int64 [n], see `group_numbers`.
        k: folds wished for, at least 2.
        seed: of the shuffle.

    Raises:
        DataError: no two groups can be told apart for validation.
    """
    number = _fold_numbers(labels, groups, k, seed)
    if number.max(initial=-1) < 1:
        raise DataError(
            "Cross-validation needs two or more independent examples of some class, and there are none: "
            "each class has one group only. Add examples from other matches, days or places."
        )
    everyone = np.arange(len(labels), dtype=np.int64)
    pairs = ((everyone[number != fold], everyone[number == fold]) for fold in range(number.max() + 1))
    return [(train, validation) for train, validation in pairs if len(validation)]


def _declared(samples: tuple[Sample, ...]) -> str | None:
    parts = {sample.split for sample in samples}
    held = next((split for split in ("test", "validation") if split in parts), None)
    return held if parts != {held} else None


@dataclass
class _Draw:
    """Groups moving from training to the held-out part, one at a time."""

    counts: dict[str, Counter[str]]  # group -> class -> samples
    target: dict[str, float]  # class -> samples wished for
    taken: Counter[str] = field(default_factory=Counter)
    held: set[str] = field(default_factory=set)
    left: Counter[str] = field(default_factory=Counter)  # class -> groups still in training

    def gain(self, group: str) -> float:
        """By how many samples the held-out part comes nearer to the wish if `group` joins it."""
        return sum(
            abs(self.taken[label] - self.target[label]) - abs(self.taken[label] + n - self.target[label])
            for label, n in self.counts[group].items()
        )

    def movable(self, group: str) -> bool:
        """Whether no class loses its last training group by it."""
        return group not in self.held and all(self.left[label] > 1 for label in self.counts[group])

    def move(self, group: str) -> None:
        """Hold `group` out."""
        self.held.add(group)
        self.taken.update(self.counts[group])
        self.left.subtract(self.counts[group].keys())


def _drawn(dataset: Dataset, fraction: float, seed: int) -> tuple[Indices, Indices]:
    names = _group_names(dataset)
    draw = _new_draw(dataset, names, fraction)
    order = sorted(draw.counts, key=lambda name: _shuffled(name, seed))
    for group in order:
        if draw.gain(group) > 0 and draw.movable(group):
            draw.move(group)
    for label in sorted(draw.target):
        _hold_one(draw, label, order)
    held = np.fromiter((name in draw.held for name in names), bool, len(names))
    return np.flatnonzero(~held).astype(np.int64), np.flatnonzero(held).astype(np.int64)


def _new_draw(dataset: Dataset, names: list[str], fraction: float) -> _Draw:
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    totals: Counter[str] = Counter()
    for name, sample in zip(names, dataset.samples, strict=True):
        counts[name][sample.label or ""] += 1
        totals[sample.label or ""] += 1
    target = {label: max(1.0, round(fraction * n)) for label, n in totals.items()}
    left = Counter(label for group in counts.values() for label in group)
    return _Draw(dict(counts), target, left=left)


def _hold_one(draw: _Draw, label: str, order: list[str]) -> None:
    """The smallest group of a class that has none held out yet, if one can be spared."""
    if draw.taken[label]:
        return
    able = [group for group in order if label in draw.counts[group] and draw.movable(group)]
    if able:
        draw.move(min(able, key=lambda group: draw.counts[group].total()))


def _group_names(dataset: Dataset) -> list[str]:
    """A name for each sample's group that does not depend on the order of the samples."""
    contents = [_content(dataset, sample) for sample in dataset.samples]
    least: dict[str, str] = {}
    for sample, content in zip(dataset.samples, contents, strict=True):
        if sample.group is not None:
            least[sample.group] = min(content, least.get(sample.group, content))
    return [
        f"group {least[sample.group]}" if sample.group is not None else f"single {content}"
        for sample, content in zip(dataset.samples, contents, strict=True)
    ]


def _content(dataset: Dataset, sample: Sample) -> str:
    span = "" if sample.span is None else f" {sample.span[0]} {sample.span[1]}"
    if sample.fingerprint:
        return sample.fingerprint + span
    return sample.source.below(dataset.root) + span


def _shuffled(name: str, seed: int) -> bytes:
    text = f"{seed} {name}".encode("utf-8", "surrogateescape")
    return hashlib.blake2b(text, digest_size=16).digest()


def _fold_numbers(labels: Indices, groups: Indices, k: int, seed: int) -> Indices:
    """int64 [n]: the fold in which a sample is validated, -1 for never."""
    number = np.full(len(labels), -1, np.int64)
    free = _free(labels, groups)
    k = min(k, len(np.unique(groups[free])))
    if k < 2:
        return number
    number[free] = _stratified(labels[free], groups[free], k, seed)
    for label in np.unique(labels[free]):
        _spread(number, labels == label, groups, k)
    for label in np.unique(labels):
        _keep_in_training(number, labels == label, groups)
    return number


def _free(labels: Indices, groups: Indices) -> NDArray[np.bool_]:
    """bool [n]: samples whose group holds no class that has this group only."""
    single = [label for label in np.unique(labels) if len(np.unique(groups[labels == label])) < 2]
    return ~np.isin(groups, groups[np.isin(labels, single)])


def _stratified(labels: Indices, groups: Indices, k: int, seed: int) -> Indices:
    from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

    # scikit-learn refuses or warns about classes rarer than k: they are pooled for the stratification
    rare = np.isin(labels, [label for label in np.unique(labels) if (labels == label).sum() < k])
    strata = np.where(rare, -1, labels)
    enough = not rare.any() or rare.sum() >= k
    splitter = StratifiedGroupKFold if enough else GroupKFold
    folder = splitter(n_splits=k, shuffle=True, random_state=seed)
    number = np.empty(len(labels), np.int64)
    for fold, (_, validation) in enumerate(folder.split(labels, strata, groups)):
        number[validation] = fold
    return number


def _spread(number: Indices, mine: NDArray[np.bool_], groups: Indices, k: int) -> None:
    """Move the smallest group of a class that lies in one fold only to the next fold."""
    inside = np.unique(number[mine])
    if len(inside) > 1:
        return
    candidates, counts = np.unique(groups[mine], return_counts=True)
    number[groups == candidates[counts.argmin()]] = (inside[0] + 1) % k


def _keep_in_training(number: Indices, mine: NDArray[np.bool_], groups: Indices) -> None:
    """A class all of whose groups are validated in one fold gives its largest to training for good."""
    if len(np.unique(number[mine])) > 1 or number[mine][0] < 0:
        return
    candidates, counts = np.unique(groups[mine], return_counts=True)
    number[groups == candidates[counts.argmax()]] = -1
