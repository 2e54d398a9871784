"""Two models on one labelled set, so that nobody ships noise."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from preseason.data.audit import audit
from preseason.data.dataset import Sample, Skipped
from preseason.data.split import group_numbers
from preseason.errors import DataError, UsageError
from preseason.evaluation.paired import Difference, examples_needed, paired
from preseason.inference.answers import BatchPredictions
from preseason.models.classifier import Model
from preseason.results import Figure
from preseason.runtime.progress import Progress, Silent
from preseason.tasks.reading import opened, read_labelled


@dataclass(frozen=True)
class Changed:
    """An example that one model answers rightly and the other does not."""

    input: str
    truth: str
    first: str
    second: str


@dataclass(frozen=True)
class Comparison:
    """What two models reach on the same examples.

    Attributes:
        first, second: figures of each alone.
        difference: of the second against the first.
        verdict: what follows, in a sentence or two.
        needed: about how many examples would tell them apart; None where they are apart or never differ.
        learnt: how many of the examples the first and the second have learnt from.
        changed: examples that one of them alone answers rightly, those gained by the second first.
    """

    first: dict[str, Figure]
    second: dict[str, Figure]
    difference: Difference
    verdict: str
    needed: int | None
    learnt: tuple[int, int]
    changed: tuple[Changed, ...]
    skipped: tuple[Skipped, ...]
    warnings: tuple[str, ...]


def compare(
    first: Model,
    second: Model,
    data: str | Path,
    *,
    text: str | None = None,
    label: str | None = None,
    path: str | None = None,
    rename: Sequence[str] = (),
    names: tuple[str, str] = ("A", "B"),
    progress: Progress | None = None,
) -> Comparison:
    """Compare two models on labelled data neither has seen, with a paired confidence interval.

    Duplicates, near-duplicates and groups named in the data count as one piece of evidence.

    Args:
        first, second: models for the same kind of data.
        data: labelled as for `fit`.
        text, label, path: columns of a table: of texts, labels, files.
        rename: `OLD=NEW` for labels that the models call otherwise.
        names: names of the models in the verdict.

    Raises:
        UsageError: the models are for different kinds of data.
        DataError: it contains nothing usable.

    Example:
        preseason.compare(preseason.load("old"), preseason.load("new"), "test/").verdict
    """
    if first.task != second.task:
        raise UsageError(f"{names[0]} is a model of {first.task}, {names[1]} one of {second.task}.")
    shown = progress or Silent()
    columns = first.columns((data,), text, label, path, rename)
    labelled, told = read_labelled(
        first.job, opened(data, first.extractors.cache, columns), columns, first.labels
    )
    found = audit(labelled, first.job.signature, shown)
    each = [model.answers(found.dataset.samples, shown) for model in (first, second)]
    one, two, samples = _shared(each[0][0], each[1][0])
    if not samples:
        raise DataError(f"None of the {first.job.noun} in {data} could be read by both models.")
    problem = first.problem
    right = problem.right(one), problem.right(two)
    difference = paired(*right, group_numbers(samples))
    learnt = (int(first.has_learnt(samples).sum()), int(second.has_learnt(samples).sum()))
    return Comparison(
        problem.measure(one),
        problem.measure(two),
        difference,
        verdict(difference, names),
        None if difference.sure else examples_needed(difference),
        learnt,
        _changed(one, two, right),
        found.dataset.skipped + tuple({each.path: each for _, failed in each for each in failed}.values()),
        (*told, *_warnings(first, second, samples, learnt, names)),
    )


def verdict(difference: Difference, names: tuple[str, str]) -> str:
    """Which is better, by how much, and whether that may be chance."""
    points, low, high = (100 * v for v in (difference.difference, difference.low, difference.high))
    if difference.only_first + difference.only_second == 0:
        return f"{names[0]} and {names[1]} get the same examples right: no difference can be seen here."
    if points == 0:
        return f"{names[0]} and {names[1]} are right equally often (-{-low:.1f} to {high:.1f} points)."
    better, worse = names[::-1] if points > 0 else names
    if points < 0:
        points, low, high = -points, -high, -low
    told = f"{better} is better than {worse} by {points:.1f} points (95 % CI {low:.1f} to {high:.1f})"
    if difference.sure:
        return f"{told}: more than chance."
    needed = examples_needed(difference)
    return (
        f"{told}: this may be chance. About {needed} examples would be needed to tell, if the "
        "difference is real."
    )


def _shared(
    one: BatchPredictions, two: BatchPredictions
) -> tuple[BatchPredictions, BatchPredictions, list[Sample]]:
    """The answers to the examples that both could read, in one order."""
    place = {id(sample): index for index, sample in enumerate(two.samples)}
    mine = [index for index, sample in enumerate(one.samples) if id(sample) in place]
    theirs = [place[id(one.samples[index])] for index in mine]
    return _chosen(one, mine), _chosen(two, theirs), [one.samples[index] for index in mine]


def _chosen(answers: BatchPredictions, places: list[int]) -> BatchPredictions:
    return BatchPredictions(
        tuple(answers.samples[i] for i in places),
        answers.labels,
        answers.targets[places],
        answers.probabilities[places],
        answers.distance[places],
    )


def _changed(
    one: BatchPredictions, two: BatchPredictions, right: tuple[NDArray[np.bool_], NDArray[np.bool_]]
) -> tuple[Changed, ...]:
    first, second = right
    said = [[each.labels[i] for i in each.probabilities.argmax(axis=1)] for each in (one, two)]
    order = [*np.flatnonzero(second & ~first), *np.flatnonzero(first & ~second)]
    return tuple(
        Changed(str(one.samples[i].source), str(one.samples[i].label), said[0][i], said[1][i]) for i in order
    )


def _warnings(
    first: Model, second: Model, samples: list[Sample], learnt: tuple[int, int], names: tuple[str, str]
) -> tuple[str, ...]:
    found = []
    for name, count in zip(names, learnt, strict=True):
        if count:
            found.append(
                f"{name} was trained on {count} of these {len(samples)} examples, so its score is "
                "too good. Compare on data that neither has seen."
            )
    for name, model in zip(names, (first, second), strict=True):
        strange = sorted({str(s.label) for s in samples if s.label not in model.labels})
        if strange:
            found.append(f"{name} does not know {', '.join(strange)}: its answers to these count as wrong.")
    return tuple(found)
