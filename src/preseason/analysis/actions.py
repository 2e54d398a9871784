"""What to do about errors: each repair with the errors it is expected to mend and the minutes it takes."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from preseason.analysis.causes import Error
from preseason.formatting import shell_word
from preseason.inference.answers import BatchPredictions
from preseason.openset.reference_set import ReferenceSet

MORE = 20
"""Further labels that are proposed for a class."""
LABEL_MIN, CHECK_MIN, CROP_MIN, COMMAND_MIN = 0.2, 0.25, 0.5, 1.0
"""Minutes for a label, for a look at a label, for a crop, for a command: a person's, roughly."""
MENDED_BY_ADDING = 0.8
DECAY = 0.5
"""Errors fall with the number of labels to this power (Hestness et al. 2017, arXiv 1712.00409)."""
SHOWN = 3
MIN_TO_ADD = 3


@dataclass(frozen=True)
class Repair:
    """One thing to do.

    Attributes:
        words: what to do.
        command: to run for it; empty where a person does it by hand.
        mends: about how many of the errors it mends.
        minutes: of a person's time.
        inputs: examples it is about.
    """

    words: str
    command: str
    mends: float
    minutes: float
    inputs: tuple[str, ...]


def repairs_of(
    errors: Sequence[Error], answers: BatchPredictions, known: ReferenceSet, model: str, data: str
) -> tuple[Repair, ...]:
    """The three repairs that mend most for a minute of a person's time.

    Args:
        model, data: as they are named in commands.
    """
    found = [
        *_checks(errors, answers),
        *_additions(errors, answers, model),
        *_crops(errors, answers),
        *_adapting(errors, answers, model, data),
        *_labels(errors, answers, known),
        *_pairs(errors, answers, known),
    ]
    return tuple(sorted(found, key=lambda each: -each.mends / each.minutes)[:SHOWN])


def _inputs(errors: Sequence[Error], answers: BatchPredictions) -> tuple[str, ...]:
    return tuple(str(answers.samples[each.place].source) for each in errors)


def _of(errors: Sequence[Error], cause: str) -> list[Error]:
    return [each for each in errors if each.cause == cause]


def _checks(errors: Sequence[Error], answers: BatchPredictions) -> list[Repair]:
    mine = _of(errors, "label")
    if not mine:
        return []
    words = (
        f"Check {_count(len(mine), 'label')}: the model and the nearest examples disagree with "
        f"{('it' if len(mine) == 1 else 'them')}."
    )
    return [Repair(words, "", len(mine), CHECK_MIN * len(mine), _inputs(mine, answers))]


def _additions(errors: Sequence[Error], answers: BatchPredictions, model: str) -> list[Repair]:
    mine = _of(errors, "unknown")
    counts = Counter(str(answers.samples[each.place].label) for each in mine)
    found = []
    for label, count in counts.items():
        own = [each for each in mine if answers.samples[each.place].label == label]
        if count >= MIN_TO_ADD:
            words = f"Add the class {label} from these {count} examples, without fitting again."
            command = f"preseason add {shell_word(model)} {shell_word(label)} PATHS"
            inputs = _inputs(own, answers)
            found.append(Repair(words, command, MENDED_BY_ADDING * count, COMMAND_MIN, inputs))
    return found


def _crops(errors: Sequence[Error], answers: BatchPredictions) -> list[Repair]:
    mine = _of(errors, "crop")
    if not mine:
        return []
    words = f"Crop {_count(len(mine), 'picture')} closer to the subject: then the answer is right."
    return [Repair(words, "", len(mine), CROP_MIN * len(mine), _inputs(mine, answers))]


def _adapting(errors: Sequence[Error], answers: BatchPredictions, model: str, data: str) -> list[Repair]:
    mine = _of(errors, "drift")
    if not mine:
        return []
    words = f"Label {MORE} examples of this new kind of data, chosen by `next`, and fit again with them."
    mends = len(mine) * (1 - (1 + MORE / 10) ** -DECAY)
    command = f"preseason next {shell_word(model)} {shell_word(data)} -n {MORE}"
    return [Repair(words, command, mends, LABEL_MIN * MORE, _inputs(mine, answers))]


def _labels(errors: Sequence[Error], answers: BatchPredictions, known: ReferenceSet) -> list[Repair]:
    found = []
    for label, own in _by_truth(_of(errors, "few labels"), answers).items():
        count = _known_of(known, label)
        words = f"Label {MORE} more of {label} ({count} now)."
        found.append(
            Repair(words, "", _mended(len(own), count, MORE), LABEL_MIN * MORE, _inputs(own, answers))
        )
    return found


def _pairs(errors: Sequence[Error], answers: BatchPredictions, known: ReferenceSet) -> list[Repair]:
    pairs: dict[tuple[str, str], list[Error]] = {}
    said = answers.probabilities.argmax(axis=1)
    for each in _of(errors, "look-alike"):
        truth, answer = (int(answers.targets[each.place]), int(said[each.place]))
        first, second = sorted((known.labels[truth], known.labels[answer]))
        pairs.setdefault((first, second), []).append(each)
    found = []
    for (one, other), own in pairs.items():
        count = min(_known_of(known, one), _known_of(known, other))
        words = f"Label {MORE // 2} more each of {one} and {other}, where they look alike."
        mends = _mended(len(own), count, MORE // 2)
        found.append(Repair(words, "", mends, LABEL_MIN * MORE, _inputs(own, answers)))
    return found


def _by_truth(errors: Sequence[Error], answers: BatchPredictions) -> dict[str, list[Error]]:
    found: dict[str, list[Error]] = {}
    for each in errors:
        found.setdefault(str(answers.samples[each.place].label), []).append(each)
    return found


def _known_of(known: ReferenceSet, label: str) -> int:
    return int((known.targets == known.labels.index(label)).sum())


def _mended(errors: int, count: int, more: int) -> float:
    """Errors that `more` labels of a class of `count` mend, by the usual power law."""
    return errors * (1 - float(np.power(max(count, 1) / (max(count, 1) + more), DECAY)))


def _count(number: int, noun: str) -> str:
    return f"1 {noun}" if number == 1 else f"{number} {noun}s"
