"""Whether something can be learnt from a dataset, said in plain words before any time is spent."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from preseason.data.dataset import Dataset
from preseason.errors import DataError

NAMED = 3  # labels that a warning names
FEW = 5  # examples of a class under which its score says little


def check_trainable(dataset: Dataset, noun: str = "photos", minimum_per_class: int = 2) -> tuple[str, ...]:
    """Warnings about labels and counts; an error where nothing can be learnt.

    A class with fewer than `minimum_per_class` independent examples (groups, after the audit) is kept
    for training and never tested: it cannot be on both sides of the split.

    Raises:
        DataError: no example, one class only, or no class that can be both learnt and tested.
    """
    _refuse_unlearnable(dataset, noun)
    groups = _groups_per_class(dataset)
    lonely = [label for label, count in groups.items() if count < minimum_per_class]
    if len(lonely) == len(groups):
        _refuse_measurements(dataset)
        raise DataError(
            (
                f"Every class of {dataset.root} has fewer than {minimum_per_class} different {noun}, "
                f"so no class can be both learnt and tested. Add {noun}: a handful per class is a "
                "start, 20 are good."
            ),
            code="PS-D04",
        )
    counts = Counter(sample.label for sample in dataset.samples)
    scarce = [label for label in groups if label not in lonely and counts[label] < FEW]
    return (
        *(_lonely(label, counts[label], noun) for label in lonely),
        *_scarce({label: counts[label] for label in scarce}, noun),
        *alike_warnings(dataset.labels),
    )


def alike_warnings(labels: Iterable[str]) -> tuple[str, ...]:
    """What to say of labels that look like one class: they pull the figure that decides down."""
    return tuple(_alike(names) for names in look_alike_labels(labels))


def part_warnings(learnt: Sequence[str], tested: Sequence[str], noun: str) -> tuple[str, ...]:
    """Why a declared test part alone makes a score good or bad.

    Args:
        learnt, tested: the label of each example of the parts.
    """
    absent = sorted(set(tested) - set(learnt))
    found = []
    if absent:
        count = sum(label in absent for label in tested)
        near = {label: other for label in absent for other in _written_otherwise(label, learnt)}
        hints = "; ".join(f"{label!r} may be {other!r}" for label, other in sorted(near.items())[:NAMED])
        more = f" and {len(absent) - NAMED} more" if len(absent) > NAMED else ""
        found.append(
            f"{count} of {len(tested)} test {noun} are of {', '.join(map(repr, absent[:NAMED]))}{more}, of "
            "which the training part has none: no answer to these can be right."
            + (f" {hints}: write one class one way." if hints else "")
        )
    if len(set(tested)) == 1 and len(set(learnt)) > 1:
        found.append(
            f"All test {noun} are of one class, {tested[0]!r}: the score says nothing about the others."
        )
    return tuple(found)


def _written_otherwise(label: str, others: Iterable[str]) -> tuple[str, ...]:
    """Other labels that look like this one."""
    pairs = look_alike_labels([label, *others])
    return tuple(other for names in pairs if label in names for other in names if other != label)


def look_alike_labels(labels: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    """Labels that differ only in case, spaces, dashes or underscores, as sorted tuples.

    Example:
        >>> look_alike_labels(["Messi", "messi", "mo-salah", "Mo Salah", "son"])
        (('Messi', 'messi'), ('Mo Salah', 'mo-salah'))
        >>> look_alike_labels(["-1", "0", "1"])
        ()
    """
    alike: defaultdict[str, list[str]] = defaultdict(list)
    for label in sorted(set(labels)):
        words = label if _is_number(label) else label.casefold().replace("-", " ").replace("_", " ")
        alike["".join(words.split())].append(label)
    return tuple(tuple(names) for names in alike.values() if len(names) > 1)


def _is_number(label: str) -> bool:
    """Whether a dash in front is a sign."""
    try:
        float(label)
    except ValueError:
        return False
    return True


def _refuse_unlearnable(dataset: Dataset, noun: str) -> None:
    if not dataset.samples:
        left_out = f" {len(dataset.skipped)} files were left out." if dataset.skipped else ""
        raise DataError(
            f"{dataset.root} holds no usable {noun}.{left_out} "
            f"Expected one folder per class with {noun} in it.",
            code="PS-D03",
        )
    if len(dataset.labels) < 2:
        only = repr(dataset.labels[0]) if dataset.labels else "none"
        raise DataError(
            (
                f"{dataset.root} has only one class ({only}); at least two are needed. Add a folder "
                f"with {noun} of another class, e.g. 'other'."
            ),
            code="PS-D04",
        )


def _refuse_measurements(dataset: Dataset) -> None:
    """Labels that are all different numbers are measured, not told apart."""
    if len(dataset.labels) > FEW and all(_is_number(label) for label in dataset.labels):
        shown = ", ".join(dataset.labels[:3])
        raise DataError(
            f"The labels of {dataset.root} are {len(dataset.labels)} different numbers ({shown}, "
            "...): that is regression, and preseason does classification. Group the numbers into "
            "a few ranges, e.g. low, middle and high."
        )


def _groups_per_class(dataset: Dataset) -> dict[str, int]:
    groups: dict[str, set[str]] = {label: set() for label in dataset.labels}
    for index, sample in enumerate(dataset.samples):
        if sample.label is not None:
            groups[sample.label].add(f"={sample.group}" if sample.group is not None else f"#{index}")
    return {label: len(members) for label, members in groups.items()}


def _lonely(label: str, count: int, noun: str) -> str:
    what = f"one of the {noun}" if count == 1 else f"{count} {noun} that belong together"
    return f"Class {label!r} has only {what}: it is learnt but cannot be tested."


def _scarce(counts: dict[str, int], noun: str) -> tuple[str, ...]:
    """One warning for all classes whose score says little; none where there are no such classes."""
    if len(counts) <= 1:
        return tuple(
            f"Class {label!r} has only {count} {noun}: its score says little."
            for label, count in counts.items()
        )
    shown = ", ".join(f"{label} {count}" for label, count in list(counts.items())[:NAMED])
    more = f" and {len(counts) - NAMED} more" if len(counts) > NAMED else ""
    return (
        f"{len(counts)} classes have few {noun}, so their scores say little: {shown}{more}. "
        f"{FEW} or more of each are enough to tell.",
    )


def _alike(names: tuple[str, ...]) -> str:
    listed = " and ".join(repr(name) for name in names)
    return (
        f"The labels {listed} look like one class written in different ways; they are kept apart "
        f"(--rename '{names[1]}={names[0]}' joins them)."
    )
